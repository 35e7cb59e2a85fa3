"""A release of the chart for one test alone, in its own namespace: for what the shared one must not be made to do."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devtools.cluster.access import Access

CHART = Path(__file__).parents[3] / "charts" / "readpool"
INSTALL_SECONDS = 150


@dataclass(frozen=True, slots=True)
class OwnRelease:
    """The scalers of a release named `readpool` in a namespace."""

    access: Access
    namespace: str

    @property
    def host(self) -> str:
        """The name that its Service has in DNS, and that its certificate must be for."""
        return f"readpool-scaler.{self.namespace}.svc.cluster.local"

    @property
    def address(self) -> str:
        """What to write as scalerAddress."""
        return f"{self.host}:9090"

    def pods(self) -> list[str]:
        """Name the scalers' pods."""
        found = self.access.list("pods", self.namespace, "app.kubernetes.io/component=scaler")
        return sorted(pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"])

    def events(self, pod: str, name: str) -> list[dict[str, Any]]:
        """Return the lines of a scaler's log with this event."""
        lines = self.access.logs(self.namespace, pod, "scaler").splitlines()
        events = [json.loads(line) for line in lines if line.startswith("{")]
        return [event for event in events if event.get("event") == name]

    def fetch_series(self, pod: str, name: str) -> dict[str, float]:
        """Fetch the series of one Prometheus metric of a scaler, by their labels as text."""
        return fetch_series(self.access, self.namespace, pod, name)


def install_own_release(
    access: Access, namespace: str, image: str, scaler: dict[str, Any], *, chart: Path = CHART, **others: Any
) -> OwnRelease:
    """Install a chart with these values under `scaler`, polling each second, and wait until it is ready.

    Without a controller, unless the other values say so: no two releases may look after the same pools. And in plain
    text, which test_tls_default.py and whatever else is about TLS change: certificates would be one more pod each.
    """
    values = build_values(image, scaler, **others)
    access.helm(
        *("upgrade", "--install", "readpool", str(chart), "--namespace", namespace, "--values", "-"),
        *("--wait", "--timeout", f"{INSTALL_SECONDS}s"),
        stdin=json.dumps(values),
    )
    return OwnRelease(access, namespace)


def build_values(image: str, scaler: dict[str, Any], **others: Any) -> dict[str, Any]:
    """Build the values of a release for tests, polling each second; without a controller unless the others say so."""
    repository, _, tag = image.rpartition(":")
    return {
        "image": {"repository": repository, "tag": tag},
        "crds": {"install": False},  # one for the whole cluster, and of several releases only one could own it
        "controller": {"enabled": False},
        "tls": {"mode": "off"},
        "scaler": {"pollInterval": 1, "preStopSleepSeconds": 0, "resources": {"requests": {"cpu": "10m"}}, **scaler},
        **others,
    }


def fetch_series(access: Access, namespace: str, pod: str, name: str, port: int = 8080) -> dict[str, float]:
    """Fetch the series of one Prometheus metric from a pod's /metrics, through the API server."""
    text = access.fetch(f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy/metrics")
    series = (line.rsplit(" ", 1) for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} ")))
    return {labels.removeprefix(name): float(value) for labels, value in series}
