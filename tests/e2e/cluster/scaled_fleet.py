"""A fleet that KEDA scales by our metric, and the waits for what becomes of it: steady, held, grown, shrunk."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from devtools.cluster.access import KubectlError
from devtools.cluster.waiting import wait_for
from tests.e2e.cluster.keda_view import KedaView
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.replica_record import ReplicaRecord, record_replicas
from tests.e2e.cluster.scaled_object import build_scaled_object
from tests.e2e.cluster.scaler_log import ScalerEvent, list_classes, list_events

STEADY_SECONDS = 120.0
HPA_SYNC_SECONDS = 5.0
"""A setting of our cluster's controller manager."""
FAILED_METRIC = "FailedGetExternalMetric"
"""The HPA's reason for holding when KEDA has no value for it."""
FRESH = "fresh"


class Lack(str):
    """What is missing still; false, so that a wait goes on, and says this when it gives up."""

    __slots__ = ()

    def __bool__(self) -> bool:
        """Return False: it is not what was awaited."""
        return False


@dataclass(frozen=True, slots=True)
class ScaledFleet:
    """A StatefulSet, its headless Service and its ScaledObject, all of one name, and the scalers that watch it."""

    view: KedaView
    release: OwnRelease

    @property
    def namespace(self) -> str:
        """Where it is."""
        return self.view.namespace

    @property
    def name(self) -> str:
        """Of the Service, as the scaler calls it."""
        return f"{self.view.namespace}/{self.view.name}"

    def pod(self, ordinal: int) -> str:
        """Name a replica."""
        return f"{self.view.name}-{ordinal}"

    def metric(self) -> float | None:
        """Ask for our metric as the HPA does; None where KEDA has no value."""
        try:
            return self.view.metric()
        except KubectlError:
            return None

    def events(self, name: str | None = None, since: float = 0.0) -> list[ScalerEvent]:
        """List what the scalers said of it since a Unix time."""
        return list_events(self.release, self.name, name, since)

    def count_fresh(self) -> dict[str, int]:
        """Count the replicas that are there and fresh, as each scaler sees it."""
        pods = {self.pod(ordinal) for ordinal in range(self.view.spec_replicas())}
        classes = list_classes(self.release, self.name)
        return {pod: sum(seen.get(name) == FRESH for name in pods) for pod, seen in classes.items()}

    def wait_for_replicas(self, replicas: int, seconds: float) -> None:
        """Wait until it is told to have this many."""
        self.view.wait_for_replicas(replicas, seconds)

    def wait_until_steady(self, replicas: int, *, fresh: int | None = None, seconds: float = STEADY_SECONDS) -> None:
        """Wait until it has this many, the HPA goes by our metric, and each scaler calls `fresh` of them so, or all."""

        def find() -> Lack | bool:
            if self.view.spec_replicas() != replicas:
                return Lack(f"{self.view.spec_replicas()} replicas")
            if self.view.hpa_condition("ScalingActive").get("status") != "True":
                return Lack(f"the HPA: {self.view.hpa_condition('ScalingActive')}")
            if self.metric() != replicas:
                return Lack(f"the metric is {self.metric()}")
            seen = self.count_fresh()
            is_fresh = seen and all(count >= (replicas if fresh is None else fresh) for count in seen.values())
            return True if is_fresh else Lack(f"fresh as the scalers see it: {seen}")

        wait_for(f"{self.name} to be steady at {replicas}", find, seconds)

    def wait_until_held(self, seconds: float) -> None:
        """Wait until the HPA holds for want of our metric, and KEDA says so of the ScaledObject."""

        def find() -> Lack | bool:
            conditions = self.view.hpa_condition("ScalingActive"), self.view.condition("HPAActive")
            is_held = all(c.get("status") == "False" and c.get("reason") == FAILED_METRIC for c in conditions)
            return is_held or Lack(f"HPA and ScaledObject: {conditions}")

        wait_for(f"the HPA of {self.name} to hold", find, seconds)

    def wait_for_event(
        self, name: str, is_it: Callable[[ScalerEvent], bool], since: float, seconds: float
    ) -> ScalerEvent:
        """Wait until a scaler says something of it, and return the earliest such line of any."""

        def find() -> ScalerEvent | None:
            return min(filter(is_it, self.events(name, since)), key=lambda event: event.at, default=None)

        return wait_for(f"a scaler to say {name} of {self.name}", find, seconds)

    @contextmanager
    def record(self) -> Iterator[ReplicaRecord]:
        """Record every number of replicas that it is told to have while the block runs."""
        with record_replicas(self.view.access, self.namespace, self.view.name) as record:
            yield record


def scale_fleet(release: OwnRelease, namespace: str, name: str, metadata: dict[str, str]) -> ScaledFleet:
    """Make KEDA scale a StatefulSet by what this release's scalers say."""
    scaled = build_scaled_object(name, metadata, scaler_address=release.address)
    release.access.apply(scaled, namespace=namespace)
    return ScaledFleet(KedaView(release.access, namespace, name), release)
