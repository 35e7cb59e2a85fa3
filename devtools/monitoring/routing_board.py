"""The dashboard of the router, of endpoint discovery, and of the gates together."""

from devtools.monitoring.panels import Chart, Query, Section, Unit

_READERS = 'envoy_http_conn_manager_prefix="readers"'
_POOLS = 'envoy_cluster_name=~".+/.+"'
_INTERVAL = "[$__rate_interval]"


def _pools(metric: str, by: str = "envoy_cluster_name") -> str:
    return f"sum by ({by}) (rate({metric}{{{_POOLS}}}{_INTERVAL}))"


ROUTER = Section(
    "Router",
    [
        Chart(
            "Answers by status",
            "Answers of the router a second, by class of status.",
            [
                Query(
                    f"sum by (envoy_response_code_class) (rate(envoy_http_downstream_rq_xx{{{_READERS}}}{_INTERVAL}))",
                    "{{envoy_response_code_class}}xx",
                )
            ],
            Unit.PER_SECOND,
            is_stacked=True,
            colours={"1xx": "text", "2xx": "green", "3xx": "blue", "4xx": "yellow", "5xx": "red"},
        ),
        Chart(
            "Latency",
            "From a query's first byte to the last of its answer, repeats included.",
            [
                Query(
                    f"histogram_quantile({share}, sum by (le)"
                    f" (rate(envoy_http_downstream_rq_time_bucket{{{_READERS}}}{_INTERVAL}))) / 1000",
                    f"p{100 * share:g}",
                )
                for share in (0.5, 0.9, 0.99)
            ],
            Unit.SECONDS,
        ),
        Chart(
            "Connections",
            "Open connections of readers, by router.",
            [Query(f"max by (pod) (envoy_http_downstream_cx_active{{{_READERS}}})", "{{pod}}")],
        ),
    ],
)
POOLS = Section(
    "Pools behind it",
    [
        Chart(
            "Queries",
            "Queries that were sent to replicas of each pool, a second.",
            [Query(_pools("envoy_cluster_upstream_rq_total"), "{{envoy_cluster_name}}")],
            Unit.PER_SECOND,
        ),
        Chart(
            "Endpoints",
            "Replicas of each pool that the router knows.",
            [
                Query(
                    f"max by (envoy_cluster_name) (envoy_cluster_membership_healthy{{{_POOLS}}}"
                    f" + envoy_cluster_membership_degraded{{{_POOLS}}})",
                    "{{envoy_cluster_name}}",
                )
            ],
        ),
        Chart(
            "Repeated queries",
            "Queries a second that were sent to another replica, after the first one failed.",
            [Query(_pools("envoy_cluster_upstream_rq_retry"), "{{envoy_cluster_name}}")],
            Unit.PER_SECOND,
        ),
        Chart(
            "Queries by replica",
            "How queries are spread over the replicas: as their weights are.",
            [
                Query(
                    "sum by (envoy_cluster_name, envoy_endpoint_address)"
                    f" (rate(envoy_cluster_endpoint_rq_total{{{_POOLS}}}{_INTERVAL}))",
                    "{{envoy_endpoint_address}}",
                )
            ],
            Unit.PER_SECOND,
            width=12,
            is_stacked=True,
        ),
        Chart(
            "Failed queries by replica",
            "Queries a second that failed at a replica.",
            [
                Query(
                    "sum by (envoy_cluster_name, envoy_endpoint_address)"
                    f" (rate(envoy_cluster_endpoint_rq_error{{{_POOLS}}}{_INTERVAL}))",
                    "{{envoy_endpoint_address}}",
                )
            ],
            Unit.PER_SECOND,
            width=12,
        ),
    ],
)
DISCOVERY = Section(
    "Endpoint discovery",
    [
        Chart(
            "Streams",
            "Streams of Envoys that are open, by controller.",
            [Query("max by (pod) (readpool_controller_eds_streams)", "{{pod}}")],
        ),
        Chart(
            "Updates",
            "Answers sent to Envoys a second, by variant of the protocol.",
            [Query(f"sum by (variant) (rate(readpool_controller_eds_pushes_total{_INTERVAL}))", "{{variant}}")],
            Unit.OPERATIONS,
        ),
        Chart(
            "Refused updates",
            "Answers that Envoys refused, a second. 0 is good.",
            [Query(f"sum(rate(readpool_controller_eds_refusals_total{_INTERVAL}))", "refused")],
            Unit.OPERATIONS,
        ),
    ],
)
GATES = Section(
    "Gates of all pools (monitoring.gates.enabled)",
    [
        Chart(
            "Requests",
            "Requests of readers a second, by namespace and pool.",
            [
                Query(
                    "sum by (namespace, stellar_org_pool)"
                    f' (rate(envoy_http_downstream_rq_total{{envoy_http_conn_manager_prefix="read"}}{_INTERVAL}))',
                    "{{namespace}}/{{stellar_org_pool}}",
                )
            ],
            Unit.PER_SECOND,
            width=12,
        ),
        Chart(
            "Failures",
            "5xx answers a second, by namespace and pool.",
            [
                Query(
                    "sum by (namespace, stellar_org_pool) (rate(envoy_http_downstream_rq_xx"
                    f'{{envoy_http_conn_manager_prefix="read",envoy_response_code_class="5"}}{_INTERVAL}))',
                    "{{namespace}}/{{stellar_org_pool}}",
                )
            ],
            Unit.PER_SECOND,
            width=12,
        ),
    ],
)
SECTIONS = (ROUTER, POOLS, DISCOVERY, GATES)
