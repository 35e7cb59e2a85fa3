// The definitions of the Gateway API that an API server is taught in tests (devtools/api/gateway_definitions.py).
module readpool/gateway-api

go 1.24.0

require sigs.k8s.io/gateway-api v1.3.0
