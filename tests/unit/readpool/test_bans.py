"""Who is not answered for a while: whoever goes on though it is refused, and nobody who stops."""

import pytest

from readpool.bans import (
    FIRST_SECONDS,
    LAST_SECONDS,
    MOST_CALLERS,
    MOST_REFUSALS,
    MOST_REFUSALS_AGAIN,
    REFUSALS_A_SECOND,
    Bans,
)


def refuse(bans: Bans, *, seconds: range, a_second: int = MOST_REFUSALS, caller: str = "evil") -> list[float]:
    """Refuse a caller evenly; return how long the bans are that come of it."""
    times = [second + turn / a_second for second in seconds for turn in range(a_second)]
    return [ban for now in times if (ban := bans.note_refusal(caller, now)) is not None]


@pytest.mark.parametrize(
    ("a_second", "seconds", "banned"),
    [
        pytest.param(MOST_REFUSALS, range(100, 103), True, id="refused often for seconds"),
        pytest.param(REFUSALS_A_SECOND, range(100, 200), False, id="refused as often as is forgotten, for long"),
        pytest.param(MOST_REFUSALS - 1, range(100, 101), False, id="many at once, as a restart of KEDA"),
    ],
)
def test_whoever_goes_on_is_banned(a_second: int, seconds: range, *, banned: bool) -> None:
    bans = Bans()
    assert bool(refuse(bans, seconds=seconds, a_second=a_second)) is banned
    assert bans.list_banned(seconds.stop) == (frozenset({"evil"}) if banned else frozenset())
    assert bans.list_banned(seconds.stop + FIRST_SECONDS) == frozenset()


def test_what_was_refused_is_forgotten_in_a_pause() -> None:
    bans = Bans()
    for begin in range(100, 200, 10):
        assert not refuse(bans, seconds=range(begin, begin + 1), a_second=MOST_REFUSALS - 1)


def test_a_ban_is_longer_each_time_up_to_a_bound_and_forgiven_after_a_while() -> None:
    bans, now, lengths = Bans(), 100, list[float]()
    for _ in range(8):
        (length,) = refuse(bans, seconds=range(now, now + 2))
        lengths.append(length)
        now += 2 + int(length)
    assert lengths == [10.0, 20.0, 40.0, 80.0, 160.0, LAST_SECONDS, LAST_SECONDS, LAST_SECONDS]
    assert refuse(bans, seconds=range(now + 1000, now + 1002)) == [FIRST_SECONDS]


def test_others_are_not_banned_with_it_and_callers_without_end_are_not_all_remembered() -> None:
    bans = Bans()
    refuse(bans, seconds=range(100, 102))
    bans.note_refusal("keda", 102.0)
    assert bans.list_banned(102.0) == {"evil"}
    for number in range(2 * MOST_CALLERS):
        bans.note_refusal(str(number), 105.0)
    assert len(bans._records) <= MOST_CALLERS
    assert bans.list_banned(105.0) == {"evil"}


def test_whoever_has_been_banned_is_banned_again_after_a_few_refusals_until_it_is_forgiven() -> None:
    bans = Bans()
    assert bans.ban("evil", 100.0) == FIRST_SECONDS
    assert bans.ban("evil", 101.0) is None
    assert bans.list_banned(101.0) == {"evil"}
    few = [bans.note_refusal("evil", 111.0) for _ in range(MOST_REFUSALS_AGAIN)]
    assert few == [None] * (MOST_REFUSALS_AGAIN - 1) + [2 * FIRST_SECONDS]
    assert [bans.note_refusal("evil", 1000.0) for _ in range(MOST_REFUSALS_AGAIN)] == [None] * MOST_REFUSALS_AGAIN
