"""The metrics that a trigger can name, each a number from a snapshot; where there is none, why.

Between the snapshot and the answer to KEDA.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from math import ceil

from readpool.replica_class import ReplicaClass
from scaler.fleet.readers import find_requests, list_serving
from scaler.fleet.request_figures import RequestFigures, compute_error_percent, compute_latency_p90, compute_rate
from scaler.fleet.snapshot import FleetSnapshot
from scaler.policy.hold_reasons import NOT_YET_SUSTAINED
from scaler.probes.fields import clean
from scaler.probes.report import NodeReport
from scaler.triggers.metric import Metric

NOTHING_TO_MEASURE = "NothingToMeasure"
"""No replica that has been fresh tells its ledger, so there is no lag to speak of; or no reader was answered."""
REQUESTS_UNKNOWN = "RequestsUnknown"
"""Not every replica that serves has a gate that has told what its readers meet with."""


class MetricUnavailable(Exception):  # noqa: N818 - not a fault: there is nothing to say
    """There is nothing to say: `reason` in CamelCase for machines, `message` in a sentence for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


def compute_metric(snapshot: FleetSnapshot, metric: Metric) -> float:
    """Compute a metric; never NaN, never negative.

    Raises:
        MetricUnavailable: when what was seen allows no number.
    """
    decision = snapshot.decision
    is_counted = metric is not Metric.DESIRED_REPLICAS and decision.reason == NOT_YET_SUSTAINED
    if decision.desired is None and not is_counted:
        raise MetricUnavailable(decision.reason, decision.message)
    return _COMPUTED[metric](leave_out(snapshot))


def leave_out(snapshot: FleetSnapshot) -> FleetSnapshot:
    """Leave out replicas out of service: only the decision counts them, as unhealthy."""
    if not snapshot.out_of_service:
        return snapshot
    replicas = tuple(one for one in snapshot.replicas if one.name not in snapshot.out_of_service)
    counts = Counter(one.standing.replica_class for one in replicas)
    return replace(snapshot, replicas=replicas, counts=counts)


def _count_desired(snapshot: FleetSnapshot) -> float:
    return float(snapshot.decision.desired or 0)


def _count_fresh(snapshot: FleetSnapshot) -> float:
    return float(snapshot.counts[ReplicaClass.FRESH])


def _count_lagging(snapshot: FleetSnapshot) -> float:
    return float(snapshot.counts[ReplicaClass.LAGGING])


def _compute_lagging_percent(snapshot: FleetSnapshot) -> float:
    own = len(snapshot.replicas) - snapshot.counts[ReplicaClass.FOREIGN]
    return 100.0 * snapshot.counts[ReplicaClass.LAGGING] / own if own else 0.0


def _gather_lags(snapshot: FleetSnapshot) -> list[int]:
    """Gather the lags, in ledgers, of replicas that have been fresh: a newcomer's would raise every metric at first."""
    lags = [
        replica.standing.lag_ledgers
        for replica in snapshot.replicas
        if replica.standing.replica_class in (ReplicaClass.FRESH, ReplicaClass.LAGGING)
        and replica.standing.lag_ledgers is not None
        and _tells_ledger(replica.standing.report)
    ]
    if not lags:
        raise MetricUnavailable(
            NOTHING_TO_MEASURE, "No replica that has been fresh reports its ledger, so there is no lag to measure."
        )
    return sorted(lags)


def _tells_ledger(report: NodeReport | None) -> bool:
    """Return whether a lag is meaningful: a node that has closed or reports no ledger is behind everything."""
    return report is None or report.ledger > 0


def _compute_max(snapshot: FleetSnapshot) -> float:
    return float(_gather_lags(snapshot)[-1])


def _compute_p90(snapshot: FleetSnapshot) -> float:
    """The nearest-rank percentile: the smallest lag that nine in ten do not exceed."""
    lags = _gather_lags(snapshot)
    return float(lags[ceil(0.9 * len(lags)) - 1])


def _compute_average(snapshot: FleetSnapshot) -> float:
    lags = _gather_lags(snapshot)
    return sum(lags) / len(lags)


def _gather_requests(snapshot: FleetSnapshot) -> Collection[RequestFigures]:
    """Gather what the gates tell of readers; of some of those that serve alone it would be too little."""
    requests = find_requests(snapshot.replicas)
    if requests is None:
        raise MetricUnavailable(REQUESTS_UNKNOWN, _explain_silence(snapshot))
    return requests.values()


def _explain_silence(snapshot: FleetSnapshot) -> str:
    serving = list_serving(snapshot.replicas)
    silent = [replica.name for replica in serving if replica.requests is None]
    if not serving:
        return "No replica is serving, so there are no requests to measure."
    if len(silent) == len(serving):
        return "No gate reports readers' requests. A pool has gates only if an Envoy image is configured for them."
    return f"{len(silent)} of {len(serving)} serving replicas do not report readers' requests: {clean(silent[0])}."


def _sum_requests(snapshot: FleetSnapshot) -> float:
    return compute_rate(_gather_requests(snapshot))


def _compute_error_percent(snapshot: FleetSnapshot) -> float:
    return compute_error_percent(_gather_requests(snapshot))


def _compute_latency(snapshot: FleetSnapshot) -> float:
    latency_ms = compute_latency_p90(_gather_requests(snapshot))
    if latency_ms is None:
        raise MetricUnavailable(
            NOTHING_TO_MEASURE, "No request was answered in the last minute, so there is no latency to measure."
        )
    return latency_ms


_COMPUTED: Mapping[Metric, Callable[[FleetSnapshot], float]] = {
    Metric.DESIRED_REPLICAS: _count_desired,
    Metric.FRESH_REPLICAS: _count_fresh,
    Metric.LAGGING_REPLICAS: _count_lagging,
    Metric.LAGGING_PERCENT: _compute_lagging_percent,
    Metric.MAX_LAG: _compute_max,
    Metric.P90_LAG: _compute_p90,
    Metric.AVERAGE_LAG: _compute_average,
    Metric.REQUESTS_PER_SECOND: _sum_requests,
    Metric.REQUEST_LATENCY_P90: _compute_latency,
    Metric.REQUEST_ERROR_PERCENT: _compute_error_percent,
}
