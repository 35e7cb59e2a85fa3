"""The certificates that are looked after, as Prometheus is told of them."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from readpool.certificates.stats import CertificateStats

_LABELS = ("namespace", "secret")


class IssuedCollector(Collector):
    """Reads the stats whenever Prometheus asks."""

    def __init__(self, stats: CertificateStats) -> None:
        self._stats = stats

    def describe(self) -> Iterator[Metric]:
        """Name no family in advance."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        ends = GaugeMetricFamily(
            "readpool_certificate_not_after_timestamp_seconds",
            "Unix time at which the certificate in a Secret expires.",
            labels=_LABELS,
        )
        for secret, at in self._stats.not_after.items():
            ends.add_metric(list(secret), at)
        yield ends
        issued = CounterMetricFamily(
            "readpool_certificates_issued", "Certificates issued or copied by this process, by Secret.", labels=_LABELS
        )
        for secret, count in self._stats.issued.items():
            issued.add_metric(list(secret), count)
        yield issued
        yield GaugeMetricFamily(
            "readpool_certificates_failing",
            "Secrets whose certificate could not be checked or renewed at the last attempt.",
            value=len(self._stats.failing),
        )
