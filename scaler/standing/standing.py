"""Where one replica stands: what is remembered of it between polls, and from where on it counts as what.

Made by scaler.standing.freshness, poll by poll; read by everything after it.
"""

from dataclasses import dataclass

from readpool.replica_class import ReplicaClass
from scaler.probes.report import NodeReport


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The limits between the classes of a replica.

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

    @property
    def return_ledgers(self) -> float:
        """The lag at which a replica is fresh again; less than the threshold even where that is 1."""
        return min(self.return_ratio * self.lag_ledgers, self.lag_ledgers - 1)


_UNDERWAY = (ReplicaClass.CATCHING_UP, ReplicaClass.UNKNOWN)
_WITHOUT_LAG = frozenset({ReplicaClass.UNREACHABLE, ReplicaClass.UNKNOWN, ReplicaClass.FOREIGN})


@dataclass(frozen=True, slots=True)
class ReplicaState:
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
        was_refused: since its last answer nothing listened at its port.
        polled_at: when a poll last said anything of it, an answer or a failure, in seconds; None while none has.
        contradicting_polls: answers in a row that spoke against its class.
        detail: why it could not be asked, or what its catch-up says; empty otherwise.
        first_seen: when it was first known, or was seen to restart, in seconds.
        became_fresh_after: how long it took from `first_seen` to fresh, in seconds; None while it has not been.
        gain: ledgers a second by which its lag shrinks, over its last polls; None until two lags are known.
        advanced_at: when the newest ledger that it has closed or heard of was last seen to move, in seconds.
        degraded_since: when the first of the answers came that made it lagging, or it became unreachable, in seconds;
            kept while it goes from one to the other. None while nothing speaks against it.
        known_since: when a replica of its name was first known, in seconds; kept through restarts and new pods.
            None if that was not observed.
        fresh_at: when it was last fresh, in seconds; kept likewise. None while it has never been seen so.
        is_newcomer: it joined while the others were watched, so that its being fresh cannot have been missed.
        began_at_ledger: what its first answer since `first_seen` told; None while there is none.
        closed_at: when its own ledger was last seen to move, in seconds; None if that was not observed.
        needs_protocol: the protocol that the network is at, where its Core is too old for it; None where it is not.
        has_advanced: the newest ledger that it has closed or heard of was seen to move, between two answers.
    """

    replica_class: ReplicaClass = ReplicaClass.UNKNOWN
    since: float = 0.0
    report: NodeReport | None = None
    observed_at: float | None = None
    lag_ledgers: int | None = None
    rate: float | None = None
    seconds_to_fresh: float | None = None
    failed_polls: int = 0
    contradicting_polls: int = 0
    detail: str = ""
    first_seen: float = 0.0
    became_fresh_after: float | None = None
    gain: float | None = None
    advanced_at: float | None = None
    degraded_since: float | None = None
    was_refused: bool = False
    polled_at: float | None = None
    known_since: float | None = None
    fresh_at: float | None = None
    is_newcomer: bool = False
    began_at_ledger: int | None = None
    closed_at: float | None = None
    has_advanced: bool = False
    needs_protocol: int | None = None

    @property
    def current_lag_ledgers(self) -> int | None:
        """How far it is behind the tip now; None where it does not answer or is of another network: its last is old."""
        return None if self.replica_class in _WITHOUT_LAG else self.lag_ledgers

    @property
    def is_underway(self) -> bool:
        """Whether it is on its way to fresh, whatever its silence looks like: it has not been so since it started.

        One that lagged before it fell silent is not; nor is one that was known before this scaler observed it.
        """
        if self.replica_class in _UNDERWAY:
            return True
        if self.replica_class is not ReplicaClass.UNREACHABLE or self.became_fresh_after is not None:
            return False
        has_lagged = self.degraded_since is not None and self.degraded_since < self.since
        return self.known_since is not None and not has_lagged

    @property
    def is_suspect(self) -> bool:
        """Whether it is fresh, and its last answer speaks against that."""
        return self.replica_class is ReplicaClass.FRESH and self.contradicting_polls > 0
