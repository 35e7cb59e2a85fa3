"""What Prometheus is told: the fleets' snapshots and the scaler's own counts, read when it asks and never before.

Each fleet's series carry the label `fleet`; docs/metrics.md lists them all. Series of single replicas are left out, all
at once, where there are more replicas than MAX_REPLICA_SERIES: the fleets' own series go on, and a gauge says so.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from readpool.pretended import is_pretended
from readpool.replica_class import ReplicaClass
from readpool.telemetry.exposition import build_histogram, build_process_registry
from scaler.evidence import COUNTS
from scaler.metrics import leave_out
from scaler.page_feed import MAX_NAME, MAX_WORDS, clean_words, compute_lags
from scaler.readers import find_requests
from scaler.request_figures import RequestFigures, compute_error_percent, compute_latency_p90, compute_rate
from scaler.snapshot import FleetSnapshot, Replica
from scaler.stats import ScalerStats

MAX_REPLICA_SERIES = 2_000
"""Replicas, over all fleets, up to which each has series of its own: four a replica."""

_FLEET_GAUGES: tuple[tuple[str, str, Callable[[FleetSnapshot], float | None]], ...] = (
    (
        "readpool_snapshot_timestamp_seconds",
        "When the fleet was last looked at as a whole, in Unix time.",
        lambda snapshot: snapshot.at,
    ),
    (
        "readpool_tip_ledger",
        "Sequence number of the network's newest ledger; absent while not known.",
        lambda snapshot: snapshot.tip.ledger if snapshot.tip else None,
    ),
    (
        "readpool_tip_moved_timestamp_seconds",
        "When the network's newest ledger was last seen to advance, in Unix time.",
        lambda snapshot: snapshot.tip.moved_at if snapshot.tip else None,
    ),
    (
        "readpool_tip_stalled",
        "1 while the tip has not moved for a few ledgers' time, else 0.",
        lambda snapshot: float(snapshot.tip.is_stalled) if snapshot.tip else None,
    ),
    (
        "readpool_tip_halted",
        "1 while the whole network stands still, so that nothing scales, else 0.",
        lambda snapshot: float(snapshot.tip.is_halted) if snapshot.tip else None,
    ),
    (
        "readpool_max_lag_ledgers",
        "Lag of the replica that is furthest behind; absent while none is known.",
        lambda snapshot: max((lag for lag in compute_lags(snapshot).values() if lag is not None), default=None),
    ),
    (
        "readpool_lag_threshold_ledgers",
        "Lag from which a replica counts as lagging.",
        lambda snapshot: snapshot.lag_threshold,
    ),
    (
        "readpool_desired_replicas",
        "Replicas that should be there; absent while there is no ground to decide on.",
        lambda snapshot: snapshot.decision.desired,
    ),
    (
        "readpool_decision_grounded",
        "1 while there is ground to decide on, 0 while KEDA is told to hold.",
        lambda snapshot: float(snapshot.decision.desired is not None),
    ),
    (
        "readpool_lacking_replicas",
        "Replicas that will not be fresh sooner than a new one would.",
        lambda snapshot: snapshot.decision.lacking,
    ),
    (
        "readpool_bearing_replicas",
        "Replicas that the request rate needs, by what was learned; 0 when unknown.",
        lambda snapshot: snapshot.decision.bearing,
    ),
    (
        "readpool_requests_per_second",
        "Readers' requests a second, all replicas together; absent unless each that serves tells its own.",
        lambda snapshot: _compute_of_requests(snapshot, compute_rate),
    ),
    (
        "readpool_request_latency_p90_seconds",
        "The time that nine in ten answers to readers did not exceed; absent while not known.",
        lambda snapshot: _compute_of_requests(snapshot, _compute_latency_seconds),
    ),
    (
        "readpool_request_error_ratio",
        "The share of answers to readers that failed; absent while not known.",
        lambda snapshot: _compute_of_requests(snapshot, lambda figures: compute_error_percent(figures) / 100.0),
    ),
    (
        "readpool_max_volume_used_ratio",
        "How full the fullest replica's volume is; absent unless its gate tells.",
        lambda snapshot: max((used / 100.0 for used in _list_used(snapshot)), default=None),
    ),
    ("readpool_min_replicas", "Lower bound of the fleet's size.", lambda snapshot: snapshot.bounds.minimum),
    ("readpool_target_replicas", "Fresh replicas that are wanted.", lambda snapshot: snapshot.bounds.target),
    ("readpool_max_replicas", "Upper bound of the fleet's size.", lambda snapshot: snapshot.bounds.maximum),
)


class ScalerCollector(Collector):
    """Turns snapshots and counts into metric families, one family at a time.

    Args:
        read_snapshots: gives the snapshot of each fleet; called once a scrape.
        stats: the scaler's own counts.
        max_replica_series: replicas, over all fleets, up to which each has series of its own.
    """

    def __init__(
        self,
        read_snapshots: Callable[[], Sequence[FleetSnapshot]],
        stats: ScalerStats,
        max_replica_series: int = MAX_REPLICA_SERIES,
    ) -> None:
        self._read_snapshots = read_snapshots
        self._stats = stats
        self._max_replica_series = max_replica_series

    def describe(self) -> Iterable[Metric]:
        """Name nothing at registration, so that registering collects nothing."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield each family, each complete."""
        snapshots = [one for one in self._read_snapshots() if not is_pretended(one.fleet)]
        yield from _collect_fleets(snapshots)
        known = sum(len(snapshot.replicas) for snapshot in snapshots)
        has_series = known <= self._max_replica_series
        yield GaugeMetricFamily(
            "readpool_replica_series_enabled",
            "1 while each replica has series of its own, 0 while there are too many for that.",
            value=float(has_series),
        )
        if has_series:
            yield from _collect_replicas(snapshots)
        yield from _collect_stats(self._stats)


