"""What the scaler saw of one fleet at one moment: immutable, swapped as a whole.

Read by everything that answers or shows; written by scaler.fleet.fleet alone.
"""

from collections import Counter
from dataclasses import dataclass, field

from readpool.replica_class import ReplicaClass
from scaler.fleet.evidence import Verdict
from scaler.fleet.request_figures import RequestFigures
from scaler.policy.policy import Bounds, Decision
from scaler.policy.remembered import Remembered
from scaler.probes.report import ClosedLedger
from scaler.standing.freshness import ReplicaState
from scaler.standing.tip import Tip


@dataclass(frozen=True, slots=True)
class Replica:
    """One replica of a fleet: its name (the pod's where DNS tells it), where it was asked, and where it stands.

    `requests` is what its readers met with, and `volume_used_percent` how full its volume is, as the gate beside it
    tells; None while that is not known.
    """

    name: str
    address: str
    standing: ReplicaState
    requests: RequestFigures | None = None
    volume_used_percent: int | None = None


@dataclass(frozen=True, slots=True)
class FleetSnapshot:
    """One fleet at one moment.

    Attributes:
        fleet: NAMESPACE/SOURCE, unique in this process.
        sequence: grows by one with each snapshot of this fleet.
        at: when it was taken, Unix time in seconds.
        network: the passphrase that its nodes are held to, None while not known.
        replicas: sorted by name.
        references: what each reference's word is worth to this fleet.
        checkpoint: the last ledger of the newest checkpoint that several vouch for; None while there is none.
        out_of_service: names of replicas taken out of service by a person; they get no readers.
        shortage: that fewer replicas have been known than were asked for, for long, and why that may be; empty else.
        remembered: what the next scaler is to begin with; None before the first decision.
        network_protocol: the protocol that the network is at, at the least; None while not known.
    """

    fleet: str
    namespace: str
    sequence: int
    at: float
    network: str | None
    tip: Tip | None
    replicas: tuple[Replica, ...]
    decision: Decision
    bounds: Bounds
    lag_threshold: int
    counts: Counter[ReplicaClass] = field(default_factory=Counter)
    references: tuple[Verdict, ...] = ()
    shortage: str = ""
    checkpoint: ClosedLedger | None = None
    out_of_service: frozenset[str] = frozenset()
    remembered: Remembered | None = None
    network_protocol: int | None = None
