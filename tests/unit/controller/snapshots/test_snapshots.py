"""When a snapshot is taken and of whom, which are kept, which one new replicas start from, which one never again."""

from dataclasses import replace
from typing import Any

import pytest

from controller.snapshots.snapshots import (
    CLOCK_SECONDS,
    FAILED_SECONDS,
    PROMPT_SECONDS,
    RESTORE_SECONDS,
    RETRY_SECONDS,
    SETTLED_SECONDS,
    Copy,
    Donor,
    Occasion,
    Snapshot,
    Step,
    Verdict,
    choose_kept,
    choose_seed,
    choose_step,
    evaluate_copies,
    evaluate_snapshot,
)

NOW = 1_000_000.0
HOUR = 3600.0
ENOUGH = Occasion(fresh=5, fresh_enough=5)
GOOD, BAD, NONE = Verdict.GOOD, Verdict.BAD, Verdict.NONE


def snapshot(name: str, age: float, **fields: Any) -> Snapshot:
    """Build a good snapshot of so many seconds ago."""
    asked_at = NOW - age
    told: dict[str, Any] = {"cut_at": asked_at + 1, "is_ready": True, "verdict": GOOD, "evaluated_at": asked_at + 5}
    told |= {"donor": "pool-0", "donor_uid": "uid-0", "fresh_since": asked_at - 600}
    return Snapshot(name, asked_at, **(told | fields))


def pending(age: float, **fields: Any) -> Snapshot:
    """Build one that is being made."""
    return snapshot("new", age, **({"verdict": NONE, "is_ready": False, "cut_at": None} | fields))


def donor(name: str, fresh_for: float | None = 600.0, **fields: Any) -> Donor:
    return Donor(name, f"uid-of-{name}", None if fresh_for is None else NOW - fresh_for, **fields)


ONE = [donor("pool-0")]
STEPS: dict[str, tuple[list[Snapshot], list[Donor], Occasion, Step]] = {
    "none there: at once": ([], ONE, ENOUGH, Step("pool-0")),
    "an hour has passed": ([snapshot("a", HOUR)], ONE, ENOUGH, Step("pool-0")),
    "not yet": ([snapshot("a", HOUR - 1)], ONE, ENOUGH, Step(again_at=NOW + 1)),
    "one is being made": ([pending(2 * HOUR)], ONE, ENOUGH, Step(waits_for="the current one")),
    "a replica below the target": (
        [],
        ONE,
        Occasion(4, 5),
        Step(waits_for="5 fresh replicas (4 now)"),
    ),
    "something is going on": ([], ONE, Occasion(5, 5, "replicas to go"), Step(waits_for="replicas to go")),
    "nobody is fresh for long": (
        [],
        [donor("pool-0", 119.0), donor("pool-1", 30.0), donor("pool-2", None)],
        ENOUGH,
        Step(waits_for="a replica that has been fresh for 2 min", again_at=NOW + 1),
    ),
    "nobody is settled": (
        [],
        [donor("pool-0", is_settled=False)],
        ENOUGH,
        Step(waits_for="a replica that has been fresh for 2 min"),
    ),
    "its Core was started anew": (
        [],
        [donor("pool-0", started_at=NOW - 60)],
        ENOUGH,
        Step(waits_for="a replica that has been fresh for 2 min", again_at=NOW + 60),
    ),
    "who serves least": (
        [],
        [donor("pool-0", weight=100), donor("pool-1", 200.0, weight=20), donor("pool-2", 900.0, weight=100)],
        ENOUGH,
        Step("pool-1"),
    ),
    "of those that serve alike, who has been fresh for longest": (
        [],
        [donor("pool-0", 200.0, weight=100), donor("pool-1", 9000.0, weight=100)],
        ENOUGH,
        Step("pool-1"),
    ),
    "rather another than the last time": (
        [snapshot("a", HOUR, donor="pool-1"), snapshot("b", 2 * HOUR, donor="pool-0")],
        [donor("pool-0", 200.0, weight=100), donor("pool-1", 9000.0, weight=100)],
        ENOUGH,
        Step("pool-0"),
    ),
    "the same again where the others serve more": (
        [snapshot("a", HOUR, donor="pool-1")],
        [donor("pool-0", 9000.0, weight=100), donor("pool-1", 200.0, weight=20)],
        ENOUGH,
        Step("pool-1"),
    ),
    "rather not whose snapshot was bad": (
        [snapshot("a", RETRY_SECONDS, verdict=BAD)],
        [donor("pool-0", 9000.0), donor("pool-1", 200.0, weight=100)],
        ENOUGH,
        Step("pool-1"),
    ),
    "soon after a bad one": ([snapshot("a", RETRY_SECONDS - 1, verdict=BAD)], ONE, ENOUGH, Step(again_at=NOW + 1)),
    "after one that failed": ([pending(FAILED_SECONDS, fails="no room")], ONE, ENOUGH, Step("pool-0")),
    "one that fails is waited for at first": (
        [pending(FAILED_SECONDS - 1, fails="no room")],
        ONE,
        ENOUGH,
        Step(waits_for="the current one"),
    ),
    "one of another network is none": ([snapshot("a", RETRY_SECONDS, is_usable=False)], ONE, ENOUGH, Step("pool-0")),
}


