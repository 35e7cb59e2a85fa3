"""Whether an installation has held under an attack, judged by what was seen."""

from dataclasses import replace

import pytest

from tests.hostile.outcome import Asked, Group, Outcome, Phases, find_reasons, find_return
from tests.hostile.report import build_table

PHASES = Phases(began=0.0, stood=10.0, over=60.0, forgotten=62.0)


def ask(*failed: tuple[float, float], until: float = 65.0) -> list[Asked]:
    """Ask twice a second; what is sent within these times fails."""
    times = [number / 2 for number in range(int(2 * until))]
    return [Asked(at, 0.01, "no" if any(since <= at < to for since, to in failed) else "") for at in times]


def attack(asked: list[Asked], *, is_vital: bool = False, throughout: bool = True) -> Outcome:
    return Outcome("bodies", "gate", PHASES, [Group("readers", asked, is_vital)], throughout, 100 << 20, 256 << 20)


@pytest.mark.parametrize(
    ("outcome", "reasons"),
    [
        pytest.param(attack(ask()), [], id="nothing failed"),
        pytest.param(attack(ask((10, 15))), [], id="some failed"),
        pytest.param(attack(ask((12, 13)), is_vital=True), ["readers: 2 of 120 failed, and none may"], id="vital"),
        pytest.param(
            attack(ask((0, 28), (40, 60))), ["readers: 96 of 120 failed, which is most"], id="most failed, not at once"
        ),
        pytest.param(attack(ask((0, 28), (40, 60)), throughout=False), [], id="need not be served throughout"),
        pytest.param(
            attack(ask((10, 32)), throughout=False), ["readers: not served again within 20 s"], id="back too late"
        ),
        pytest.param(
            attack(ask((10, 60)), throughout=False), ["readers: not served again within 20 s"], id="never back"
        ),
        pytest.param(attack(ask((62, 63))), ["readers: failed once it was over"], id="failed afterwards"),
        pytest.param(attack(ask((60, 62))), [], id="what the attack has left is given time"),
        pytest.param(attack([]), ["readers: nothing was asked", "readers: not served again within 20 s"], id="silence"),
        pytest.param(
            replace(attack(ask()), memory_peak=257 << 20), ["257 MiB, beyond the limit"], id="too much memory"
        ),
        pytest.param(replace(attack(ask()), kills=1), ["killed for want of memory, 1 times"], id="killed"),
        pytest.param(replace(attack(ask()), harm=["Core has ended"]), ["Core has ended"], id="harm"),
    ],
)
def test_what_has_held_and_why_it_has_not(outcome: Outcome, reasons: list[str]) -> None:
    assert find_reasons(outcome) == reasons
    table = build_table([outcome])
    assert ("did NOT hold" in table) is bool(reasons)
    assert all(f"gate: bodies: {reason}" in table for reason in reasons)


@pytest.mark.parametrize(
    ("failed", "seconds"),
    [
        ((), 0.0),
        (((0.0, 10.0),), 0.0),
        (((5.0, 17.0),), 7.0),
        (((10.0, 12.0), (14.0, 14.5)), 2.0),
        (((0.0, 59.0),), None),
    ],
)
def test_when_they_are_served_again(failed: tuple[tuple[float, float], ...], seconds: float | None) -> None:
    found = find_return([one for one in ask(*failed) if one.sent_at < PHASES.over], PHASES)
    assert found is None if seconds is None else found == pytest.approx(seconds, abs=0.51)


def test_answers_that_are_too_late_are_a_reason_where_a_time_is_set() -> None:
    late = [replace(one, seconds=0.2) for one in ask()]
    outcome = replace(attack(late), groups=[Group("KEDA", late, most_p99_ms=50.0)])
    assert find_reasons(outcome) == ["KEDA: p99 200 ms, 50 at most"]
