"""When the certificates of this process end, as Prometheus is told: read from the files whenever it asks."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from readpool.certificate_dates import read_dates

_MOST_BYTES = 1024 * 1024


class CertificateCollector(Collector):
    """One series a file; none of one that cannot be read."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = tuple(files)

    def collect(self) -> Iterator[Metric]:
        """Yield the metric family, if there are files."""
        if not self._files:
            return
        family = GaugeMetricFamily(
            "readpool_tls_not_after_timestamp_seconds",
            "Unix time at which the certificate in a file expires.",
            labels=["file"],
        )
        for path in self._files:
            try:
                with path.open("rb") as file:
                    dates = read_dates(file.read(_MOST_BYTES))
            except OSError:
                continue
            if dates is not None:
                family.add_metric([str(path)], dates.not_after)
        yield family
