"""What happens when: a seed and a length in, the acts in order out. Pure: the same seed gives the same soak.

Faults are dealt from a deck, so that each kind comes; one that may not come now waits for a later turn. At least one
replica and one router are always left alone, and routers are not hurt while nobody could tell readers of it.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from tests.soak.acts import (
    ALL,
    CONTROLLER,
    DECK,
    GATE,
    KEDA,
    LIGHT,
    PARTS,
    REPLICA,
    ROLLOUTS,
    ROUTER,
    SCALER,
    USER,
    USER_SECONDS,
    Act,
    Card,
)

FIRST_SECONDS = 5.0
LAST_SECONDS = 15.0
"""Nothing new happens in the last of them."""
GAP_SECONDS = (2.0, 6.5)
USER_FIRST_SECONDS = 12.0
USER_GAP_SECONDS = (42.0, 58.0)
ROLLOUT_SECONDS = 60.0
"""So long replicas are restarted one by one, so that only one more may be hurt."""
REST_SECONDS = {REPLICA: 15.0, ROUTER: 15.0, SCALER: 10.0, CONTROLLER: 10.0, KEDA: 25.0}
"""For so long a pod that was hurt counts as hurt still."""
PART_REST_SECONDS = 10.0
REPLICAS, ROUTERS = 3, 2
PROGRAMS = {SCALER: 2, CONTROLLER: 2, KEDA: 1}
ALL_SHARE = 0.25
"""So often all scalers or all controllers are hurt at once."""
ALL_SCALERS_SECONDS = (35.0, 50.0)
"""Long enough for an autoscaler that goes by nothing to be told from one that goes by its last word."""


@dataclass
class _Table:
    """Who is hurt until when, while the deck is dealt."""

    rng: Random
    rollouts: tuple[tuple[float, float], ...]
    hurt: dict[tuple[str, int], float] = field(default_factory=dict)
    part_until: float = 0.0

    def list_unhurt(self, target: str, of: int, at: float) -> list[int]:
        """List the pods of a target that are whole at a moment."""
        return [index for index in range(of) if self.hurt.get((target, index), 0.0) <= at]

    def choose(self, card: Card, at: float) -> Act | None:
        """Choose whom and for how long; None where it may not come now."""
        seconds = round(self.rng.uniform(card.shortest, card.longest), 1)
        if card.target in {REPLICA, GATE}:
            is_rolling = any(begin <= at < end for begin, end in self.rollouts)
            return self._choose_pod(card, at, seconds, REPLICA, (REPLICAS, REPLICAS - 1 if is_rolling else 1))
        if card.target == ROUTER:
            return None if at < self.part_until else self._choose_pod(card, at, seconds, ROUTER, (ROUTERS, 1))
        if card.target in PARTS:
            is_free = at >= self.part_until and len(self.list_unhurt(ROUTER, ROUTERS, at)) == ROUTERS
            if not is_free:
                return None
            self.part_until = at + seconds + PART_REST_SECONDS
            # A replica that is hurt now comes back no sooner than the part.
            back = at + seconds + REST_SECONDS[REPLICA]
            ill = [pod for pod, until in self.hurt.items() if pod[0] == REPLICA and until > at]
            self.hurt |= {pod: max(self.hurt[pod], back) for pod in ill}
            return Act(at, card.verb, card.target, 0, seconds)
        return self._choose_program(card, at, seconds)

    def _choose_pod(self, card: Card, at: float, seconds: float, of: str, sizes: tuple[int, int]) -> Act | None:
        """Choose a pod, so that of so many so many are left alone."""
        count, spared = sizes
        unhurt = self.list_unhurt(of, count, at)
        if len(unhurt) <= spared:
            return None
        index = self.rng.choice(unhurt)
        self.hurt[of, index] = at + seconds + REST_SECONDS[of]
        return Act(at, card.verb, card.target, index, seconds)

    def _choose_program(self, card: Card, at: float, seconds: float) -> Act | None:
        """Choose one of ours or KEDA's, or all at once."""
        count = PROGRAMS[card.target]
        unhurt = self.list_unhurt(card.target, count, at)
        if not unhurt:
            return None
        if card.target == KEDA or len(unhurt) < count or self.rng.random() >= ALL_SHARE:
            chosen = [self.rng.choice(unhurt)]
        else:
            chosen = unhurt
            if card.target == SCALER and seconds:
                seconds = round(self.rng.uniform(*ALL_SCALERS_SECONDS), 1)
        self.hurt |= {(card.target, index): at + seconds + REST_SECONDS[card.target] for index in chosen}
        return Act(at, card.verb, card.target, chosen[0] if len(chosen) == 1 else ALL, seconds)


def plan_acts(seed: int, seconds: float) -> tuple[Act, ...]:
    """Plan a soak of so many seconds."""
    rng = Random(seed)  # noqa: S311 - chance that can be repeated is what is wanted
    wishes = tuple(_plan_wishes(rng, seconds))
    rollouts = tuple((act.at, act.at + act.seconds + ROLLOUT_SECONDS) for act in wishes if act.verb in ROLLOUTS)
    faults = _plan_faults(_Table(rng, rollouts), seconds)
    return tuple(sorted((*wishes, *faults), key=lambda act: act.at))


def _plan_faults(table: _Table, seconds: float) -> Iterator[Act]:
    rng, at = table.rng, FIRST_SECONDS
    left: deque[Card] = deque()
    while at < seconds - LAST_SECONDS:
        act = _deal(table, left, at)
        if act is None:
            left.extend(_shuffle(rng))
            act = _deal(table, left, at)
        if act is not None:
            yield act
        at = round(at + rng.uniform(*GAP_SECONDS), 1)


def _deal(table: _Table, left: deque[Card], at: float) -> Act | None:
    """Deal the first card that may come now; None where there is none. The others keep their order."""
    for card in list(left):
        act = table.choose(card, at)
        if act is not None:
            left.remove(card)
            return act
    return None


def _shuffle(rng: Random) -> list[Card]:
    cards = [card for card in DECK for _ in range(card.count)]
    rng.shuffle(cards)
    return cards


def _plan_wishes(rng: Random, seconds: float) -> Iterator[Act]:
    """Plan what users do: by turns what restarts replicas and what does not, each kind before any comes again."""
    kinds = _deal_wishes(rng)
    at = USER_FIRST_SECONDS
    while at < seconds - LAST_SECONDS:
        verb = next(kinds)
        lasting = round(rng.uniform(*USER_SECONDS.get(verb, (0.0, 0.0))), 1)
        yield Act(at, verb, USER, rng.randrange(1000), min(lasting, max(1.0, seconds - at)) if lasting else 0.0)
        at = round(at + rng.uniform(*USER_GAP_SECONDS), 1)


def _deal_wishes(rng: Random) -> Iterator[str]:
    while True:
        heavy, light = (rng.sample(kinds, len(kinds)) for kinds in (ROLLOUTS, LIGHT))
        light.append(rng.choice(LIGHT))
        for pair in zip(heavy, light, strict=True):
            yield from pair
