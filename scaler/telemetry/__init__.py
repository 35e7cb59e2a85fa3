"""The telemetry port: Prometheus metrics, the live page and its events, the probes of the kubelet."""
