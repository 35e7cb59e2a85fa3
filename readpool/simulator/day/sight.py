"""What a scaler that polls each step sees of a replica: the model's quick stand-in for the scaler's own fold."""

from readpool.replica_class import ReplicaClass
from readpool.simulator.day.replica import NETWORK_RATE, ModelReplica

FRESH, LAGGING, CATCHING_UP = ReplicaClass.FRESH, ReplicaClass.LAGGING, ReplicaClass.CATCHING_UP
UNREACHABLE, UNKNOWN = ReplicaClass.UNREACHABLE, ReplicaClass.UNKNOWN

_AGREEING_POLLS = 2
_UNREACHABLE_POLLS = 3
_RETURN_RATIO = 0.8
_RATE_WEIGHT = 0.2
_LEAST_GAIN = 0.01


class Sight:
    """One replica as it is seen; the names are those of the scaler's ReplicaState."""

    __slots__ = (
        "became_fresh_after",
        "began",
        "degraded_since",
        "dissenting",
        "failed",
        "first_seen",
        "fresh_at",
        "known_since",
        "lag_ledgers",
        "ledger",
        "rate",
        "replica_class",
        "restarts",
        "since",
    )

    @property
    def is_quiet(self) -> bool:
        """It was in step with the network at the last poll, and has been for some."""
        return self.lag_ledgers == 0 and not self.dissenting and not self.failed and self.restarts >= 0

    @property
    def is_doubted(self) -> bool:
        """It is fresh by name, and its last answer speaks against that."""
        return self.replica_class is FRESH and self.dissenting > 0

    def __init__(self, now: float) -> None:
        self.forget(now)

    def forget(self, now: float) -> None:
        """Reset to a replica that is seen for the first time."""
        self.replica_class = UNKNOWN
        self.since = now
        self.first_seen = now
        self.began = now
        self.ledger = -1
        self.restarts = -1
        self.lag_ledgers: int | None = None
        self.rate: float | None = None
        self.dissenting = 0
        self.failed = 0
        self.became_fresh_after: float | None = None
        self.degraded_since: float | None = None
        self.known_since = now
        self.fresh_at: float | None = None

    def seconds_to_fresh(self, lag_threshold: int) -> float | None:
        """Until it will be fresh at the rate it gains; None when it does not gain or is fresh."""
        if self.replica_class is FRESH or self.lag_ledgers is None or self.rate is None:
            return None
        gain = self.rate - NETWORK_RATE
        return max(0.0, self.lag_ledgers - _RETURN_RATIO * lag_threshold) / gain if gain > _LEAST_GAIN else None

    def miss(self, now: float) -> bool:
        """Note a poll that failed; return whether the class changed."""
        self.failed += 1
        return self.failed == _UNREACHABLE_POLLS and self._become(UNREACHABLE, now)

    def see(self, replica: ModelReplica, tip: int, lag_threshold: int, now: float, seconds: float) -> bool:
        """Note an answer; return whether the class changed."""
        self.failed = 0
        ledger = int(replica.ledger)
        if self.restarts != replica.restarts and self.restarts >= 0:
            self._measure(ledger, tip, seconds)
            self.restarts = replica.restarts
            self.began = now
            self.became_fresh_after = None
            return self._become(CATCHING_UP, now)
        self.restarts = replica.restarts
        self._measure(ledger, tip, seconds)
        return self._judge(lag_threshold, now)

    def _measure(self, ledger: int, tip: int, seconds: float) -> None:
        if self.ledger > 0 < ledger:
            rate = (ledger - self.ledger) / seconds
            self.rate = rate if self.rate is None else self.rate + _RATE_WEIGHT * (rate - self.rate)
        self.ledger = ledger
        self.lag_ledgers = tip - ledger if ledger > 0 else None

    def _judge(self, lag_threshold: int, now: float) -> bool:
        lag = self.lag_ledgers
        was = self.replica_class
        if was is UNKNOWN or was is UNREACHABLE:
            if lag is None:
                return self._become(CATCHING_UP, now)
            back = LAGGING if was is UNREACHABLE else CATCHING_UP
            return self._become(FRESH if lag < lag_threshold else back, now)
        if lag is None:
            return False
        if was is FRESH:
            dissents, becomes = lag >= lag_threshold, LAGGING
            self.fresh_at = self.fresh_at if dissents else now
        else:
            dissents, becomes = lag <= _RETURN_RATIO * lag_threshold, FRESH
        was_doubted = self.is_doubted
        self.dissenting = self.dissenting + 1 if dissents else 0
        if was is FRESH:
            self._note_ailing(now, is_ailing=dissents)
        changed = self.dissenting >= _AGREEING_POLLS and self._become(becomes, now)
        return changed or was_doubted != self.is_doubted

    def note_quiet(self, tip: int, now: float) -> None:
        """Note an answer of one that keeps pace, in short."""
        self.ledger = tip
        self.fresh_at = now

    def note_stuck(self, tip: int, answers: int) -> None:
        """Note so many answers of one that stands still, in short."""
        rate = self.rate or 0.0
        for _ in range(answers):
            rate += _RATE_WEIGHT * (0.0 - rate)
        self.rate, self.lag_ledgers = rate, tip - self.ledger

    def _note_ailing(self, now: float, *, is_ailing: bool) -> None:
        if not is_ailing:
            self.degraded_since = None
        elif self.degraded_since is None:
            self.degraded_since = now

    def _become(self, replica_class: ReplicaClass, now: float) -> bool:
        changed = replica_class is not self.replica_class
        if changed:
            if replica_class is FRESH and self.became_fresh_after is None:
                self.became_fresh_after = now - self.began
            self.replica_class = replica_class
            self.since = now
            self._note_ailing(now, is_ailing=replica_class in (LAGGING, UNREACHABLE))
        self.dissenting = 0
        return changed
