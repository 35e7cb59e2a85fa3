"""What KEDA's scalerMetadata asks for. Refuses at the door whatever it does not understand; defaults nothing in silence."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from scaler.policy import Bounds


class TriggerError(ValueError):
    """A trigger that is not understood. The message names the key, the value and what is allowed."""


class ProbeKind(StrEnum):
    """What kind of node a fleet or a reference is made of."""

    CORE = "core"
    RPC = "rpc"
    HORIZON = "horizon"
    ARCHIVE = "archive"
    """A reference only."""


class Metric(StrEnum):
    """The metrics that a trigger can name."""

    DESIRED_REPLICAS = "desiredReplicas"
    FRESH_REPLICAS = "freshReplicas"
    LAGGING_REPLICAS = "laggingReplicas"
    LAGGING_PERCENT = "laggingPercent"
    MAX_LAG = "maxLag"
    P90_LAG = "p90Lag"
    AVERAGE_LAG = "averageLag"


@dataclass(frozen=True, slots=True)
class ServiceSource:
    """A headless Service in the ScaledObject's own namespace, found by DNS. `port` is a number, or a port's name (SRV)."""

    name: str
    port: int | str


@dataclass(frozen=True, slots=True)
class NodesSource:
    """Fixed URLs, such as http://10.0.0.1:11626."""

    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PoolSource:
    """A ReadOnlyPool in the ScaledObject's own namespace."""

    name: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A node whose word counts as evidence of the tip: asked like a node, never scaled."""

    kind: ProbeKind
    url: str


@dataclass(frozen=True, slots=True)
class FleetSpec:
    """Which nodes make a fleet and what they are held to. Triggers that agree on it share one observation."""

    namespace: str
    source: ServiceSource | NodesSource | PoolSource
    bounds: Bounds
    probe: ProbeKind = ProbeKind.CORE
    network: str | None = None
    """The passphrase, None to go by what the nodes agree on."""
    references: tuple[Reference, ...] = ()
    lag_threshold: int = 1000
    sustain_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger: a fleet, the metric that is asked of it, and the value per replica that the HPA aims at."""

    fleet: FleetSpec
    metric: Metric = Metric.DESIRED_REPLICAS
    target_value: float = 1.0


def parse_trigger(namespace: str, metadata: Mapping[str, str], *, allow_static_nodes: bool) -> Trigger:
    """Parse scalerMetadata.

    Raises:
        TriggerError: for unknown, missing, doubled or malformed keys.
    """
    raise NotImplementedError
