import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.polling.poll_schedule import (
    OUT_OF_STEP,
    StartBudget,
    compute_next_due,
    compute_phase,
    compute_rest_seconds,
    is_too_late,
)

periods = st.floats(0.05, 300.0)
moments = st.floats(0.0, 1e9)


def count_per_second(phases: list[float], seconds: int) -> list[int]:
    return [sum(second <= phase < second + 1 for phase in phases) for second in range(seconds)]


@pytest.mark.parametrize("nodes", [100, 1_000, 10_000])
def test_no_second_has_over_1_3_times_the_mean(nodes: int) -> None:
    counts = count_per_second([compute_phase(index, 5.0) for index in range(nodes)], 5)
    assert max(counts) <= 1.3 * nodes / 5


@given(st.integers(0, 100_000), st.integers(50, 500))
def test_any_run_of_nodes_is_even(first: int, nodes: int) -> None:
    counts = count_per_second([compute_phase(index, 5.0) for index in range(first, first + nodes)], 5)
    assert max(counts) <= 1.3 * nodes / 5


@pytest.mark.parametrize("kept_of", [2, 3, 7])
def test_what_is_left_when_nodes_go_is_still_even(kept_of: int) -> None:
    counts = count_per_second([compute_phase(index, 5.0) for index in range(0, 5_000, kept_of)], 5)
    assert max(counts) <= 1.3 * sum(counts) / 5


@given(st.integers(0, 1_000_000), periods)
def test_a_phase_is_within_the_period(index: int, period: float) -> None:
    assert 0.0 <= compute_phase(index, period) < period


@given(st.integers(0, 100_000), periods, moments)
def test_the_next_moment_is_later_and_within_a_period(index: int, period: float, after: float) -> None:
    due = compute_next_due(compute_phase(index, period), period, after)
    assert after < due <= after + period * 1.001 + 1e-6


@given(st.integers(0, 1000), periods)
def test_moments_are_one_period_apart(index: int, period: float) -> None:
    phase = compute_phase(index, period)
    dues = list(itertools.accumulate(range(20), lambda due, _: compute_next_due(phase, period, due), initial=1000.0))[
        1:
    ]
    assert all(later - earlier == pytest.approx(period, rel=1e-6) for earlier, later in itertools.pairwise(dues))


def test_a_process_that_was_suspended_goes_on_at_the_same_phases() -> None:
    phases = [compute_phase(index, 5.0) for index in range(1000)]
    resumed_at = 100.0 + 300.3
    counts = count_per_second([compute_next_due(phase, 5.0, resumed_at) - resumed_at for phase in phases], 5)
    assert max(counts) <= 1.3 * 1000 / 5


@pytest.mark.parametrize(
    ("late_seconds", "is_skipped"), [(0.0, False), (0.02, False), (0.4, False), (0.6, True), (300.0, True)]
)
def test_a_slot_that_is_missed_by_much_is_skipped(late_seconds: float, *, is_skipped: bool) -> None:
    assert is_too_late(1000.0, 5.0, 1000.0 + late_seconds) is is_skipped


def count_starts(budget: StartBudget, nodes: int, moments: list[float]) -> int:
    starts = 0
    for now in moments:
        budget.refill(nodes, 5.0, now)
        while budget.take():
            starts += 1
    return starts


def test_what_a_busy_moment_held_up_is_spread_and_not_made_up_for_at_once() -> None:
    budget = StartBudget(0.0)
    after_a_pause = [0.4 + tick * 0.02 for tick in range(50)]
    assert count_starts(budget, 10_000, [0.02]) <= 50  # as many as fell due
    assert count_starts(budget, 10_000, after_a_pause) <= 1.3 * 10_000 / 5


def test_what_falls_due_can_always_start() -> None:
    budget = StartBudget(0.0)
    count_starts(budget, 10_000, [0.02])
    assert count_starts(budget, 10_000, [0.02 + tick * 0.02 for tick in range(1, 51)]) >= 10_000 / 5


def test_a_few_nodes_wait_for_nobody() -> None:
    budget = StartBudget(0.0)
    assert count_starts(budget, 3, [tick * 0.02 for tick in range(1, 4)]) >= 3


@pytest.mark.parametrize(
    ("retry_after", "refusals", "seconds"),
    [
        (None, 1, 5.0),
        (None, 2, 10.0),
        (None, 4, 40.0),
        (None, 100, 600.0),
        (1.0, 1, 5.0),
        (60.0, 1, 60.0),
        (60.0, 6, 160.0),
        (1e9, 1, 600.0),
    ],
)
def test_who_refuses_is_left_alone_for_as_long_as_it_says_and_twice_as_long_each_time(
    retry_after: float | None, refusals: int, seconds: float
) -> None:
    assert compute_rest_seconds(retry_after, refusals, 5.0) == seconds


@pytest.mark.parametrize("ledger_seconds", [5.0, 2.5, 2.0, 1.25])
@pytest.mark.parametrize("first", range(12))
def test_two_of_three_see_the_end_of_a_checkpoint_also_where_ledgers_close_in_step_with_polls(
    first: int, ledger_seconds: float
) -> None:
    period = 5.0 * OUT_OF_STEP
    phases = [compute_phase(first + 2 * node, period) for node in range(3)]  # their gates come in between
    ends = [(64 * checkpoint + 63) * ledger_seconds for checkpoint in range(60)]
    seen = [sum(compute_next_due(phase, period, end) < end + ledger_seconds for phase in phases) for end in ends]
    assert any(count >= 2 for count in seen), seen
