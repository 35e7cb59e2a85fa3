"""What KEDA and the HPA say of one ScaledObject: its conditions, its events, the metric through the whole real path.

The metric is asked for as the HPA does, of the API server: metrics adapter, operator, scaler, and back.
"""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from devtools.cluster.access import Access, KubectlError
from devtools.cluster.waiting import wait_for

READY_SECONDS = 60.0
_EXTERNAL_METRICS = "/apis/external.metrics.k8s.io/v1beta1"
_OWNER = "scaledobject.keda.sh%2Fname"


@dataclass(frozen=True, slots=True)
class KedaView:
    """One ScaledObject, and the StatefulSet and the HPA that come with its name."""

    access: Access
    namespace: str
    name: str

    def scaled_object(self) -> dict[str, Any]:
        """Return it as it is now; empty while it is not there."""
        return self.access.get("scaledobject", self.name, self.namespace) or {}

    def hpa(self) -> dict[str, Any]:
        """Return KEDA's HPA for it; empty while there is none."""
        return self.access.get("hpa", f"keda-hpa-{self.name}", self.namespace) or {}

    def spec_replicas(self) -> int:
        """Return how many replicas its StatefulSet is told to have."""
        return int((self.access.get("statefulset", self.name, self.namespace) or {})["spec"]["replicas"])

    def condition(self, kind: str) -> dict[str, str]:
        """Return a condition of the ScaledObject, such as Ready; empty while it has none."""
        return _find_condition(self.scaled_object(), kind)

    def hpa_condition(self, kind: str) -> dict[str, str]:
        """Return a condition of the HPA, such as ScalingActive; empty while it has none."""
        return _find_condition(self.hpa(), kind)

    def warnings(self) -> list[str]:
        """List what KEDA's warning events say of it."""
        events = self.access.list("events", self.namespace)
        return [
            event.get("message") or event.get("note") or ""
            for event in events
            if event["involvedObject"].get("name") == self.name and event.get("type") == "Warning"
        ]

    def metric(self, metric: str = "s0-desiredReplicas") -> float:
        """Ask for its metric as the HPA does.

        Raises:
            KubectlError: with what the API server says instead.
        """
        path = f"{_EXTERNAL_METRICS}/namespaces/{self.namespace}/{metric}?labelSelector={_OWNER}%3D{self.name}"
        (item,) = json.loads(self.access.fetch(path))["items"]
        return parse_quantity(item["value"])

    def wait_until_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until KEDA calls it ready and the HPA has a metric of it."""
        wait_for(
            f"ScaledObject {self.name} to be ready",
            lambda: self.condition("Ready").get("status") == "True",
            seconds,
        )
        wait_for(
            f"the HPA of {self.name} to have its metric",
            lambda: self.hpa_condition("ScalingActive").get("status") == "True",
            seconds,
        )

    def wait_for_replicas(self, replicas: int, seconds: float) -> None:
        """Wait until its StatefulSet is told to have so many replicas.

        Raises:
            TimeoutError: with what the HPA says meanwhile.
        """
        try:
            wait_for(f"{self.name} to have {replicas} replicas", lambda: self.spec_replicas() == replicas, seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; it has {self.spec_replicas()}; HPA: {self.hpa().get('status')}") from error


@dataclass
class MetricRecord:
    """What was answered each time that the metric was asked for, and each time that the HPA had none."""

    values: list[float] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)


@contextlib.contextmanager
def ask_throughout(view: KedaView, every_seconds: float = 0.5) -> Iterator[MetricRecord]:
    """Ask for the metric and for the HPA's mind again and again during the block, from a thread of its own."""
    record, is_over = MetricRecord(), threading.Event()

    def ask() -> None:
        while not is_over.wait(every_seconds):
            _ask_once(view, record)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield record
    finally:
        is_over.set()
        thread.join()


def wait_until_keda_is_back(access: Access) -> None:
    """Wait until KEDA is ready, which does not survive an API server that is away as we do."""
    for deployment in ("keda-operator", "keda-metrics-apiserver"):
        wait = ("rollout", "status", f"deployment/{deployment}", "--namespace=keda", "--timeout=180s")
        access.kubectl(*wait, timeout=190)


def parse_quantity(text: str) -> float:
    """Parse a Kubernetes quantity as KEDA writes metrics: whole, or in thousandths."""
    return float(Decimal(text[:-1]) / 1000) if text.endswith("m") else float(text)


def _ask_once(view: KedaView, record: MetricRecord) -> None:
    at = time.strftime("%H:%M:%S")
    try:
        record.values.append(view.metric())
    except KubectlError as error:
        record.misses.append(f"{at} metric: {error}")
    active = view.hpa_condition("ScalingActive")
    if active.get("status") != "True":
        record.misses.append(f"{at} HPA: {active}")


def _find_condition(resource: dict[str, Any], kind: str) -> dict[str, str]:
    conditions = resource.get("status", {}).get("conditions", [])
    return next((condition for condition in conditions if condition["type"] == kind), {})
