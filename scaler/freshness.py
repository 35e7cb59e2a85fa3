"""One replica's polls, folded into its class. Between the probes, which say what a node answered, and the policy."""

from dataclasses import dataclass

from readpool.replica_class import ReplicaClass
from scaler.probes.report import NodeReport


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on a replica counts as what.

    Attributes:
        lag_ledgers: a replica this many ledgers behind the tip, or more, lags.
        return_ratio: it is fresh again at this share of `lag_ledgers` or less.
        agreeing_polls: polls in a row that must agree before fresh and lagging change places.
        unreachable_polls: failed polls in a row that make a replica unreachable.
    """

    lag_ledgers: int = 1000
    return_ratio: float = 0.8
    agreeing_polls: int = 2
    unreachable_polls: int = 3


@dataclass(frozen=True, slots=True)
class ReplicaStanding:
    """Where one replica stands: all that is remembered of it between polls.

    Attributes:
        replica_class: its class now.
        since: when it became that, in seconds.
        report: its last answer, None while it has given none.
        observed_at: when that answer came, in seconds.
        lag_ledgers: how far it was behind the tip then; None while that is not known.
        rate: ledgers a second over its last polls, None until two answers are there.
        seconds_to_fresh: until it will be fresh at the rate it gains; None when it does not gain or is fresh.
        failed_polls: polls in a row that failed.
        dissenting_polls: answers in a row that spoke against its class.
        detail: why it could not be asked, or what its catch-up says; empty otherwise.
        first_seen: when it was first known, in seconds.
        became_fresh_after: how long it took from its first sight or restart to fresh; None while it has not been.
    """

    replica_class: ReplicaClass = ReplicaClass.UNKNOWN
    since: float = 0.0
    report: NodeReport | None = None
    observed_at: float | None = None
    lag_ledgers: int | None = None
    rate: float | None = None
    seconds_to_fresh: float | None = None
    failed_polls: int = 0
    dissenting_polls: int = 0
    detail: str = ""
    first_seen: float = 0.0
    became_fresh_after: float | None = None
