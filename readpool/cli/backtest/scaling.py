"""Our policy in the model day: the real policy.policy and routing.weights, KEDA's HPA between it and the pool."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from controller.routing.weights import WeighedReplica, WeightSettings, compute_weights
from readpool.replica_class import ReplicaClass
from readpool.simulator.day.calm import NO_CALM, Calm
from readpool.simulator.day.sight import Sight
from readpool.simulator.day.view import View, Weigh
from readpool.simulator.hpa import DEFAULT_SCALE_DOWN, DEFAULT_SCALE_UP, HpaMemory, HpaSpec, sync_hpa
from scaler.policy.hold_reasons import HoldReason
from scaler.policy.policy import PolicyMemory, PolicySettings, decide
from scaler.policy.policy_recall import recall, tell_memory
from scaler.policy.policy_steady import stay
from scaler.policy.shared_database import DATABASE_STOPPED
from scaler.standing.freshness import ReplicaState
from scaler.standing.tip import Tip

_FRESH = ReplicaClass.FRESH
_STALE_POLLS = 3
_BEHIND, _MOVES = (ReplicaClass.LAGGING, ReplicaClass.CATCHING_UP), 0.02
_STOPPED = HoldReason(DATABASE_STOPPED, "all stand at one ledger")
UNBOUND_TOLERANCE = replace(DEFAULT_SCALE_UP, tolerance=0.0), replace(DEFAULT_SCALE_DOWN, tolerance=0.0)


@dataclass(frozen=True, slots=True)
class Blindness:
    """What our policy is kept from knowing, to show what it is worth."""

    requests: bool = False
    halts: bool = False
    own_restarts: bool = False


@dataclass(slots=True)
class OurScaling:
    """The scaler's policy asked each sync, and the HPA that follows it with tolerance 0."""

    settings: PolicySettings
    blindness: Blindness = field(default_factory=Blindness)
    observed_since: float = 0.0
    memory: PolicyMemory = field(default_factory=PolicyMemory)
    hpa: HpaMemory = field(default_factory=HpaMemory)
    _kept: tuple[PolicyMemory, float] | None = field(default=None, init=False)
    _standings: dict[str, ReplicaState] = field(default_factory=dict, init=False)
    _calm: Calm = field(default=NO_CALM, init=False)
    _hpa_spec: HpaSpec = field(init=False)

    def __post_init__(self) -> None:
        """Set the bounds of the HPA."""
        bounds = self.settings.bounds
        self._hpa_spec = HpaSpec(bounds.minimum, bounds.maximum, 1.0, *UNBOUND_TOLERANCE)

    def sync(self, view: View) -> int:
        """Decide, then do as the HPA does with the answer."""
        blind = self.blindness
        if view.calm is NO_CALM or view.calm is not self._calm:
            self._calm = view.calm
            self._standings = {n: self._stand(n, sight, view.lag_threshold) for n, sight in view.sights.items()}
        is_halted = view.is_halted and not blind.halts
        tip = Tip(view.tip, view.moved_at, is_halted=is_halted, reset_at=view.reset_at)
        stopped = view.shares_database and _has_stopped(view.sights)
        decision, self.memory = decide(
            self._standings,
            tip,
            observed_since=self.observed_since,
            memory=self.memory,
            settings=replace(self.settings, hold_reason=_STOPPED) if stopped else self.settings,
            now=view.now,
            requests=None if blind.requests else view.reads,
        )
        if self.memory.has_decided:
            self._kept = self.memory, view.now
        step, self.hpa = sync_hpa(
            self._hpa_spec,
            self.hpa,
            current=view.replicas,
            observed=view.replicas,
            metric=None if decision.desired is None else float(decision.desired),
            now=view.now,
        )
        return step.desired

    def stay(self, calm: Calm, requests: Mapping[str, float], now: float) -> bool:
        """Decide in short where nothing but the load has changed; return False, and do nothing, where that may not do.

        `calm` is that of the last sync, and `requests` is requests/s of each replica.
        """
        if calm is not self._calm or self.blindness.requests:
            return False
        memory = stay(
            self._standings,
            requests,
            observed_since=self.observed_since,
            memory=self.memory,
            settings=self.settings,
            now=now,
        )
        if memory is None:
            return False
        size = len(self._standings)
        step, hpa = sync_hpa(self._hpa_spec, self.hpa, current=size, observed=size, metric=float(size), now=now)
        if step.desired != size:
            return False
        self.memory, self.hpa, self._kept = memory, hpa, (memory, now)
        return True

    def restart(self, now: float) -> None:
        """Forget all but what the pool's status keeps; the HPA is not ours and forgets nothing."""
        kept = None if self._kept is None else tell_memory(self._kept[0], None, self._kept[1])
        self.memory = replace(recall(kept, None, self.settings, now), capacity=self.memory.capacity)
        self.observed_since = -1e9 if self.blindness.own_restarts else now

    def _stand(self, name: str, sight: Sight, lag_threshold: int) -> ReplicaState:
        """Build a standing, or keep that of a replica of which nothing changes but that it still is fresh."""
        kept = self._standings.get(name)
        if (
            kept is not None
            and kept.replica_class is sight.replica_class
            and (kept.fresh_at == sight.fresh_at or sight.replica_class is _FRESH)
            and kept.since == sight.since
            and kept.lag_ledgers == sight.lag_ledgers
            and kept.rate == sight.rate
            and kept.failed_polls == sight.failed
            and kept.degraded_since == sight.degraded_since
            and kept.first_seen == sight.first_seen
            and kept.became_fresh_after == sight.became_fresh_after
        ):
            return kept
        return ReplicaState(
            sight.replica_class,
            since=sight.since,
            lag_ledgers=sight.lag_ledgers,
            rate=sight.rate,
            seconds_to_fresh=sight.seconds_to_fresh(lag_threshold),
            failed_polls=sight.failed,
            first_seen=sight.first_seen,
            became_fresh_after=sight.became_fresh_after,
            degraded_since=sight.degraded_since,
            known_since=sight.known_since,
            fresh_at=sight.fresh_at,
        )


