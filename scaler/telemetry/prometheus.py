"""Prometheus metrics: built from the fleets' snapshots and the scaler's own counters at each scrape.

Each fleet's series have the label `fleet`; docs/metrics.md lists them all. Above MAX_REPLICA_SERIES replicas, the
series of single replicas are dropped, all at once; the fleets' series stay, and a gauge reports it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from readpool.pretended import is_pretended
from readpool.replica_class import ReplicaClass
from readpool.telemetry.exposition import build_histogram, build_process_registry
from scaler.fleet.evidence import USED
from scaler.fleet.keda_metrics import leave_out
from scaler.fleet.readers import find_requests
from scaler.fleet.request_figures import RequestFigures, compute_error_percent, compute_latency_p90, compute_rate
from scaler.fleet.snapshot import FleetSnapshot, Replica
from scaler.telemetry.snapshot_values import MAX_NAME, MAX_WORDS, clean_words, compute_lags
from scaler.telemetry.stats import ScalerStats

MAX_REPLICA_SERIES = 2_000
"""The most replicas, over all fleets, that have series of their own: four per replica."""

_FLEET_GAUGES: tuple[tuple[str, str, Callable[[FleetSnapshot], float | None]], ...] = (
    (
        "readpool_fleet_updated_timestamp_seconds",
        "Unix time at which the scaler last updated the fleet's values.",
        lambda snapshot: snapshot.at,
    ),
    (
        "readpool_tip_ledger",
        "Sequence number of the network's newest ledger; absent while unknown.",
        lambda snapshot: snapshot.tip.ledger if snapshot.tip else None,
    ),
    (
        "readpool_tip_moved_timestamp_seconds",
        "Unix time at which the tip was last seen to advance.",
        lambda snapshot: snapshot.tip.moved_at if snapshot.tip else None,
    ),
    (
        "readpool_tip_stalled",
        "1 while the tip has not advanced for the time of a few ledgers, else 0.",
        lambda snapshot: float(snapshot.tip.is_stalled) if snapshot.tip else None,
    ),
    (
        "readpool_network_halted",
        "1 while the network closes no ledgers and scaling is suspended, else 0.",
        lambda snapshot: float(snapshot.tip.is_halted) if snapshot.tip else None,
    ),
    (
        "readpool_max_lag_ledgers",
        "Lag, in ledgers, of the replica that is furthest behind the tip; absent while no lag is known.",
        lambda snapshot: max((lag for lag in compute_lags(snapshot).values() if lag is not None), default=None),
    ),
    (
        "readpool_lag_threshold_ledgers",
        "Lag, in ledgers, at which a replica counts as lagging.",
        lambda snapshot: snapshot.lag_threshold,
    ),
    (
        "readpool_desired_replicas",
        "Number of replicas that the scaler asks for; absent while it cannot decide.",
        lambda snapshot: snapshot.decision.desired,
    ),
    (
        "readpool_decision_available",
        "1 while the scaler can decide, 0 while it answers KEDA with an error and the size stays.",
        lambda snapshot: float(snapshot.decision.desired is not None),
    ),
    (
        "readpool_unhealthy_replicas",
        "Replicas lagging or unreachable for sustainSeconds, or overdue in catching up. One more is added for each.",
        lambda snapshot: snapshot.decision.unhealthy,
    ),
    (
        "readpool_load_required_replicas",
        "Replicas needed for the current request rate, from the learned capacity; 0 while unknown.",
        lambda snapshot: snapshot.decision.replicas_for_load,
    ),
    (
        "readpool_requests_per_second",
        "Readers' requests per second over all replicas; absent unless every serving replica reports its own.",
        lambda snapshot: _compute_of_requests(snapshot, compute_rate),
    ),
    (
        "readpool_request_latency_p90_seconds",
        "90th percentile of the latency of readers' requests; absent while unknown.",
        lambda snapshot: _compute_of_requests(snapshot, _compute_latency_seconds),
    ),
    (
        "readpool_request_error_ratio",
        "Share of readers' requests that failed (5xx), 0 to 1; absent while unknown.",
        lambda snapshot: _compute_of_requests(snapshot, lambda figures: compute_error_percent(figures) / 100.0),
    ),
    (
        "readpool_max_volume_used_ratio",
        "Used share of the fullest volume, 0 to 1; absent unless a gate reports it.",
        lambda snapshot: max((used / 100.0 for used in _list_used(snapshot)), default=None),
    ),
    ("readpool_min_replicas", "Lower limit of the number of replicas.", lambda snapshot: snapshot.bounds.minimum),
    ("readpool_target_replicas", "Target number of fresh replicas.", lambda snapshot: snapshot.bounds.target),
    ("readpool_max_replicas", "Upper limit of the number of replicas.", lambda snapshot: snapshot.bounds.maximum),
)


class ScalerCollector(Collector):
    """Builds metric families from snapshots and counters, one family at a time.

    Args:
        read_snapshots: returns the snapshot of each fleet; called once per scrape.
        stats: the scaler's own counters.
        max_replica_series: the most replicas, over all fleets, that have series of their own.
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
        """Return nothing, so that registering collects nothing."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield each family, complete."""
        snapshots = [one for one in self._read_snapshots() if not is_pretended(one.fleet)]
        yield from _collect_fleets(snapshots)
        known = sum(len(snapshot.replicas) for snapshot in snapshots)
        has_series = known <= self._max_replica_series
        yield GaugeMetricFamily(
            "readpool_replica_series_enabled",
            "1 while every replica has its own series, 0 while there are too many replicas.",
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
    """Build the registry of one telemetry port: the scaler's families, the process's and Python's."""
    return build_process_registry(ScalerCollector(read_snapshots, stats, max_replica_series))


def _collect_fleets(snapshots: Sequence[FleetSnapshot]) -> Iterator[Metric]:
    yield GaugeMetricFamily("readpool_fleets", "Number of observed fleets.", value=len(snapshots))
    info = InfoMetricFamily("readpool_fleet", "The fleet's namespace and network.", labels=["fleet"])
    decision = InfoMetricFamily("readpool_decision", "The reason for the desired number of replicas.", labels=["fleet"])
    replicas = GaugeMetricFamily(
        "readpool_replicas", "Number of replicas in service, by class.", labels=["fleet", "class"]
    )
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
    info = InfoMetricFamily(
        "readpool_reference", "Whether a reference is used to determine the tip, or why not.", labels=labels
    )
    used = GaugeMetricFamily(
        "readpool_reference_used", "1 while a reference is used to determine the tip, else 0.", labels=labels
    )
    for snapshot in snapshots:
        for verdict in snapshot.references:
            key = [snapshot.fleet, verdict.reference.kind.value, clean_words(verdict.reference.url, MAX_NAME)]
            info.add_metric(key, {"state": verdict.state})
            used.add_metric(key, float(verdict.state == USED))
    yield from (info, used)


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
    lag = GaugeMetricFamily(
        "readpool_replica_lag_ledgers", "Ledgers behind the tip; absent while unknown.", labels=labels
    )
    ledger = GaugeMetricFamily(
        "readpool_replica_ledger", "Sequence number of the replica's last closed ledger.", labels=labels
    )
    answered = GaugeMetricFamily(
        "readpool_replica_last_response_timestamp_seconds", "Unix time of the replica's last response.", labels=labels
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
    polls = CounterMetricFamily("readpool_polls", "Number of polls of nodes, by outcome.", labels=["outcome"])
    for outcome, count in stats.polls.items():
        polls.add_metric([outcome], count)
    gates = CounterMetricFamily("readpool_gate_polls", "Number of polls of gates, by outcome.", labels=["outcome"])
    for outcome, count in stats.gate_polls.items():
        gates.add_metric([outcome], count)
    requests = CounterMetricFamily(
        "readpool_grpc_requests", "Number of finished gRPC requests.", labels=["method", "code"]
    )
    for (method, code), count in stats.grpc_requests.items():
        requests.add_metric([method, code], count)
    in_flight = GaugeMetricFamily(
        "readpool_grpc_in_flight_requests",
        "Number of unfinished gRPC requests, open streams included.",
        labels=["method"],
    )
    for method, count in stats.grpc_requests_in_flight.items():
        in_flight.add_metric([method], count)
    refused = CounterMetricFamily(
        "readpool_refused_requests",
        "Number of gRPC requests refused because of a limit, by its resource and scope.",
        labels=["resource", "scope"],
    )
    for labels, count in stats.refused_callers.items():
        refused.add_metric(labels, count)
    yield from (polls, gates, requests, in_flight, refused)
    yield build_histogram("readpool_poll_duration_seconds", "Duration of a poll.", stats.poll_seconds)
    yield build_histogram(
        "readpool_event_loop_lag_seconds", "Delay with which the event loop woke up.", stats.loop_lag_seconds
    )
