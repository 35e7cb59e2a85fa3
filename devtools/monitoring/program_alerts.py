"""The alerts of scaler, controller, router and gates themselves. Those of fleets are in readpool.alerts."""

from readpool.alerts.rule import Alert, Dashboard, Severity

_WARNING, _CRITICAL = Severity.WARNING, Severity.CRITICAL
_CONTROL, _ROUTING = Dashboard.CONTROL_PLANE, Dashboard.ROUTING
_DAY_SECONDS = 86_400
_GATE_CONNECTIONS = 1024
_READERS = 'envoy_http_conn_manager_prefix="readers"'
_POOLS = 'envoy_cluster_name=~".+/.+"'

SCALER = (
    Alert(
        "ReadPoolScalerDown",
        "absent(readpool_fleets)",
        "5m",
        _CRITICAL,
        "Prometheus finds no readpool scaler.",
        "KEDA keeps the size of every fleet. Pools keep their last weights for five minutes; then the weights become"
        " equal.",
        _CONTROL,
    ),
    Alert(
        "ReadPoolScalerSlow",
        "histogram_quantile(0.99, sum by (namespace, pod, le) (rate(readpool_event_loop_lag_seconds_bucket[5m])))"
        " > 0.05",
        "15m",
        _WARNING,
        "The event loop of scaler {{ $labels.pod }} is lagging.",
        "1 % of its wake-ups are at least {{ $value | humanizeDuration }} late: too little CPU, or too many nodes.",
        _CONTROL,
    ),
    Alert(
        "ReadPoolScalerOutOfFileDescriptors",
        'sum by (namespace, pod) (rate(readpool_polls_total{outcome="ScalerLimit"}[5m])) > 0',
        "10m",
        _WARNING,
        "The scaler {{ $labels.pod }} has run out of file descriptors.",
        "It has no sockets or file descriptors left for {{ $value | humanize }} polls per second.",
        _CONTROL,
    ),
    Alert(
        "ReadPoolScalerErrors",
        'sum by (namespace, method) (rate(readpool_grpc_requests_total{code=~"INTERNAL|UNKNOWN"}[5m])) > 0',
        "10m",
        _WARNING,
        "The scaler returns errors on {{ $labels.method }}.",
        "KEDA or a controller gets INTERNAL or UNKNOWN. The scaler's log has the traceback.",
        _CONTROL,
    ),
    Alert(
        "ReadPoolCallsRefused",
        "sum by (namespace, resource, scope) (increase(readpool_refused_requests_total[10m])) > 0"
        " or sum by (namespace, resource, scope) (increase(readpool_controller_refused_requests_total[10m])) > 0",
        "10m",
        _WARNING,
        "Requests are refused: the limit on {{ $labels.resource }} is reached.",
        "The limit of one {{ $labels.scope }} is reached. What is refused is not observed or not streamed.",
        _CONTROL,
    ),
    Alert(
        "ReadPoolGatesUnreachable",
        'sum by (namespace, pod) (rate(readpool_gate_polls_total{outcome!="Answered"}[10m]))'
        " > 0.5 * sum by (namespace, pod) (rate(readpool_gate_polls_total[10m]))",
        "15m",
        _WARNING,
        "Most gates do not respond to the scaler {{ $labels.pod }}.",
        "Readers' requests, latency and errors are unknown, so no fleet grows with the load.",
        _CONTROL,
    ),
    Alert(
        "ReadPoolCertificateExpiresSoon",
        f"min by (namespace, pod, file) (readpool_tls_not_after_timestamp_seconds) - time() < {_DAY_SECONDS}",
        "15m",
        _WARNING,
        "A certificate of {{ $labels.pod }} expires within a day.",
        "{{ $labels.file }} expires in {{ $value | humanizeDuration }}. After that, clients refuse to connect.",
        _CONTROL,
    ),
)

CERTIFICATES = (
    Alert(
        "ReadPoolCertificateRenewalFailing",
        "max by (namespace) (readpool_certificates_failing) > 0",
        "15m",
        _WARNING,
        "readpool-certificates cannot renew some certificates.",
        "{{ $value }} Secrets could not be checked or renewed for 15 minutes. With the default lifetimes, a"
        " certificate that"
        " is due for renewal has about two days left.",
        _CONTROL,
    ),
)

CONTROLLER = (
    Alert(
        "ReadPoolControllerNoLeader",
        "sum by (namespace) (readpool_controller_leading) == 0 or absent(readpool_controller_leading)",
        "5m",
        _CRITICAL,
        "No controller holds the leader Lease.",
        "Pools are not being reconciled: sizes, weights and routes do not change.",
        _CONTROL,
    ),
    Alert(
        "ReadPoolControllerPoolsFail",
        "max by (namespace) (readpool_controller_failing_pools) > 0",
        "10m",
        _WARNING,
        "The controller cannot reconcile some pools.",
        "The last reconciliation of {{ $value }} pools failed, for 10 minutes. Their condition Stalled or"
        " Reconciling says why.",
        _CONTROL,
    ),
    Alert(
        "ReadPoolControllerScalerUnreachable",
        "max by (namespace) (readpool_controller_connected_pools)"
        " < max by (namespace) (readpool_controller_watched_pools)",
        "5m",
        _WARNING,
        "The controller has no stream from the scaler for some pools.",
        "It has streams for {{ $value }} pools only. The weights of the others become equal after five minutes.",
        _CONTROL,
    ),
    Alert(
        "ReadPoolControllerEndpointsRefused",
        "sum by (namespace) (increase(readpool_controller_eds_refusals_total[10m])) > 0",
        "10m",
        _WARNING,
        "An Envoy refuses the endpoints that the controller sends.",
        "It keeps the endpoints that it had before, which may be gone or stale.",
        _CONTROL,
    ),
)

ROUTER = (
    Alert(
        "ReadPoolRouterDown",
        f"absent(envoy_http_downstream_rq_total{{{_READERS}}})",
        "5m",
        _CRITICAL,
        "Prometheus finds no readpool router.",
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
        "More than 5 % of the router's responses have been 5xx for 10 minutes: {{ $value | humanize }} per second.",
        _ROUTING,
    ),
    Alert(
        "ReadPoolRouterNoEndpoints",
        f"max by (namespace, envoy_cluster_name) (envoy_cluster_membership_healthy{{{_POOLS}}}"
        f" + envoy_cluster_membership_degraded{{{_POOLS}}}) == 0"
        " and max by (namespace, envoy_cluster_name)"
        f" (max_over_time(envoy_cluster_membership_healthy{{{_POOLS}}}[1d])) > 0",
        "2m",
        _CRITICAL,
        "The router has no endpoints for {{ $labels.envoy_cluster_name }}.",
        "Readers of this pool get 503. The router had endpoints for it within the last day.",
        _ROUTING,
    ),
)

GATES = (
    Alert(
        "ReadPoolGateAlmostFull",
        'max by (namespace, pod) (envoy_http_downstream_cx_active{envoy_http_conn_manager_prefix="read"})'
        f" > {0.9 * _GATE_CONNECTIONS:g}",
        "5m",
        _WARNING,
        "The gate of {{ $labels.namespace }}/{{ $labels.pod }} is almost full.",
        f"It holds {{{{ $value }}}} of {_GATE_CONNECTIONS} connections of readers. Beyond that, readers wait.",
        Dashboard.REPLICA,
    ),
)
