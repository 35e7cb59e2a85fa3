"""The alerts of scaler, controller, router and gates themselves. Those of fleets are in readpool.alerts."""

from readpool.alerts.rule import Alert, Dashboard, Severity

_WARNING, _CRITICAL = Severity.WARNING, Severity.CRITICAL
_CONTROL, _ROUTING = Dashboard.CONTROL_PLANE, Dashboard.ROUTING
_DAY_SECONDS = 86_400
_GATE_CONNECTIONS = 1024
_READERS = 'envoy_http_conn_manager_prefix="readers"'

SCALER = (
    Alert(
        "ReadPoolScalerDown",
        "absent(readpool_fleets)",
        "5m",
        _CRITICAL,
        "Prometheus finds no scaler of readpool.",
        "KEDA keeps the size of every fleet as it is, and pools go on with the weights that they last had.",
        _CONTROL,
    ),
    Alert(
        "ReadPoolScalerSlow",
        "histogram_quantile(0.99, sum by (namespace, pod, le) (rate(readpool_event_loop_lag_seconds_bucket[5m])))"
        " > 0.05",
        "15m",
        _WARNING,
        "The scaler {{ $labels.pod }} is late.",
        "Its event loop wakes up {{ $value | humanizeDuration }} late: too little CPU, or too many nodes.",
        _CONTROL,
    ),
    Alert(
        "ReadPoolScalerLimit",
        'sum by (namespace, pod) (rate(readpool_polls_total{outcome="ScalerLimit"}[5m])) > 0',
        "10m",
        _WARNING,
        "The scaler {{ $labels.pod }} cannot ask all its nodes.",
        "It has no sockets or open files left for {{ $value | humanize }} polls a second.",
        _CONTROL,
    ),
    Alert(
        "ReadPoolScalerErrors",
        'sum by (namespace, method) (rate(readpool_grpc_requests_total{code=~"INTERNAL|UNKNOWN"}[5m])) > 0',
        "10m",
        _WARNING,
        "The scaler fails at {{ $labels.method }}.",
        "KEDA or a controller gets errors that the scaler itself did not expect. Its log has them.",
        _CONTROL,
    ),
    Alert(
        "ReadPoolCallsRefused",
        "sum by (namespace, resource, scope) (increase(readpool_refused_requests_total[10m])) > 0"
        " or sum by (namespace, resource, scope) (increase(readpool_controller_refused_requests_total[10m])) > 0",
        "10m",
        _WARNING,
        "Callers are refused {{ $labels.resource }}.",
        "The share of one {{ $labels.scope }} is used up: it asks for more than is given to any one.",
        _CONTROL,
    ),
    Alert(
        "ReadPoolGatesUnreachable",
        'sum by (namespace, pod) (rate(readpool_gate_polls_total{outcome!="Answered"}[10m]))'
        " > 0.5 * sum by (namespace, pod) (rate(readpool_gate_polls_total[10m]))",
        "15m",
        _WARNING,
        "Most gates do not answer the scaler {{ $labels.pod }}.",
        "What readers meet with is not known, so that nothing scales by requests and latency.",
        _CONTROL,
    ),
    Alert(
        "ReadPoolCertificateExpiresSoon",
        f"min by (namespace, pod, file) (readpool_tls_not_after_timestamp_seconds) - time() < {_DAY_SECONDS}",
        "15m",
        _WARNING,
        "A certificate of {{ $labels.pod }} ends within a day.",
        "{{ $labels.file }} is good for {{ $value | humanizeDuration }} more. After that its callers refuse it.",
        _CONTROL,
    ),
)

CONTROLLER = (
    Alert(
        "ReadPoolControllerNoLeader",
        "sum by (namespace) (readpool_controller_leading) == 0 or absent(readpool_controller_leading)",
        "5m",
        _CRITICAL,
        "No controller of readpool leads.",
        "Nobody keeps the pools: weights, routes and replicas stay as they are, whatever happens to them.",
        _CONTROL,
    ),
    Alert(
        "ReadPoolControllerPoolsFail",
        "max by (namespace) (readpool_controller_failing_pools) > 0",
        "10m",
        _WARNING,
        "The controller cannot write what some pools need.",
        "{{ $value }} pools failed at their last reconciliation, for 10 minutes.",
        _CONTROL,
    ),
    Alert(
        "ReadPoolControllerScalerUnreachable",
        "max by (namespace) (readpool_controller_connected_pools)"
        " < max by (namespace) (readpool_controller_watched_pools)",
        "5m",
        _WARNING,
        "The controller does not hear from the scaler about every pool.",
        "It hears about {{ $value }} pools only. Weights of the others stay, then turn neutral.",
        _CONTROL,
    ),
    Alert(
        "ReadPoolControllerEndpointsRefused",
        "sum by (namespace) (increase(readpool_controller_eds_refusals_total[10m])) > 0",
        "10m",
        _WARNING,
        "An Envoy refuses the endpoints that the controller sends.",
        "It goes on with those that it had before, which may be gone or stale.",
        _CONTROL,
    ),
)

ROUTER = (
    Alert(
        "ReadPoolRouterDown",
        f"absent(envoy_http_downstream_rq_total{{{_READERS}}})",
        "5m",
        _CRITICAL,
        "Prometheus finds no router of readpool.",
        "Readers that go through the router get no answers.",
        _ROUTING,
    ),
    Alert(
        "ReadPoolRouterErrors",
        f'sum by (namespace) (rate(envoy_http_downstream_rq_xx{{{_READERS},envoy_response_code_class="5"}}[5m]))'
        f" > 0.05 * sum by (namespace) (rate(envoy_http_downstream_rq_xx{{{_READERS}}}[5m]))",
        "10m",
        _CRITICAL,
        "Readers get errors from the router.",
        "More than one in twenty answers of the router were 5xx, for 10 minutes: {{ $value | humanize }} a second.",
        _ROUTING,
    ),
    Alert(
        "ReadPoolRouterNoEndpoints",
        'max by (namespace, envoy_cluster_name) (envoy_cluster_membership_healthy{envoy_cluster_name=~".+/.+"}) == 0'
        " and max by (namespace, envoy_cluster_name)"
        ' (max_over_time(envoy_cluster_membership_healthy{envoy_cluster_name=~".+/.+"}[1d])) > 0',
        "2m",
        _CRITICAL,
        "The router knows no replica of {{ $labels.envoy_cluster_name }}.",
        "Readers of this pool get 503. The router had replicas for it before.",
        _ROUTING,
    ),
)

GATES = (
    Alert(
        "ReadPoolGateFull",
        'max by (namespace, pod) (envoy_http_downstream_cx_active{envoy_http_conn_manager_prefix="read"})'
        f" > {0.9 * _GATE_CONNECTIONS:g}",
        "5m",
        _WARNING,
        "The gate of {{ $labels.namespace }}/{{ $labels.pod }} is almost full.",
        f"It holds {{{{ $value }}}} connections of readers out of {_GATE_CONNECTIONS}. Beyond that, readers wait.",
        _ROUTING,
    ),
)
