"""The dashboard of replicas."""

from devtools.monitoring.panels import Chart, Query, Section, Table, Unit

_CHOSEN = '{fleet="$fleet",replica=~"$replica"}'
_READ = 'envoy_http_conn_manager_prefix="read",pod=~"$replica"'


def _by_replica(metric: str) -> str:
    return f"max by (replica) ({metric}{_CHOSEN})"


OBSERVED = Section(
    "As the scaler sees them",
    [
        Table(
            "Replicas",
            "Class, lag and last closed ledger of each replica.",
            [
                Query(f"max by (replica, class) (readpool_replica_info{_CHOSEN})", ""),
                Query(_by_replica("readpool_replica_lag_ledgers"), "lag"),
                Query(_by_replica("readpool_replica_ledger"), "ledger"),
            ],
            width=12,
        ),
        Chart(
            "Lag",
            "Ledgers behind the tip. A gap: the replica did not answer.",
            [
                Query(_by_replica("readpool_replica_lag_ledgers"), "{{replica}}"),
                Query('max(readpool_lag_threshold_ledgers{fleet="$fleet"})', "threshold"),
            ],
            width=12,
        ),
        Chart(
            "Ledgers a minute",
            "Ledgers that each replica closes: about 12 in step with the network, more while it catches up.",
            [Query(f"60 * max by (replica) (deriv(readpool_replica_ledger{_CHOSEN}[5m]))", "{{replica}}")],
            width=12,
        ),
        Chart(
            "Since the last answer",
            "Seconds since each replica last answered the scaler.",
            [
                Query(
                    f"time() - {_by_replica('readpool_replica_last_response_timestamp_seconds')}",
                    "{{replica}}",
                )
            ],
            Unit.SECONDS,
            width=12,
        ),
    ],
)
GATES = Section(
    "Their gates (monitoring.gates.enabled)",
    [
        Chart(
            "Requests",
            "Readers' requests per second.",
            [Query(f"sum by (pod) (rate(envoy_http_downstream_rq_total{{{_READ}}}[$__rate_interval]))", "{{pod}}")],
            Unit.PER_SECOND,
            width=6,
        ),
        Chart(
            "Latency p90",
            "90th percentile of the latency of responses.",
            [
                Query(
                    "histogram_quantile(0.9, sum by (pod, le)"
                    f" (rate(envoy_http_downstream_rq_time_bucket{{{_READ}}}[$__rate_interval]))) / 1000",
                    "{{pod}}",
                )
            ],
            Unit.SECONDS,
            width=6,
        ),
        Chart(
            "Answers by status",
            "4xx are refused queries, 5xx failures of Stellar Core or of a limit. Only what there is is shown.",
            [
                Query(
                    "sum by (pod, envoy_response_code_class)"
                    f" (rate(envoy_http_downstream_rq_xx{{{_READ}}}[$__rate_interval])) > 0",
                    "{{pod}} {{envoy_response_code_class}}xx",
                )
            ],
            Unit.PER_SECOND,
            width=6,
        ),
        Chart(
            "Connections",
            "Open connections of readers; a gate admits 1,024.",
            [Query(f"max by (pod) (envoy_http_downstream_cx_active{{{_READ}}})", "{{pod}}")],
            width=6,
        ),
    ],
)
SECTIONS = (OBSERVED, GATES)
