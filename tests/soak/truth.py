"""What was true of each replica at each moment, by our own probes and by the API server, whatever readpool said. Pure.

A replica is fine at a probe where it answered at a ledger within the pool's threshold of the newest known.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from tests.soak.acts import CUT, DELETE, EVICT, GATE, KILL, REPLICA, STOP
from tests.soak.history import Done, History, PodSeen, Probe

VALIDATOR = "validator"
FEWEST_PROBES = 5
"""Of fewer nothing is concluded."""
HOLDS_SECONDS = 2.0
"""So long after a probe what it found counts, where none came after it."""
BEFORE_SECONDS, AFTER_SECONDS = 0.5, 1.0
"""So long before and after a fault of ours its pod counts as hurt: a signal takes its time."""
_HURTS = frozenset({KILL, STOP, CUT, DELETE})


@dataclass(frozen=True, slots=True)
class Look:
    """A probe of a replica, judged."""

    began_at: float
    ended_at: float
    is_fine: bool


@dataclass(frozen=True)
class Truth:
    """A history, by replica."""

    history: History

    @cached_property
    def looks(self) -> dict[str, list[Look]]:
        """The probes of each replica, in order."""
        found: dict[str, list[Look]] = defaultdict(list)
        newest = 0
        for probe in sorted(self.history.probes, key=lambda one: one.ended_at):
            newest = max(newest, probe.ledger)
            if probe.name != VALIDATOR:
                found[probe.name].append(_judge(probe, newest, self.history.rules.lag_threshold))
        return dict(found)

    @cached_property
    def replicas(self) -> dict[str, list[PodSeen]]:
        """What the API server told of each replica, in order."""
        return group_pods(self.history.pods, REPLICA)

    @cached_property
    def hurts(self) -> dict[str, list[Done]]:
        """The faults of ours, and evictions, that hit each replica or its gate."""
        found: dict[str, list[Done]] = defaultdict(list)
        for done in self.history.done:
            if (done.act.target in {REPLICA, GATE} and done.act.verb in _HURTS) or done.act.verb == EVICT:
                for name in done.targets:
                    found[name].append(done)
        return dict(found)

    def list_looks(self, name: str, since: float, until: float) -> Sequence[Look]:
        """List the probes of a replica that overlap a time, with the next one after it."""
        looks = self.looks.get(name, [])
        first = bisect_left(looks, since, key=lambda look: look.ended_at)
        after = bisect_left(looks, until, key=lambda look: look.began_at)
        return looks[first : after + 1]

    def was_fine(self, name: str, since: float, until: float) -> bool:
        """Return whether each probe of a replica found it fine all the time, and the kubelet called it ready."""
        looks = self.list_looks(name, since, until)
        if len(looks) < FEWEST_PROBES or not all(look.is_fine for look in looks):
            return False
        return was_ready(self.replicas.get(name, []), since, until)

    def was_hurt(self, name: str, since: float, until: float) -> bool:
        """Return whether a fault of ours was upon a replica within a time."""
        return any(
            done.began_at - BEFORE_SECONDS <= until and since <= done.ended_at + AFTER_SECONDS
            for done in self.hurts.get(name, ())
        )

    def sum_ailing(self, name: str, since: float, until: float) -> float:
        """Sum up for how many seconds within a time a replica was not seen to be fine, once it had been so.

        Before that it is a newcomer, which ails in nobody's eyes but is on its way.
        """
        first = next((look.began_at for look in self.looks.get(name, ()) if look.is_fine), until)
        since = max(since, first)
        covered, reached = 0.0, since
        for look in self.list_looks(name, since, until):
            if look.is_fine:
                end = min(look.ended_at + HOLDS_SECONDS, until)
                covered += max(0.0, end - max(look.began_at, reached))
                reached = max(reached, end)
            else:
                reached = max(reached, min(look.ended_at, until))
        return max(0.0, until - since - covered)

    def count_fine(self, at: float) -> int:
        """Count the replicas that the newest probe before a moment found fine."""
        newest = (
            looks[index - 1]
            for looks in self.looks.values()
            if (index := bisect_right(looks, at, key=lambda look: look.ended_at))
        )
        return sum(look.is_fine and look.ended_at >= at - HOLDS_SECONDS for look in newest)


def group_pods(pods: Iterable[PodSeen], of: str) -> dict[str, list[PodSeen]]:
    """Group what was told of the pods of a kind by their names, in order."""
    found: dict[str, list[PodSeen]] = defaultdict(list)
    for pod in sorted(pods, key=lambda one: one.at):
        if pod.of == of:
            found[pod.name].append(pod)
    return dict(found)


def was_ready(words: Sequence[PodSeen], since: float, until: float) -> bool:
    """Return whether a pod was there and ready all the time, the same one."""
    before = bisect_right(words, since, key=lambda word: word.at)
    after = bisect_right(words, until, key=lambda word: word.at)
    said = words[max(0, before - 1) : after] if before else ()
    return bool(said) and all(word.is_ready and not word.is_gone for word in said) and len({w.uid for w in said}) == 1


def _judge(probe: Probe, newest: int, threshold: int) -> Look:
    return Look(probe.began_at, probe.ended_at, bool(probe.ledger) and newest - probe.ledger <= threshold)
