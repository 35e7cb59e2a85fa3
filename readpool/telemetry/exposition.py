"""Metrics as Prometheus asks for them: a registry a process, encoded family by family so that nothing else waits."""

import asyncio
import platform
from collections.abc import Iterable
from importlib.metadata import version

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import HistogramMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from readpool.telemetry.histogram import Histogram

_MOST_FORMATS = 8
_MOST_SECONDS = 5.0


def build_process_registry(collector: Collector) -> CollectorRegistry:
    """Build the registry of one telemetry port: a program's own families, the process's, Python's, the version."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    registry.register(_BuildCollector())
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def build_histogram(name: str, documentation: str, histogram: Histogram) -> Metric:
    """Build the family of one histogram without labels."""
    return HistogramMetricFamily(name, documentation, buckets=histogram.cumulative(), sum_value=histogram.sum_seconds)


async def expose(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Return the exposition and its content type, in the format that the Accept header asks for.

    Families are encoded one by one with the loop's turn between them: 1,000 fleets take 0.1 s, and no answer to KEDA
    waits for that.
    """
    encode, content_type = choose_encoder(accept)
    pieces = []
    for family in registry.collect():
        pieces.append(encode(_OneFamily(family)).removesuffix(b"# EOF\n"))
        await asyncio.sleep(0)
    if content_type.startswith("application/openmetrics-text"):
        pieces.append(b"# EOF\n")
    return b"".join(pieces), content_type


class Exposition:
    """The exposition of one registry, for as many as ask at once: they share one, and none takes most of the time."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._newest: dict[str, tuple[float, bytes]] = {}
        self._lock = asyncio.Lock()

    async def read(self, accept: str) -> tuple[bytes, str]:
        """Return the exposition and its content type: as it is now, unless it was made a moment ago.

        A moment is twice as long as it took, so that asking without end takes a third of the time.
        """
        _, content_type = choose_encoder(accept)
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        async with self._lock:
            until, body = self._newest.get(content_type, (0.0, b""))
            if asked_at < until:
                return body, content_type
            began = loop.time()
            body, content_type = await expose(self._registry, accept)
            now = loop.time()
            if len(self._newest) >= _MOST_FORMATS:
                self._newest.clear()
            self._newest[content_type] = (now + min(2 * (now - began), _MOST_SECONDS), body)
        return body, content_type


class _OneFamily(Collector):
    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        return (self._family,)


class _BuildCollector(Collector):
    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        build = {"version": version("readpool"), "python": platform.python_version()}
        yield InfoMetricFamily("readpool_build", "The version that runs.", value=build)
