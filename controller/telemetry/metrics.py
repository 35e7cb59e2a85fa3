"""What Prometheus is told of the controller, read when it asks and never before; docs/metrics.md lists it all."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from controller.telemetry.stats import ControllerStats, EdsStats
from readpool.telemetry.exposition import build_histogram


@dataclass(frozen=True, slots=True)
class Gauges:
    """How things stand.

    Attributes:
        objects: how many are in the stores, by kind.
        heard: of how many pools the scaler can be heard, out of `pools_watched`.
        failing: how many pools failed when they were last looked at.
    """

    is_leading: bool
    objects: dict[str, int]
    queued: int
    failing: int
    pools_watched: int
    heard: int


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
        ("leading", "1 while this process holds the Lease and writes, 0 while it follows.", gauges.is_leading),
        ("queued_pools", "Pools that wait to be looked at.", gauges.queued),
        ("failing_pools", "Pools of which a write failed when they were last looked at.", gauges.failing),
        ("watched_pools", "Pools of which the scaler is asked; 0 while this process follows.", gauges.pools_watched),
        ("heard_pools", "Pools of which the scaler can be heard.", gauges.heard),
    ):
        yield GaugeMetricFamily(f"readpool_controller_{name}", documentation, value=float(value))
    objects = GaugeMetricFamily("readpool_controller_objects", "Objects in the stores, by kind.", labels=["kind"])
    for kind, count in gauges.objects.items():
        objects.add_metric([kind], count)
    yield objects


def _collect_stats(stats: ControllerStats) -> Iterator[Metric]:
    looks = CounterMetricFamily("readpool_controller_reconciles", "Looks at a pool, by outcome.", labels=["outcome"])
    for outcome, count in stats.reconciles.items():
        looks.add_metric([outcome], count)
    writes = CounterMetricFamily(
        "readpool_controller_writes", "Writes, by verb, kind and outcome.", labels=["verb", "kind", "outcome"]
    )
    for labels, count in stats.writes.items():
        writes.add_metric(labels, count)
    events = CounterMetricFamily("readpool_controller_events", "Events, by outcome.", labels=["outcome"])
    for outcome, count in stats.events.items():
        events.add_metric([outcome], count)
    yield from (looks, writes, events)
    yield build_histogram(
        "readpool_controller_reconcile_duration_seconds",
        "From taking a pool out of the queue to the last answer.",
        stats.reconcile_seconds,
    )


def _collect_eds(stats: EdsStats) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "readpool_controller_eds_streams", "Streams of Envoys that are open.", value=float(stats.streams)
    )
    pushes = CounterMetricFamily(
        "readpool_controller_eds_pushes", "Answers sent to Envoys, by the variant of the protocol.", labels=["variant"]
    )
    for variant, count in stats.pushes.items():
        pushes.add_metric([variant], count)
    yield pushes
    yield CounterMetricFamily(
        "readpool_controller_eds_refusals", "Answers that an Envoy refused (NACK).", value=stats.refusals
    )
    refused = CounterMetricFamily(
        "readpool_controller_refused_requests",
        "Number of endpoint discovery requests refused for a limit, by the resource and the scope of the limit.",
        labels=["resource", "scope"],
    )
    for labels, count in stats.refused_callers.items():
        refused.add_metric(labels, count)
    yield refused
