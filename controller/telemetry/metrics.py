"""The controller's Prometheus metrics, collected at each scrape; docs/controller.md lists them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from controller.telemetry.stats import ControllerStats, EdsStats
from readpool.telemetry.exposition import build_histogram


@dataclass(frozen=True, slots=True)
class Gauges:
    """Current values.

    Attributes:
        objects: number of objects in the caches, by kind.
        connected: number of pools with an open stream to the scaler, out of `pools_watched`.
        failing: number of pools whose last reconciliation failed.
    """

    is_leading: bool
    objects: dict[str, int]
    queued: int
    failing: int
    pools_watched: int
    connected: int


class ControllerCollector(Collector):
    """Turns counts and gauges into metric families."""

    def __init__(self, stats: ControllerStats, read_gauges: Callable[[], Gauges]) -> None:
        self._stats = stats
        self._read_gauges = read_gauges

    def describe(self) -> Iterable[Metric]:
        """Name nothing at registration, so that registering collects nothing."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield each family."""
        yield from _collect_gauges(self._read_gauges())
        yield from _collect_stats(self._stats)
        if self._stats.eds is not None:
            yield from _collect_eds(self._stats.eds)


def _collect_gauges(gauges: Gauges) -> Iterator[Metric]:
    for name, documentation, value in (
        ("leading", "1 if this process is the leader, 0 otherwise.", gauges.is_leading),
        ("queued_pools", "Pools that wait for reconciliation.", gauges.queued),
        ("failing_pools", "Pools whose last reconciliation failed.", gauges.failing),
        (
            "watched_pools",
            "Pools that the leader observes through the scaler; 0 if not the leader.",
            gauges.pools_watched,
        ),
        ("connected_pools", "Pools with an open stream to the scaler.", gauges.connected),
    ):
        yield GaugeMetricFamily(f"readpool_controller_{name}", documentation, value=float(value))
    objects = GaugeMetricFamily("readpool_controller_objects", "Objects in the caches, by kind.", labels=["kind"])
    for kind, count in gauges.objects.items():
        objects.add_metric([kind], count)
    yield objects


def _collect_stats(stats: ControllerStats) -> Iterator[Metric]:
    looks = CounterMetricFamily(
        "readpool_controller_reconciles", "Reconciliations of a pool, by outcome.", labels=["outcome"]
    )
    for outcome, count in stats.reconciles.items():
        looks.add_metric([outcome], count)
    writes = CounterMetricFamily(
        "readpool_controller_writes",
        "Writes to the API server, by verb, kind and outcome.",
        labels=["verb", "kind", "outcome"],
    )
    for labels, count in stats.writes.items():
        writes.add_metric(labels, count)
    events = CounterMetricFamily(
        "readpool_controller_events", "Kubernetes Events of pools, by outcome.", labels=["outcome"]
    )
    for outcome, count in stats.events.items():
        events.add_metric([outcome], count)
    yield from (looks, writes, events)
    yield build_histogram(
        "readpool_controller_reconcile_duration_seconds",
        "Duration of a reconciliation, from the queue to the last response.",
        stats.reconcile_seconds,
    )


def _collect_eds(stats: EdsStats) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "readpool_controller_eds_streams", "Open endpoint discovery streams of Envoys.", value=float(stats.streams)
    )
    pushes = CounterMetricFamily(
        "readpool_controller_eds_pushes",
        "Endpoint discovery responses sent to Envoys, by protocol variant.",
        labels=["variant"],
    )
    for variant, count in stats.pushes.items():
        pushes.add_metric([variant], count)
    yield pushes
    yield CounterMetricFamily(
        "readpool_controller_eds_refusals",
        "Endpoint discovery responses that an Envoy rejected (NACK).",
        value=stats.refusals,
    )
    refused = CounterMetricFamily(
        "readpool_controller_refused_requests",
        "Number of endpoint discovery requests refused because of a limit, by its resource and scope.",
        labels=["resource", "scope"],
    )
    for labels, count in stats.refused_callers.items():
        refused.add_metric(labels, count)
    yield refused