@pytest.mark.parametrize(("there", "donors", "occasion", "step"), STEPS.values(), ids=STEPS.keys())
def test_a_snapshot_is_taken(there: list[Snapshot], donors: list[Donor], occasion: Occasion, step: Step) -> None:
    assert choose_step(there, donors, occasion, HOUR, NOW) == step


ASKED, CUT = NOW - 100, NOW - 95
CUTS: dict[str, tuple[dict[str, Any], Donor | None, Verdict]] = {
    "at once, of a settled one": ({}, Donor("pool-0", "uid-0", ASKED - 600), GOOD),
    "its replica is gone since": ({}, None, GOOD),
    "its replica lags since": ({}, Donor("pool-0", "uid-0", None, left_at=CUT + 1), GOOD),
    "nobody knows how long it had been fresh": ({"fresh_since": None}, None, BAD),
    "fresh for too short": ({"fresh_since": CUT - SETTLED_SECONDS + CLOCK_SECONDS + 1}, None, BAD),
    "just long enough": ({"fresh_since": CUT - SETTLED_SECONDS}, None, GOOD),
    "just long enough, in whole seconds": ({"fresh_since": CUT - SETTLED_SECONDS + 2}, None, GOOD),
    "started anew in between": ({}, Donor("pool-0", "uid-0", ASKED - 600, started_at=ASKED + 2), BAD),
    "started anew afterwards": ({}, Donor("pool-0", "uid-0", None, started_at=CUT + 10), GOOD),
    "late, and fresh all the time": ({"cut_at": ASKED + 90}, Donor("pool-0", "uid-0", ASKED - 600), GOOD),
    "late, and fresh again since": ({"cut_at": ASKED + 90}, Donor("pool-0", "uid-0", ASKED + 10), BAD),
    "late, and lagging only afterwards": (
        {"cut_at": ASKED + 90},
        Donor("pool-0", "uid-0", None, left_at=ASKED + 91),
        GOOD,
    ),
    "late, and lagging before": ({"cut_at": ASKED + 90}, Donor("pool-0", "uid-0", None, left_at=ASKED + 89), BAD),
    "late, and in doubt": ({"cut_at": ASKED + 90}, Donor("pool-0", "uid-0", None), BAD),
    "late, and its replica is another": ({"cut_at": ASKED + 90}, Donor("pool-0", "uid-1", ASKED - 600), BAD),
    "late, and its replica is gone": ({"cut_at": ASKED + 90}, None, BAD),
    "as late as is prompt": ({"cut_at": ASKED + PROMPT_SECONDS}, None, GOOD),
    "the storage does not say when": ({"cut_at": None}, None, GOOD),
}


@pytest.mark.parametrize(("fields", "now", "verdict"), CUTS.values(), ids=CUTS.keys())
def test_a_snapshot_is_good_only_if_its_replica_was_settled_when_it_was_cut(
    fields: dict[str, Any], now: Donor | None, verdict: Verdict
) -> None:
    told = {"cut_at": CUT, "fresh_since": ASKED - 600, "verdict": NONE} | fields
    found, why = evaluate_snapshot(snapshot("a", 100, **told), now)
    assert found is verdict
    assert bool(why) is (verdict is BAD)


def test_of_good_ones_the_newest_are_kept_and_what_is_being_made_or_used() -> None:
    there = [snapshot(name, age * HOUR) for age, name in enumerate("abcd", 1)]
    assert choose_kept(there, 2, (), NOW) == {"a", "b"}
    assert choose_kept([*there, pending(60)], 2, ("d",), NOW) == {"a", "b", "d", "new"}
    assert choose_kept([replace(there[0], is_going=True), *there[1:]], 2, (), NOW) == {"a", "b", "c"}


