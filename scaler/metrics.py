"""The metrics that a trigger can name, each a number from a snapshot; where there is none, why.

Between the snapshot and the answer to KEDA.
"""

from collections.abc import Callable, Mapping
from math import ceil

from readpool.replica_class import ReplicaClass
from scaler.policy_grounds import NOT_YET_SUSTAINED
from scaler.probes.report import NodeReport
from scaler.snapshot import FleetSnapshot
from scaler.trigger import Metric

NOTHING_TO_MEASURE = "NothingToMeasure"
"""No replica that has been fresh tells its ledger, so there is no lag to speak of."""


class NoGround(Exception):  # noqa: N818 - not a fault: there is nothing to say
    """There is nothing to say: `reason` in CamelCase for machines, `message` in a sentence for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


def compute_metric(snapshot: FleetSnapshot, metric: Metric) -> float:
    """Compute a metric; never NaN, never negative.

    Raises:
        NoGround: when what was seen allows no number.
    """
    decision = snapshot.decision
    is_counted = metric is not Metric.DESIRED_REPLICAS and decision.reason == NOT_YET_SUSTAINED
    if decision.desired is None and not is_counted:
        raise NoGround(decision.reason, decision.message)
    return _COMPUTED[metric](snapshot)


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
        raise NoGround(
            NOTHING_TO_MEASURE, "No replica that has been fresh tells its ledger, so there is no lag to measure."
        )
    return sorted(lags)


def _tells_ledger(report: NodeReport | None) -> bool:
    """Tell whether a lag is one: behind a node that has closed nothing, or says no number, lies the whole network."""
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


_COMPUTED: Mapping[Metric, Callable[[FleetSnapshot], float]] = {
    Metric.DESIRED_REPLICAS: _count_desired,
    Metric.FRESH_REPLICAS: _count_fresh,
    Metric.LAGGING_REPLICAS: _count_lagging,
    Metric.LAGGING_PERCENT: _compute_lagging_percent,
    Metric.MAX_LAG: _compute_max,
    Metric.P90_LAG: _compute_p90,
    Metric.AVERAGE_LAG: _compute_average,
}
