"""What a plan rests on: one pool, what it owns, its pods, what the scaler says of them. Types alone.

Gathered by I/O: everything as it was when observed; decisions get the time as an argument.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.observed.drift import Rewrite
from controller.observed.failures import Failure
from controller.observed.workload import WorkloadView
from readpool.kubernetes.kinds import Kind, Manifest, ObjectKey
from readpool.pool.spec import ReadOnlyPool
from readpool.pool.status import ScalingMemory
from readpool.replica_class import ReplicaClass


@dataclass(frozen=True, slots=True)
class ReplicaView:
    """What the scaler says of one replica.

    Attributes:
        name: the pod's name where DNS told it, else its address.
        address: HOST:PORT that it was asked at.
        since: Unix seconds since when it has been of this class.
        ledgers_per_second: over the last polls.
        observed_at: Unix seconds of its last answer.
        is_doubted: it is fresh, and its last answer speaks against that.
        started_on: Unix seconds at which its process started, by the clock of its node; None where it does not say.
        is_of_another_network: it names another passphrase, so no reader may be sent to it.
        volume_used_percent: how full its volume is, None where its gate does not tell.
        core_protocol: the newest protocol that its Stellar Core supports, None where it does not say.
        is_core_too_old: that is too old for the network.
    """

    name: str
    address: str
    replica_class: ReplicaClass
    since: float = 0.0
    ledger: int | None = None
    lag_ledgers: int | None = None
    ledgers_per_second: float | None = None
    seconds_to_fresh: float | None = None
    state: str = ""
    detail: str = ""
    observed_at: float | None = None
    is_doubted: bool = False
    started_on: float | None = None
    is_of_another_network: bool = False
    volume_used_percent: int | None = None
    core_protocol: int | None = None
    is_core_too_old: bool = False


@dataclass(frozen=True, slots=True)
class CheckpointView:
    """The last ledger of a checkpoint, as several told it: its hash, 64 hexadecimal digits, and when it closed."""

    ledger: int
    ledger_hash: str
    closed_at: int


@dataclass(frozen=True, slots=True)
class FleetView:
    """The scaler's snapshot of a pool, as controller.observer.fleet_view parses it.

    Attributes:
        at: Unix seconds, by the scaler's clock as all times of its word.
        tip_ledger: the network's newest ledger, None while not known.
        is_halted: the network has closed none for so long that lag is frozen.
        desired_replicas: None if there is no data to decide on; `reason` and `message` then say why.
        learned_requests_per_replica: requests/s that one replica can serve, None while unknown.
        scaling_memory: what the next scaler is to begin with; None from one that has not decided anything yet.
        poll_interval_seconds: between two polls of a replica; None from a scaler that does not tell.
        heard_at: Unix seconds by our own clock, when it came; None where no one noted it.
        checkpoint: the newest that several fresh replicas or references vouch for; None while there is none.
        network_protocol: the protocol that the network is at, at the least; None while not known.
    """

    at: float
    replicas: tuple[ReplicaView, ...] = ()
    tip_ledger: int | None = None
    is_halted: bool = False
    desired_replicas: int | None = None
    reason: str = ""
    message: str = ""
    learned_requests_per_replica: float | None = None
    scaling_memory: ScalingMemory | None = None
    poll_interval_seconds: float | None = None
    heard_at: float | None = None
    checkpoint: CheckpointView | None = None
    network_protocol: int | None = None


@dataclass(frozen=True, slots=True)
class ObservedPool:
    """One pool and all that was seen of it.

    Attributes:
        children: what the pool owns, by key.
        pods: with the pool's labels, and owned by its StatefulSet; or those of the workload that it stands before.
        claims: with the pool's labels.
        fleet: the scaler's last word, None where it has not said any.
        fleet_silent_since: Unix seconds since when the scaler cannot be heard, None while it can.
        optional_kinds: those that the cluster serves at the moment, such as ScaledObject.
        archived_ledgers: first and last ledger that the archives hold, where somebody has asked them.
        other_scaled_object: a ScaledObject of the user's that points at the pool, or at its workload.
        name_conflicts: objects of others that have a name which the pool needs.
        refused: objects that the API server would not take when they were last written, and what it said.
        failing: objects whose writes fail again and again, and may succeed yet.
        rewritten: what others make of objects as they are applied.
        misread: why the spec cannot be read, empty where it can; `pool` is as it could be read last, or in part.
        workload: what is seen of the workload that the pool stands before; None in a pool of replicas of its own.
        may_restart: false while other pools are to restart replicas first, for a change that is not this pool's own.
    """

    pool: ReadOnlyPool
    children: Mapping[ObjectKey, Manifest]
    pods: tuple[Manifest, ...] = ()
    claims: tuple[Manifest, ...] = ()
    fleet: FleetView | None = None
    fleet_silent_since: float | None = None
    optional_kinds: frozenset[Kind] = frozenset()
    archived_ledgers: tuple[int, int] | None = None
    other_scaled_object: str | None = None
    name_conflicts: frozenset[ObjectKey] = frozenset()
    refused: Mapping[ObjectKey, str] = field(default_factory=dict)
    failing: Mapping[ObjectKey, Failure] = field(default_factory=dict)
    rewritten: Mapping[ObjectKey, Rewrite] = field(default_factory=dict)
    misread: str = ""
    workload: WorkloadView | None = None
    may_restart: bool = True

    def is_held(self, key: ObjectKey) -> bool:
        """Return whether the API server does not let an object be written."""
        return key in self.refused or key in self.failing

    @property
    def current_fleet(self) -> FleetView | None:
        """The scaler's word while it can be heard."""
        return self.fleet if self.fleet_silent_since is None else None

    def find(self, kind: Kind, name: str) -> Manifest | None:
        """Find what the pool owns by kind and name."""
        return self.children.get(ObjectKey(kind, self.pool.namespace, name))