def test_a_bad_one_stays_to_be_looked_at_until_a_good_one_follows() -> None:
    bad = snapshot("bad", 2 * HOUR, verdict=BAD, evaluated_at=NOW - 1800)
    before, after = snapshot("before", HOUR), snapshot("after", 600)
    assert choose_kept([bad], 3, (), NOW) == {"bad"}
    assert choose_kept([bad, before], 3, (), NOW) == {"bad", "before"}
    assert choose_kept([bad, after], 3, (), NOW) == {"after"}
    assert choose_kept([bad, snapshot("worse", HOUR, verdict=BAD)], 3, (), NOW) == {"worse"}


def test_one_that_failed_is_let_go_when_a_good_one_follows() -> None:
    failed = replace(pending(2 * HOUR, fails="no room"), name="failed")
    assert choose_kept([failed], 3, (), NOW) == {"failed"}
    assert choose_kept([failed, snapshot("a", 600)], 3, (), NOW) == {"a"}


def test_those_of_a_newer_core_stay_while_there_are_not_enough_others() -> None:
    newer = snapshot("newer", HOUR, is_usable=False)
    assert choose_kept([newer, snapshot("a", 600)], 2, (), NOW) == {"newer", "a"}
    assert choose_kept([newer, snapshot("a", 600)], 1, (), NOW) == {"a"}


SEEDS: dict[str, tuple[list[Snapshot], str | None]] = {
    "none": ([], None),
    "the newest": ([snapshot("a", 60), snapshot("b", 600)], "a"),
    "not one that is being made": ([pending(1), snapshot("b", 600)], "b"),
    "not one without a verdict": ([snapshot("a", 60, verdict=NONE), snapshot("b", 600)], "b"),
    "not a bad one": ([snapshot("a", 60, verdict=BAD)], None),
    "not one that goes": ([snapshot("a", 60, is_going=True)], None),
    "not one of another network": ([snapshot("a", 60, is_usable=False), snapshot("b", 600)], "b"),
    "not one that is not ready any more": ([snapshot("a", 60, is_ready=False)], None),
    "not of its own volume": ([snapshot("a", 60, donor="pool-7"), snapshot("b", 600)], "b"),
    "nor where there is no other": ([snapshot("a", 60, donor="pool-7")], None),
}


@pytest.mark.parametrize(("there", "chosen"), SEEDS.values(), ids=SEEDS.keys())
def test_a_new_replica_starts_from(there: list[Snapshot], chosen: str | None) -> None:
    assert choose_seed(there, "pool-7") == chosen


COPIES: dict[str, tuple[dict[str, Any], bool, list[str]]] = {
    "it runs": ({}, False, []),
    "Core gave it up": ({"exits": (65,)}, True, []),
    "Core gave it up, and is fresh on a new database": ({"exits": (65,), "has_been_fresh": True}, True, []),
    "Core aborted before it was fresh": ({"exits": (134,)}, True, []),
    "Core aborted some other day": ({"exits": (134,), "has_been_fresh": True}, False, []),
    "out of memory": ({"exits": (137,)}, False, []),
    "stopped": ({"exits": (0, 143)}, False, []),
    "a configuration that Core refuses": ({"exits": (1,)}, False, []),
    "its volume is being made": (
        {"is_unprovisioned": True, "unprovisioned_since": NOW - RESTORE_SECONDS + 1},
        False,
        [],
    ),
    "no volume comes of it": (
        {"is_unprovisioned": True, "unprovisioned_since": NOW - RESTORE_SECONDS},
        True,
        ["data-pool-7"],
    ),
    "its pod has no node": ({"is_unprovisioned": True}, False, []),
    "made in the end": ({"unprovisioned_since": NOW - RESTORE_SECONDS}, False, []),
    "of a snapshot that is gone": ({"is_unprovisioned": True, "snapshot": "gone"}, False, ["data-pool-7"]),
}


@pytest.mark.parametrize(("fields", "is_bad", "unprovisioned"), COPIES.values(), ids=COPIES.keys())
def test_a_copy_tells_of_its_snapshot(fields: dict[str, Any], is_bad: bool, unprovisioned: list[str]) -> None:
    copy = replace(Copy("a", "data-pool-7", "pool-7"), **fields)
    trials = evaluate_copies([copy], {"a"}, NOW)
    assert list(trials.bad) == ([copy.snapshot] if is_bad else [])
    assert list(trials.unprovisioned) == unprovisioned


def test_why_a_snapshot_is_bad_is_in_cores_words() -> None:
    copy = Copy("a", "data-pool-7", "pool-7", exits=(65,), message="Core ended with exit code 134")
    assert evaluate_copies([copy], {"a"}, NOW).bad == {
        "a": "pool-7 failed to start from it: Core ended with exit code 134"
    }
