"""The dashboard of scaler and controller, and of KEDA between them."""

from devtools.monitoring.panels import CHART_HEIGHT, Chart, Query, Section, Stat, Unit


def _rate(metric: str, by: str, matchers: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{matchers}[$__rate_interval]))"


def _quantile(share: float, metric: str, by: str = "pod") -> Query:
    return Query(
        f"histogram_quantile({share}, sum by ({by}, le) (rate({metric}_bucket[$__rate_interval])))",
        f"{{{{{by}}}}} p{100 * share:g}",
    )


SCALER = Section(
    "Scaler",
    [
        Stat(
            "Scalers",
            "Scalers that Prometheus scrapes. Two are usual.",
            [Query("count(readpool_fleets)", "scalers")],
            width=4,
            height=CHART_HEIGHT,
        ),
        Stat(
            "Fleets",
            "Fleets that are observed.",
            [Query("max(readpool_fleets)", "fleets")],
            width=4,
            height=CHART_HEIGHT,
        ),
        Chart(
            "Polls of nodes",
            "Polls a second by outcome. All but Answered are failures.",
            [Query(_rate("readpool_polls_total", "outcome"), "{{outcome}}")],
            Unit.OPERATIONS,
        ),
        Chart(
            "Duration of polls",
            "From the start of a poll to its outcome.",
            [
                _quantile(0.5, "readpool_poll_duration_seconds"),
                _quantile(0.99, "readpool_poll_duration_seconds"),
            ],
            Unit.SECONDS,
        ),
        Chart(
            "gRPC requests",
            "Calls a second by KEDA, controllers and people, by method and code.",
            [Query(_rate("readpool_grpc_requests_total", "method, code"), "{{method}} {{code}}")],
            Unit.OPERATIONS,
        ),
        Chart(
            "Open gRPC calls",
            "Streams stay open: of the controller one for each pool.",
            [Query("sum by (method) (readpool_grpc_in_flight_requests)", "{{method}}")],
        ),
        Chart(
            "Polls of gates",
            "Polls a second of the gates' statistics, by outcome.",
            [Query(_rate("readpool_gate_polls_total", "outcome"), "{{outcome}}")],
            Unit.OPERATIONS,
        ),
        Chart(
            "Event loop lag (p99)",
            "99th percentile of the delay of wake-ups. More than 50 ms means too little CPU.",
            [_quantile(0.99, "readpool_event_loop_lag_seconds")],
            Unit.SECONDS,
        ),
        Chart(
            "Refused calls",
            "Calls per second refused for a limit, by resource and scope. 0 is good.",
            [
                Query(
                    f"{_rate('readpool_refused_requests_total', 'resource, scope')} or on() vector(0)",
                    "scaler {{resource}} {{scope}}",
                ),
                Query(
                    f"{_rate('readpool_controller_refused_requests_total', 'resource, scope')} or on() vector(0)",
                    "controller {{resource}} {{scope}}",
                ),
            ],
            Unit.OPERATIONS,
        ),
    ],
)
CONTROLLER = Section(
    "Controller",
    [
        Stat(
            "Leaders",
            "Controllers that hold the Lease: exactly 1.",
            [Query("sum(readpool_controller_leading)", "leaders")],
            width=4,
            height=CHART_HEIGHT,
            thresholds=[(0.0, "red"), (1.0, "green"), (2.0, "red")],
        ),
        Stat(
            "Failing pools",
            "Pools whose last reconciliation failed.",
            [Query("max(readpool_controller_failing_pools)", "failing")],
            width=4,
            height=CHART_HEIGHT,
            thresholds=[(1.0, "orange")],
        ),
        Chart(
            "Connected pools",
            "Pools that the controller observes through the scaler, and those with an open stream.",
            [
                Query("max(readpool_controller_watched_pools)", "watched"),
                Query("max(readpool_controller_connected_pools)", "connected"),
            ],
        ),
        Chart(
            "Reconciliations",
            "Reconciliations a second by outcome.",
            [Query(_rate("readpool_controller_reconciles_total", "outcome"), "{{outcome}}")],
            Unit.OPERATIONS,
        ),
        Chart(
            "Duration of reconciliations",
            "From taking a pool out of the queue to the last answer of the API server.",
            [
                _quantile(0.5, "readpool_controller_reconcile_duration_seconds"),
                _quantile(0.99, "readpool_controller_reconcile_duration_seconds"),
            ],
            Unit.SECONDS,
        ),
        Chart(
            "Writes",
            "Writes to the API server a second, by kind and outcome.",
            [Query(_rate("readpool_controller_writes_total", "kind, outcome"), "{{kind}} {{outcome}}")],
            Unit.OPERATIONS,
        ),
        Chart(
            "Queue",
            "Pools that wait to be reconciled.",
            [Query("max(readpool_controller_queued_pools)", "waiting")],
        ),
        Chart(
            "Events",
            "Kubernetes Events a second, by outcome.",
            [
                Query(
                    f"{_rate('readpool_controller_events_total', 'outcome')}"
                    ' or on() label_replace(vector(0), "outcome", "none", "", "")',
                    "{{outcome}}",
                )
            ],
            Unit.OPERATIONS,
        ),
        Chart(
            "Objects",
            "Objects that the controller holds in memory, by kind.",
            [Query("max by (kind) (readpool_controller_objects)", "{{kind}}")],
        ),
    ],
)
PROCESSES = Section(
    "Processes",
    [
        Chart(
            "CPU",
            "Cores that each process uses.",
            [
                Query(
                    "sum by (pod) (rate(process_cpu_seconds_total[$__rate_interval])"
                    " and on (pod, instance) readpool_build_info)",
                    "{{pod}}",
                )
            ],
        ),
        Chart(
            "Memory",
            "Resident memory of each process.",
            [
                Query(
                    "max by (pod) (process_resident_memory_bytes and on (pod, instance) readpool_build_info)", "{{pod}}"
                )
            ],
            Unit.BYTES,
        ),
        Chart(
            "Certificates",
            "Time until each certificate expires. Empty without TLS.",
            [
                Query(
                    "min by (pod, file) (readpool_tls_not_after_timestamp_seconds) - time()",
                    "{{pod}} {{file}}",
                ),
                Query(
                    "min by (namespace, secret) (readpool_certificate_not_after_timestamp_seconds) - time()",
                    "{{namespace}}/{{secret}}",
                ),
            ],
            Unit.SECONDS,
        ),
        Chart(
            "Certificates that cannot be renewed",
            "Secrets that readpool-certificates could not check or renew at its last attempt. 0 is good.",
            [Query("max(readpool_certificates_failing)", "failing")],
        ),
        Chart(
            "Versions",
            "Number of processes by version.",
            [Query("count by (version) (readpool_build_info)", "{{version}}")],
        ),
    ],
)
KEDA = Section(
    "KEDA",
    [
        Chart(
            "External metric values in KEDA",
            "Last value that KEDA got from each external scaler.",
            [
                Query(
                    'max by (exported_namespace, scaledObject) (keda_scaler_metrics_value{scaler=~"external.*"})',
                    "{{exported_namespace}}/{{scaledObject}}",
                )
            ],
            width=12,
        ),
        Chart(
            "KEDA scaler errors per second",
            "Errors that KEDA gets from external scalers. 0 is good.",
            [
                Query(
                    "sum by (exported_namespace, scaledObject)"
                    ' (rate(keda_scaler_detail_errors_total{scaler=~"external.*"}[$__rate_interval]))'
                    " or on() vector(0)",
                    "{{exported_namespace}}/{{scaledObject}}",
                )
            ],
            Unit.OPERATIONS,
            width=12,
        ),
    ],
)
SECTIONS = (SCALER, CONTROLLER, KEDA, PROCESSES)