def _has_stopped(sights: Mapping[str, Sight]) -> bool:
    """Return whether scaler.policy.shared_database holds: all that answer stand at one ledger behind the network."""
    told = [sight for sight in sights.values() if sight.ledger > 0 and not sight.failed]
    is_one = len({sight.ledger for sight in told}) == 1 and len(told) > 1
    return is_one and all(sight.replica_class in _BEHIND and (sight.rate or 0.0) < _MOVES for sight in told)


def make_weigh(settings: WeightSettings, *, heeds_doubts: bool = True) -> Weigh:
    """Make the controller's weights out of what is seen; for every contender the same, so that only scaling differs."""

    @lru_cache(maxsize=256)
    def weigh_alike(seen: tuple[_Seen, ...]) -> dict[str, int]:
        return compute_weights((_to_weighed(one) for one in seen), settings)

    def weigh(sights: Mapping[str, Sight], last: Mapping[str, int]) -> dict[str, int]:
        return dict(
            weigh_alike(
                tuple(
                    [
                        (
                            name,
                            sight.replica_class,
                            last.get(name),
                            sight.failed >= _STALE_POLLS,
                            sight.ledger > 0,
                            heeds_doubts and sight.is_doubted,
                        )
                        for name, sight in sights.items()
                    ]
                )
            )
        )

    return weigh


_Seen = tuple[str, ReplicaClass, int | None, bool, bool, bool]
"""All of a replica that its weight comes from; its lag decides on the order of weights alone."""


def _to_weighed(seen: _Seen) -> WeighedReplica:
    name, replica_class, last_weight, is_stale, has_ledgers, is_doubted = seen
    return WeighedReplica(
        name,
        replica_class,
        None,
        last_weight,
        is_stale=is_stale,
        has_ledgers=has_ledgers,
        is_doubted=is_doubted,
    )
