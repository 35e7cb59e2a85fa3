"""What a fleet is: where its nodes are, how they are asked, and the bounds and thresholds that it is held to.

scaler.triggers.trigger parses it from scalerMetadata, scaler.triggers.pool_fleet derives it from a ReadOnlyPool.
"""

from dataclasses import dataclass, field

from scaler.policy.hold_reasons import HoldReason
from scaler.policy.policy import Bounds
from scaler.policy.remembered import Remembered
from scaler.probes.kinds import ProbeKind


@dataclass(frozen=True, slots=True)
class ServiceSource:
    """A headless Service in the ScaledObject's own namespace, found by DNS; `port` is a number or a name (SRV)."""

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
    """The nodes of a fleet, and its bounds and thresholds. Triggers with equal specs share one observation.

    `network` is the passphrase, None to use what the nodes agree on. `hold_reason` is why nothing is decided, whatever
    is observed. A trigger with `pool` only names the pool; triggers.pool_fleet derives the rest from it, such as
    `learned_requests_per_replica`, and `remembered`, which a fleet only reads when it starts, so that specs that differ
    in nothing else are equal. `stats_port` is the port on which the gate beside each node reports its readers: a
    number, or the name of the Service's port; None without gates. `unready` is why the pool's controller says that its
    pods are not ready; empty if it does not. `out_of_service` are replicas taken out of service by a person: they get
    no readers, and each has a substitute. `keeps_volumes`: the volume of a replica that is removed stays, or may.
    """

    namespace: str
    source: ServiceSource | NodesSource | PoolSource
    bounds: Bounds
    probe: ProbeKind = ProbeKind.CORE
    network: str | None = None
    references: tuple[Reference, ...] = ()
    lag_threshold: int = 1000
    sustain_seconds: float = 60.0
    hold_reason: HoldReason | None = None
    learned_requests_per_replica: float | None = None
    stats_port: int | str | None = None
    unready: str = ""
    out_of_service: frozenset[str] = frozenset()
    keeps_volumes: bool = True
    remembered: Remembered | None = field(default=None, compare=False)


def build_pool_target(namespace: str, name: str) -> FleetSpec:
    """Build what a trigger by pool names: the pool's name, and no bounds of its own."""
    return FleetSpec(namespace, PoolSource(name), Bounds(0, 0, 0))
