"""When replicas that are no longer needed may go, by stories, and what holds for all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.policy.policy_release import ReleaseSettings, Surplus, hold_or_release

SETTINGS = ReleaseSettings(wait_seconds=100.0, premature_seconds=3600.0, longest_wait_seconds=800.0, largest_share=0.1)


def follow(wanted: list[tuple[float, int]], surplus: Surplus | None = None) -> tuple[list[int], Surplus]:
    """Replay what was wanted when; return what was asked for, and what is remembered."""
    surplus = surplus or Surplus()
    asked = []
    for now, want in wanted:
        size, surplus = hold_or_release(surplus, want, may_release=True, settings=SETTINGS, now=now)
        asked.append(size)
    return asked, surplus


def test_more_is_asked_for_at_once() -> None:
    assert follow([(0, 5), (1, 9)])[0] == [5, 9]


def test_fewer_only_after_the_wait() -> None:
    assert follow([(0, 6), (1, 5), (100, 5), (101, 5)])[0] == [6, 6, 6, 5]


def test_a_want_in_between_starts_the_wait_anew() -> None:
    assert follow([(0, 6), (1, 5), (90, 6), (91, 5), (190, 5), (191, 5)])[0] == [6, 6, 6, 6, 6, 5]


def test_the_most_that_was_wanted_meanwhile_is_kept() -> None:
    assert follow([(0, 8), (1, 5), (50, 7), (101, 5)])[0] == [8, 8, 8, 7]
    assert follow([(0, 40), (1, 20), (50, 39), (101, 20)])[0] == [40, 40, 40, 39]


def test_few_go_at_a_time_and_the_next_after_another_wait() -> None:
    assert follow([(0, 8), (1, 5), (101, 5), (102, 5), (201, 5), (202, 5)])[0] == [8, 8, 7, 7, 7, 6]


@pytest.mark.parametrize(("held", "left"), [(2, 1), (9, 8), (19, 18), (20, 18), (49, 45), (100, 90)])
def test_a_tenth_goes_at_a_time_and_always_one(held: int, left: int) -> None:
    assert follow([(0, held), (1, 1), (101, 1)])[0][-1] == left


def test_a_premature_release_doubles_the_wait_and_one_that_proved_right_forgets_it() -> None:
    _, surplus = follow([(0, 6), (1, 5), (101, 5), (200, 6)])
    assert surplus.premature_scale_ins == 1
    assert follow([(201, 5), (400, 5), (401, 5)], surplus)[0] == [6, 6, 5]
    _, calm = follow([(201, 5), (401, 5), (401 + 3600, 5)], surplus)
    assert calm.premature_scale_ins == 0


def test_no_number_of_premature_releases_makes_the_wait_longer_than_the_longest() -> None:
    surplus = Surplus(last_desired=6, premature_scale_ins=5000)
    assert follow([(0, 5), (799, 5), (800, 5)], surplus)[0] == [6, 6, 5]


def test_nobody_goes_while_it_is_not_allowed() -> None:
    surplus = Surplus(last_desired=6, calm_since=0.0, calm_peak=5)
    assert hold_or_release(surplus, 5, may_release=False, settings=SETTINGS, now=500.0)[0] == 6


@given(st.lists(st.tuples(st.floats(0, 500), st.integers(1, 20)), min_size=1))
def test_never_less_than_wanted_and_never_more_than_was_ever_wanted(steps: list[tuple[float, int]]) -> None:
    now, story = 0.0, []
    for seconds, want in steps:
        now += seconds
        story.append((now, want))
    asked, _ = follow(story)
    assert all(a >= want for a, (_, want) in zip(asked, story, strict=True))
    assert max(asked) == max(want for _, want in story)