def build_registry(
    read_snapshots: Callable[[], Sequence[FleetSnapshot]],
    stats: ScalerStats,
    max_replica_series: int = MAX_REPLICA_SERIES,
) -> CollectorRegistry:
    """Build the registry of one telemetry port: the scaler's families, and those of the process and of Python."""
    return build_process_registry(ScalerCollector(read_snapshots, stats, max_replica_series))


def _collect_fleets(snapshots: Sequence[FleetSnapshot]) -> Iterator[Metric]:
    yield GaugeMetricFamily("readpool_fleets", "Fleets that are observed.", value=len(snapshots))
    info = InfoMetricFamily("readpool_fleet", "The fleet's namespace and network.", labels=["fleet"])
    decision = InfoMetricFamily("readpool_decision", "Why the desired replicas are what they are.", labels=["fleet"])
    replicas = GaugeMetricFamily("readpool_replicas", "Replicas in service, by class.", labels=["fleet", "class"])
    for snapshot in snapshots:
        network = clean_words(snapshot.network or "", MAX_WORDS)
        info.add_metric([snapshot.fleet], {"namespace": snapshot.namespace, "network": network})
        decision.add_metric([snapshot.fleet], {"reason": snapshot.decision.reason})
        counts = leave_out(snapshot).counts
        for replica_class in ReplicaClass:
            replicas.add_metric([snapshot.fleet, replica_class.value], counts[replica_class])
    yield from (info, decision, replicas)
    for name, documentation, read in _FLEET_GAUGES:
        gauge = GaugeMetricFamily(name, documentation, labels=["fleet"])
        for snapshot in snapshots:
            value = read(snapshot)
            if value is not None:
                gauge.add_metric([snapshot.fleet], value)
        yield gauge
    yield from _collect_references(snapshots)


def _collect_references(snapshots: Sequence[FleetSnapshot]) -> Iterator[Metric]:
    labels = ["fleet", "kind", "url"]
    info = InfoMetricFamily("readpool_reference", "Why a reference's word counts or does not.", labels=labels)
    counts = GaugeMetricFamily(
        "readpool_reference_counts", "1 while a reference's word is evidence of the tip, else 0.", labels=labels
    )
    for snapshot in snapshots:
        for verdict in snapshot.references:
            key = [snapshot.fleet, verdict.reference.kind.value, clean_words(verdict.reference.url, MAX_NAME)]
            info.add_metric(key, {"state": verdict.state})
            counts.add_metric(key, float(verdict.state == COUNTS))
    yield from (info, counts)


