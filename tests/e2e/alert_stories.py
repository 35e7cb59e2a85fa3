"""What the metrics of an installation look like when all is well, and how a fault changes them: input for promtool.

Time is in minutes. A fault begins at FAULT; before that, everything is as it should be.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

FAULT = 30
END = 100
FLEET = "stellar/readers"
CLASSES = ("fresh", "lagging", "catchingUp", "unreachable", "foreign", "unknown")
Values = Mapping[str, str]


def of(metric: str, **labels: str) -> str:
    """Name a series."""
    inner = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{metric}{{{inner}}}" if inner else metric


def of_fleet(metric: str, fleet: str = FLEET, **labels: str) -> str:
    """Name a series of a fleet, as the scaler of a release of the chart tells it."""
    return of(metric, **SCALER, fleet=fleet, **labels)


def of_class(replica_class: str, fleet: str = FLEET) -> str:
    """Name the series with the replicas of one class."""
    return of_fleet("readpool_replicas", fleet, **{"class": replica_class})


SCALER = {"namespace": "readpool", "pod": "readpool-scaler-0"}
CERTIFICATES = {"namespace": "readpool", "pod": "readpool-certificates-0"}
CONTROLLER = {"namespace": "readpool", "pod": "readpool-controller-0"}
ROUTER = {"namespace": "readpool", "pod": "readpool-router-0"}
GATE = {"namespace": "stellar", "pod": "readers-0", "envoy_http_conn_manager_prefix": "read"}
READERS = {**ROUTER, "envoy_http_conn_manager_prefix": "readers"}
ANSWERS = [of("envoy_http_downstream_rq_xx", **READERS, envoy_response_code_class=code) for code in "25"]
IN_TIME, LATE, ALL = (of("readpool_event_loop_lag_seconds_bucket", **SCALER, le=le) for le in ("0.001", "0.25", "+Inf"))
ENDPOINTS = of("envoy_cluster_membership_healthy", **ROUTER, envoy_cluster_name=FLEET)
DEGRADED_ENDPOINTS = of("envoy_cluster_membership_degraded", **ROUTER, envoy_cluster_name=FLEET)
LEADING = of("readpool_controller_leading", **CONTROLLER)
CERTIFICATE = of("readpool_tls_not_after_timestamp_seconds", **SCALER, file="/etc/tls/tls.crt")


def list_fleet(fleet: str = FLEET) -> dict[str, float]:
    """List the series of a fleet that is well."""
    return {
        **{of_class(one, fleet): 3.0 if one == "fresh" else 0.0 for one in CLASSES},
        of_fleet("readpool_target_replicas", fleet): 3.0,
        of_fleet("readpool_max_replicas", fleet): 6.0,
        of_fleet("readpool_desired_replicas", fleet): 3.0,
        of_fleet("readpool_unhealthy_replicas", fleet): 0.0,
        of_fleet("readpool_decision_available", fleet): 1.0,
        of_fleet("readpool_decision_info", fleet, reason="OnTarget"): 1.0,
        of_fleet("readpool_network_halted", fleet): 0.0,
        of_fleet("readpool_reference_used", fleet, kind="horizon", url="https://horizon.example"): 1.0,
        of_fleet("readpool_requests_per_second", fleet): 50.0,
        of_fleet("readpool_request_error_ratio", fleet): 0.0,
        of_fleet("readpool_max_volume_used_ratio", fleet): 0.5,
    }


WELL: Mapping[str, float] = {
    **list_fleet(),
    of("readpool_fleets", **SCALER): 1.0,
    CERTIFICATE: 30 * 86_400.0,
    LEADING: 1.0,
    of("readpool_certificates_failing", **CERTIFICATES): 0.0,
    of("readpool_controller_failing_pools", **CONTROLLER): 0.0,
    of("readpool_controller_watched_pools", **CONTROLLER): 1.0,
    of("readpool_controller_connected_pools", **CONTROLLER): 1.0,
    ENDPOINTS: 3.0,
    DEGRADED_ENDPOINTS: 0.0,
    of("envoy_http_downstream_cx_active", **GATE): 20.0,
}
"""Gauges."""
COUNTED: Mapping[str, float] = {
    IN_TIME: 600.0,
    LATE: 600.0,
    ALL: 600.0,
    of("readpool_polls_total", **SCALER, outcome="Answered"): 36.0,
    of("readpool_polls_total", **SCALER, outcome="ScalerLimit"): 0.0,
    of("readpool_gate_polls_total", **SCALER, outcome="Answered"): 36.0,
    of("readpool_gate_polls_total", **SCALER, outcome="Timeout"): 0.0,
    of("readpool_grpc_requests_total", **SCALER, method="GetMetrics", code="OK"): 4.0,
    of("readpool_grpc_requests_total", **SCALER, method="GetMetrics", code="INTERNAL"): 0.0,
    of("readpool_refused_requests_total", **SCALER, resource="calls", scope="caller"): 0.0,
    of("readpool_controller_refused_requests_total", **CONTROLLER, resource="streams", scope="caller"): 0.0,
    of("readpool_controller_eds_refusals_total", **CONTROLLER): 0.0,
    of("envoy_http_downstream_rq_total", **READERS): 3000.0,
    ANSWERS[0]: 3000.0,
    ANSWERS[1]: 0.0,
}
"""Counters, by what they grow in a minute."""


@dataclass(frozen=True, slots=True)
class Story:
    """A fault, or something that is none, and which alerts it makes.

    Attributes:
        changes: the value that series have from the fault on, for counters their growth in a minute; None: they end.
        written: series written out as promtool has them, in place of anything else.
        alerts: which alerts fire in the end; each alone, and not before `after` minutes of the fault have passed.
    """

    name: str
    changes: Mapping[str, float | None] = field(default_factory=dict)
    written: Values = field(default_factory=dict)
    alerts: frozenset[str] = frozenset()
    after: int = 0


def write_series(story: Story, end: int = END) -> list[dict[str, str]]:
    """Write every series of a story as promtool reads it."""
    gauges = {name: _write_gauge(value, story, name, end) for name, value in {**WELL, **_list_new(story)}.items()}
    counters = {name: _write_counter(growth, story, name, end) for name, growth in COUNTED.items()}
    written = {**gauges, **counters, **story.written}
    return [{"series": name, "values": values} for name, values in written.items()]


def _list_new(story: Story) -> dict[str, float | None]:
    return {name: None for name in story.changes if name not in WELL and name not in COUNTED}


def _write_gauge(value: float | None, story: Story, name: str, end: int) -> str:
    before = _write_run(value, FAULT)
    return f"{before} {_write_run(story.changes.get(name, value), end - FAULT)}"


def _write_run(value: float | None, count: int) -> str:
    return f"_x{count}" if value is None else f"{value:g}x{count - 1}"


def _write_counter(growth: float, story: Story, name: str, end: int) -> str:
    later = story.changes.get(name, growth)
    if later is None:
        return f"0+{growth:g}x{FAULT - 1}"
    return f"0+{growth:g}x{FAULT - 1} {growth * (FAULT - 1) + later:g}+{later:g}x{end - FAULT - 1}"


def name_all(stories: Sequence[Story]) -> set[str]:
    """Name every alert that some story makes."""
    return {name for story in stories for name in story.alerts}
