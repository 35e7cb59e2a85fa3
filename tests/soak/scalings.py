"""Which changes of the number of replicas were wrong? Pure; the rules are those of docs/policy.md, seen from outside.

What the autoscaler asks for is held against what our own probes found; what the StatefulSet has, against what the pool
asks for. Users are never wrong.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.soak.acts import ALL, CUT, PAUSE, SCALE, SCALER, STOP
from tests.soak.history import Done, Size
from tests.soak.truth import Truth

AUTOSCALER, STATEFUL_SET = "pool", "StatefulSet"
AILED_SECONDS = 5.0
"""Who ailed for so long within the policy's memory may have called for one more."""
DECIDED_SECONDS = 30.0
"""From what is true until a scale-in that goes by it: polls, KEDA, the HPA's stabilization."""
HEARD_SECONDS = 20.0
"""From the scalers' last word until the HPA's last change by it."""
PAUSED_SECONDS = 5.0
FOLLOWS_SECONDS = 10.0
"""So late the StatefulSet may follow what the pool asked for before it changed its mind."""
WRITTEN_SECONDS = 5.0
SCALERS = 2
_STEP_SECONDS = 1.0
_UNREST_SUSTAINS = 5


@dataclass(frozen=True, slots=True)
class Scaling:
    """A change of the number of replicas; `wrong` says what is wrong with it, "" is nothing."""

    at: float
    of: str
    before: int
    after: int
    wrong: str = ""

    def __str__(self) -> str:
        """Describe it in a line."""
        return f"{self.of} {self.before} -> {self.after}" + (f": {self.wrong}" if self.wrong else "")


def judge_scalings(truth: Truth) -> tuple[Scaling, ...]:
    """Judge each change that no user made."""
    history = truth.history
    changes = [*_list_changes(history.wanted, AUTOSCALER), *_list_changes(history.sizes, STATEFUL_SET)]
    judged = (_judge(truth, one) for one in changes if one.of == STATEFUL_SET or not _is_by_user(history.done, one))
    return tuple(sorted(judged, key=lambda one: one.at))


def find_ordinal(name: str) -> int:
    """Find the ordinal of a replica by its name."""
    return int(name.rpartition("-")[2])


def _list_changes(sizes: Sequence[Size], of: str) -> Iterator[Scaling]:
    for before, after in pairwise(sizes):
        if before.replicas != after.replicas:
            yield Scaling(after.at, of, before.replicas, after.replicas)


def _is_by_user(done: Sequence[Done], change: Scaling) -> bool:
    return any(
        one.act.verb == SCALE
        and one.size == change.after
        and one.began_at - _STEP_SECONDS <= change.at <= one.ended_at + WRITTEN_SECONDS
        for one in done
    )


def _judge(truth: Truth, change: Scaling) -> Scaling:
    checks: Sequence[Callable[[Truth, Scaling], str]] = (
        _find_pause,
        *((_find_stray,) if change.of == STATEFUL_SET else (_find_no_evidence, _find_excess, _find_want, _find_needed)),
    )
    wrong = next((said for check in checks if (said := check(truth, change))), "")
    return Scaling(change.at, change.of, change.before, change.after, wrong)


def _find_pause(truth: Truth, change: Scaling) -> str:
    """Whoever says pause gets a pause."""
    is_paused = any(
        one.act.verb == PAUSE and one.began_at + PAUSED_SECONDS <= change.at <= one.ended_at
        for one in truth.history.done
    )
    return "the pool was paused" if is_paused else ""


def _find_stray(truth: Truth, change: Scaling) -> str:
    """The StatefulSet follows the pool: each step goes towards what that asks for, and not beyond."""
    asked = _list_asked(truth.history.wanted, change.at - FOLLOWS_SECONDS, change.at + _STEP_SECONDS)
    low, high = min([change.before, *asked]), max([change.before, *asked])
    return "" if low <= change.after <= high else f"the pool asked for {sorted(asked)}"


def _list_asked(wanted: Sequence[Size], since: float, until: float) -> set[int]:
    """List what the pool asked for at any moment of a time."""
    first = max(0, bisect_right(wanted, since, key=lambda size: size.at) - 1)
    last = bisect_right(wanted, until, key=lambda size: size.at)
    return {size.replicas for size in wanted[first : max(last, first + 1)]}


def _find_no_evidence(truth: Truth, change: Scaling) -> str:
    """No scaler, no evidence: KEDA gets no answer, and the HPA holds."""
    is_blind = any(
        one.act.target == SCALER
        and one.act.index == ALL
        and one.act.verb in {STOP, CUT}
        and len(one.targets) >= SCALERS
        and one.began_at + HEARD_SECONDS <= change.at <= one.ended_at
        for one in truth.history.done
    )
    return "no scaler was there to say so" if is_blind else ""


def _find_excess(truth: Truth, change: Scaling) -> str:
    """Never more than the target, one for each that ailed within the policy's memory, and the surge."""
    rules = truth.history.rules
    if change.after > rules.maximum:
        return f"{rules.maximum} is the maximum"
    if change.after <= max(change.before, _find_own_last(truth, change.at)):
        return ""
    since = change.at - _UNREST_SUSTAINS * rules.sustain_seconds - DECIDED_SECONDS
    own = [name for name in truth.looks if find_ordinal(name) < change.before]
    ailed = [name for name in own if truth.sum_ailing(name, since, change.at) >= AILED_SECONDS]
    most = rules.target + len(ailed) + rules.surge
    return (
        "" if change.after <= most else f"{len(ailed)} ailed ({', '.join(sorted(ailed))}), so that {most} is the most"
    )


def _find_own_last(truth: Truth, before: float) -> int:
    """Find what the autoscaler itself asked for last: it goes back to that when a user has gone below."""
    history = truth.history
    own = (
        one.after
        for one in _list_changes(history.wanted, AUTOSCALER)
        if one.at < before and not _is_by_user(history.done, one)
    )
    return max([history.rules.target, *list(own)[-1:]])


def _find_want(truth: Truth, change: Scaling) -> str:
    """Never below the target."""
    is_below = change.after < change.before and change.after < max(truth.history.rules.target, 1)
    return f"{truth.history.rules.target} fresh ones are wanted" if is_below else ""


def _find_needed(truth: Truth, change: Scaling) -> str:
    """Nobody goes while fewer than the target are fresh."""
    target = truth.history.rules.target
    if change.after >= change.before:
        return ""
    moments = [change.at - step * _STEP_SECONDS for step in range(int(DECIDED_SECONDS / _STEP_SECONDS) + 1)]
    most = max(truth.count_fine(moment) for moment in moments)
    return f"at most {most} were fresh in the {DECIDED_SECONDS:.0f} s before" if most < target else ""