def _list_used(snapshot: FleetSnapshot) -> list[int]:
    return [one.volume_used_percent for one in snapshot.replicas if one.volume_used_percent is not None]


def _compute_of_requests(
    snapshot: FleetSnapshot, compute: Callable[[Iterable[RequestFigures]], float | None]
) -> float | None:
    requests = find_requests(snapshot.replicas)
    return None if requests is None else compute(requests.values())


def _compute_latency_seconds(figures: Iterable[RequestFigures]) -> float | None:
    latency_ms = compute_latency_p90(figures)
    return None if latency_ms is None else latency_ms / 1000.0


def _collect_replicas(snapshots: Sequence[FleetSnapshot]) -> Iterator[Metric]:
    labels = ["fleet", "replica"]
    info = InfoMetricFamily("readpool_replica", "The replica's class.", labels=labels)
    lag = GaugeMetricFamily("readpool_replica_lag_ledgers", "Ledgers behind the tip; absent if unknown.", labels=labels)
    ledger = GaugeMetricFamily("readpool_replica_ledger", "The last ledger that it closed.", labels=labels)
    answered = GaugeMetricFamily(
        "readpool_replica_last_answer_timestamp_seconds", "When the replica last answered, in Unix time.", labels=labels
    )
    for snapshot, replica, lag_ledgers in _walk_replicas(snapshots):
        key, standing = [snapshot.fleet, clean_words(replica.name, MAX_NAME)], replica.standing
        info.add_metric(key, {"class": standing.replica_class.value})
        if lag_ledgers is not None:
            lag.add_metric(key, lag_ledgers)
        if standing.report is not None:
            ledger.add_metric(key, standing.report.ledger)
        if standing.observed_at is not None:
            answered.add_metric(key, standing.observed_at)
    yield from (info, lag, ledger, answered)


def _walk_replicas(snapshots: Sequence[FleetSnapshot]) -> Iterator[tuple[FleetSnapshot, Replica, int | None]]:
    for snapshot in snapshots:
        lags = compute_lags(snapshot)
        for replica in snapshot.replicas:
            yield snapshot, replica, lags[replica.name]


def _collect_stats(stats: ScalerStats) -> Iterator[Metric]:
    polls = CounterMetricFamily("readpool_polls", "Polls of nodes, by outcome.", labels=["outcome"])
    for outcome, count in stats.polls.items():
        polls.add_metric([outcome], count)
    gates = CounterMetricFamily("readpool_gate_polls", "Polls of gates, by outcome.", labels=["outcome"])
    for outcome, count in stats.gate_polls.items():
        gates.add_metric([outcome], count)
    requests = CounterMetricFamily("readpool_grpc_requests", "Finished gRPC requests.", labels=["method", "code"])
    for (method, code), count in stats.grpc_requests.items():
        requests.add_metric([method, code], count)
    in_flight = GaugeMetricFamily(
        "readpool_grpc_in_flight_requests", "Unfinished gRPC requests, open streams included.", labels=["method"]
    )
    for method, count in stats.grpc_requests_in_flight.items():
        in_flight.add_metric([method], count)
    refused = CounterMetricFamily(
        "readpool_refused_requests",
        "What was refused to gRPC callers, by what they asked for and whose share was used up.",
        labels=["what", "share"],
    )
    for labels, count in stats.refused_callers.items():
        refused.add_metric(labels, count)
    yield from (polls, gates, requests, in_flight, refused)
    yield build_histogram("readpool_poll_duration_seconds", "From a poll's start to its outcome.", stats.poll_seconds)
    yield build_histogram("readpool_event_loop_lag_seconds", "How late the event loop woke up.", stats.loop_lag_seconds)
