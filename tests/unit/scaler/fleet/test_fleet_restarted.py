"""A scaler that is started anew, as both are by an upgrade: it asks for what was asked for, and each wait goes on."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from scaler.fleet.snapshot import FleetSnapshot
from scaler.policy.policy import Bounds
from tests.unit.staged_fleet import SPEC, START, Outcome, Script, StagedFleet, StagedNetwork

NETWORK = StagedNetwork()
POOL = replace(SPEC, bounds=Bounds(3, 3, 10))
BUSY_SECONDS = 400.0
STEP_SECONDS = 10.0
HOUR = 3600.0


def busy_until(ends_at: float) -> Script:
    """Answer as a node that applies half of the ledgers until then, and catches up at once."""

    def answer(now: float) -> Outcome:
        if now >= ends_at:
            return NETWORK.in_step(now)
        lost = int((now - START) / 2 / 5)
        return NETWORK.behind(lost)(now)

    return answer


class Restarted:
    """A pool of three of which two are overloaded at first, and an HPA that does as it is told at once."""

    def __init__(self, *, has_status: bool) -> None:
        busy = busy_until(START + BUSY_SECONDS)
        self.stage = StagedFleet(busy, busy, NETWORK.in_step, spec=POOL)
        self.has_status = has_status
        self.spec = POOL
        self.remembered = POOL.remembered

    def live(self, seconds: float) -> Iterable[FleetSnapshot]:
        """Advance time; newcomers are in step as soon as they are there."""
        until = self.stage.now + seconds
        while self.stage.now < until:
            for shown in self.stage.play(STEP_SECONDS):
                self.remembered = shown.remembered or self.remembered
                yield shown
            size = shown.decision.desired
            if size is not None and size != len(self.stage.scripts):
                self.scale(size)

    def scale(self, size: int) -> None:
        scripts = list(self.stage.scripts.values())[:size]
        scripts += [NETWORK.in_step] * (size - len(scripts))
        self.stage.scripts = {f"core-{i}": script for i, script in enumerate(scripts)}
        self.stage.take_members()

    def take_out(self, *names: str) -> None:
        """Put replicas out of service, as the pool's status says from now on, to any scaler."""
        self.spec = replace(POOL, out_of_service=frozenset(names))
        self.stage.fleet.change_spec(self.spec, self.stage.now)

    def restart(self, without: int = 0) -> None:
        """Start the scaler anew, while so many pods are not in DNS; they are again with the next change of size."""
        spec = replace(self.spec, remembered=self.remembered if self.has_status else None)
        scripts = list(self.stage.scripts.values())
        now = self.stage.now
        self.stage = StagedFleet(*scripts[: len(scripts) - without], spec=spec, since=now)

    def find_release(self, begun: float, most_seconds: float) -> float:
        """Live until fewer are asked for; return how long that took from `begun`."""
        size = len(self.stage.scripts)
        shown = (one for one in self.live(most_seconds) if (one.decision.desired or size) < size)
        return next(shown).at - begun


@pytest.mark.parametrize("has_status", [True, False], ids=["a pool", "a trigger alone"])
def test_a_restart_in_an_overload_lets_nobody_go(has_status: bool) -> None:
    pool = Restarted(has_status=has_status)
    list(pool.live(HOUR / 2))
    assert len(pool.stage.scripts) == 5
    pool.restart()
    assert {shown.decision.desired for shown in pool.live(HOUR)} == {None, 5}


def test_the_spell_of_a_pool_ends_when_it_would_have_and_that_of_a_trigger_alone_begins_anew() -> None:
    took = {}
    for has_status, restarts in ((True, 0), (True, 3), (False, 1)):
        pool = Restarted(has_status=has_status)
        list(pool.live(HOUR / 4))
        for _ in range(restarts):
            list(pool.live(HOUR / 4))
            pool.restart()
        took[has_status, restarts] = pool.find_release(START, 3 * HOUR)
    assert 2 * HOUR <= took[True, 0] < 2.5 * HOUR
    assert took[True, 3] == pytest.approx(took[True, 0], abs=2 * STEP_SECONDS)
    assert took[False, 1] == pytest.approx(took[True, 0] + HOUR / 2 - BUSY_SECONDS, abs=200.0)


def test_a_pod_that_is_away_while_the_scalers_start_anew_is_asked_for_all_the_same() -> None:
    pool = Restarted(has_status=True)
    list(pool.live(HOUR / 2))
    pool.restart(without=1)
    assert {shown.decision.desired for shown in pool.stage.play(300.0)} == {None, 5}


def test_a_restart_within_a_restart_loses_nothing_that_was_remembered() -> None:
    pool = Restarted(has_status=True)
    list(pool.live(HOUR / 2))
    known = pool.remembered
    assert known is not None
    for _ in range(3):
        pool.restart()
        pool.stage.play(3.0)  # not enough to decide anything
        assert pool.stage.fleet.advance(pool.stage.now).remembered is None
    pool.restart()
    list(pool.live(HOUR / 2))
    after = pool.remembered
    assert after is not None
    assert replace(after, reported_at=0.0, average_unhealthy=0.0) == replace(
        known, reported_at=0.0, average_unhealthy=0.0
    )


def test_the_spell_ends_when_it_would_have_with_one_out_of_service() -> None:
    took = {}
    for restarts in (0, 3):
        pool = Restarted(has_status=True)
        pool.take_out("core-2")
        list(pool.live(HOUR / 4))
        assert len(pool.stage.scripts) == 6
        for _ in range(restarts):
            list(pool.live(HOUR / 4))
            pool.restart()
        took[restarts] = pool.find_release(START, 3 * HOUR)
    assert 2 * HOUR <= took[0] < 2.5 * HOUR
    assert took[3] == pytest.approx(took[0], abs=2 * STEP_SECONDS)


def test_what_is_remembered_counts_all_where_all_are_out_of_service() -> None:
    pool = Restarted(has_status=True)
    list(pool.live(HOUR / 2))
    pool.take_out(*pool.stage.scripts)
    (*_, shown) = pool.live(STEP_SECONDS)
    assert shown.remembered is not None
    assert shown.remembered.asked == shown.decision.desired
