"""Did it hold? All that was seen judged, and what is wrong with it in sentences. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tests.soak.addresses import DeadAddress, find_dead_addresses
from tests.soak.answerable import Failed, list_failed
from tests.soak.history import History
from tests.soak.recovery import Recovery, measure_recoveries
from tests.soak.scalings import Scaling, judge_scalings
from tests.soak.truth import Truth

MOST_GAP_SECONDS = 10.0
"""Readers ask twenty times a second; where none did for so long, nothing is known."""
CALM_SECONDS = 10.0
"""In the last of them, when all has settled, no read may fail, whatever could have answered it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A soak, judged; `problems` is empty where it held."""

    history: History
    failed: tuple[Failed, ...]
    scalings: tuple[Scaling, ...]
    dead: tuple[DeadAddress, ...]
    recoveries: tuple[Recovery, ...]
    problems: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Return whether nothing is wrong."""
        return not self.problems


def judge(history: History) -> Verdict:
    """Judge a soak."""
    truth = Truth(history)
    failed, scalings = list_failed(truth), judge_scalings(truth)
    problems = tuple(_find_problems(history, failed, scalings))
    return Verdict(history, failed, scalings, find_dead_addresses(history), measure_recoveries(truth), problems)


def find_gap(history: History) -> float:
    """Find the longest time in which no read was sent."""
    sent = sorted(read.sent_at for read in history.reads if history.began_at <= read.sent_at <= history.ended_at)
    return max(after - before for before, after in pairwise((history.began_at, *sent, history.ended_at)))


def _find_problems(history: History, failed: tuple[Failed, ...], scalings: tuple[Scaling, ...]) -> Iterator[str]:
    if not any(done.act.is_fault for done in history.done):
        yield "no fault was brought about"
    if not any(not read.failure for read in history.reads):
        yield "no read was answered"
    if (gap := find_gap(history)) > MOST_GAP_SECONDS:
        yield f"for {gap:.0f} s nobody read"
    if able := [one for one in failed if one.able]:
        yield f"{len(able)} reads failed that a living replica could have answered"
    if wrong := [one for one in scalings if one.wrong]:
        yield f"{len(wrong)} scalings were wrong"
    for what in history.unsettled:
        yield f"not settled at the end: {what}"
    last = max((read.ended_at for read in history.reads), default=0.0)
    if late := [one for one in failed if one.read.sent_at >= last - CALM_SECONDS]:
        yield f"{len(late)} reads failed in the last {CALM_SECONDS:.0f} s, when nothing was hurt"
