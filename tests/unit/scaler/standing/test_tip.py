"""The tip from claims: who is believed, what stands against a claim, and when the network stands still."""

from dataclasses import replace

import pytest

from scaler.standing.tip import (
    CLOSING_RATE,
    HALTED_SECONDS,
    SLACK_LEDGERS,
    STALLED_SECONDS,
    Claim,
    Tip,
    TipLimits,
    compute_tip,
)

NOW = 10_000.0
LEDGER = 50_000_000
ARCHIVE_SLACK = SLACK_LEDGERS + 64 + 225


def current(ledger: int) -> Claim:
    return Claim(ledger, is_current=True, is_advancing=True, is_following=True)


def behind(ledger: int) -> Claim:
    return Claim(ledger)


def trusted(ledger: int, slack: int = SLACK_LEDGERS) -> Claim:
    """A reference that is current itself."""
    return Claim(ledger, is_current=True, is_trusted=True, slack_ledgers=slack)


def stopped(ledger: int) -> Claim:
    """A reference that has stopped, is behind, or does not tell how old its word is."""
    return Claim(ledger, is_trusted=True)


def undated(ledger: int) -> Claim:
    """A node that looks current and does not tell how old its last ledger is."""
    return Claim(ledger, is_current=True, is_advancing=True, is_following=True, is_undated=True)


def seen(ledger: int = LEDGER, seconds_ago: float = 5.0) -> Tip:
    at = NOW - seconds_ago
    return Tip(ledger, at, ceiling=ledger + SLACK_LEDGERS, anchored_at=at, anchor_ledger=ledger)


def find_tip(*claims: Claim, previous: Tip | None = None) -> int | None:
    tip = compute_tip(claims, previous, NOW)
    assert tip == compute_tip(reversed(claims), previous, NOW)
    return None if tip is None else tip.ledger


@pytest.mark.parametrize(
    ("claims", "ledger"),
    [
        pytest.param([], None, id="nobody has said anything"),
        pytest.param([behind(7)], 7, id="one alone is all there is"),
        pytest.param([current(100), current(101)], 100, id="the highest ledger that a second one confirms"),
        pytest.param([current(101), current(101), behind(20)], 101, id="laggards hold nobody back"),
        pytest.param([behind(40), behind(50), behind(30)], 50, id="nobody is current: the foremost leads"),
        pytest.param([current(100), behind(40), behind(20)], 100, id="one healthy, all others behind"),
        pytest.param([trusted(100)], 100, id="a reference alone"),
        pytest.param([trusted(100), behind(20), behind(30)], 100, id="a reference that all lag behind"),
        pytest.param([trusted(100), current(103), current(102)], 102, id="nodes may be ahead of a reference"),
        pytest.param([trusted(63, ARCHIVE_SLACK), current(127), current(127)], 127, id="an archive is 64 ledgers old"),
        pytest.param([trusted(100), current(104)], 104, id="one node within what a reference allows"),
        pytest.param([trusted(100), current(9000)], 100, id="one node beyond what a reference allows"),
        pytest.param([trusted(100), trusted(163)], 163, id="the foremost of two references"),
        pytest.param([current(9000), current(100), current(101)], 101, id="a liar among two honest ones"),
        pytest.param([undated(200), undated(100), undated(101)], 200, id="two that may follow far behind"),
        pytest.param([undated(90_000), undated(100), undated(101)], 100, id="and one that no day could have closed"),
        pytest.param([stopped(100), current(9000)], 9000, id="a stopped reference allows all"),
        pytest.param([stopped(100), behind(20)], 100, id="and is what there is at the least"),
        pytest.param([current(2**31), current(100), current(100)], 100, id="a liar very far ahead"),
    ],
)
def test_the_first_tip_is(claims: list[Claim], ledger: int | None) -> None:
    assert find_tip(*claims) == ledger


@pytest.mark.parametrize(
    ("claims", "previous", "ledger"),
    [
        pytest.param([current(LEDGER + 1)] * 2, seen(), LEDGER + 1, id="it advances"),
        pytest.param([behind(LEDGER - 9)] * 2, seen(), LEDGER, id="it never goes back for laggards"),
        pytest.param([current(LEDGER - 9)] * 2, seen(), LEDGER, id="nor for those that are current but for a poll"),
        pytest.param([current(100)] * 2, seen(), 100, id="a network that began anew refutes it"),
        pytest.param([current(LEDGER - 900)] * 2, seen(), LEDGER - 900, id="two current ones refute a lie"),
        pytest.param(
            [trusted(LEDGER - 900), behind(5)], seen(), LEDGER, id="no slower word takes back what is certain"
        ),
        pytest.param(
            [trusted(LEDGER - 900), behind(5)],
            seen(seconds_ago=300),
            LEDGER - 900,
            id="unless nobody moved it for long",
        ),
        pytest.param(
            [trusted(LEDGER - 900), behind(5)], Tip(LEDGER, NOW - 5), LEDGER - 900, id="a reference refutes a lie"
        ),
        pytest.param(
            [stopped(LEDGER - 900), behind(LEDGER)],
            seen(seconds_ago=300),
            LEDGER,
            id="a stopped reference takes nothing",
        ),
        pytest.param(
            [behind(LEDGER)] * 3 + [current(1500)] * 2,
            seen(seconds_ago=300),
            1500,
            id="two that go on outvote all that stand",
        ),
        pytest.param([undated(LEDGER), undated(LEDGER - 60)], seen(), LEDGER, id="two that may both be behind"),
        pytest.param([], seen(), LEDGER, id="nobody says anything: it stays"),
        pytest.param([current(LEDGER + 9), behind(5)], seen(), LEDGER + 9, id="one healthy among laggards is followed"),
        pytest.param(
            [current(LEDGER + 900), behind(LEDGER), behind(LEDGER - 1)], seen(), LEDGER, id="but not beyond reason"
        ),
        pytest.param(
            [current(LEDGER + 900), behind(LEDGER)], seen(seconds_ago=4500), LEDGER + 900, id="it had the time to close"
        ),
        pytest.param(
            [behind(LEDGER + 9), behind(LEDGER)], seen(), LEDGER, id="one that was not seen to move leads nobody"
        ),
        pytest.param([current(LEDGER + 900)], seen(), LEDGER + 900, id="one alone has nobody against it"),
        pytest.param(
            [trusted(LEDGER - 500), current(LEDGER + 1), current(LEDGER + 1)],
            seen(),
            LEDGER + 1,
            id="a reference that is stuck holds nobody back",
        ),
    ],
)
def test_the_next_tip_is(claims: list[Claim], previous: Tip, ledger: int) -> None:
    assert find_tip(*claims, previous=previous) == ledger


@pytest.mark.parametrize(
    ("claims", "is_believed"),
    [
        pytest.param([current(100)] * 2, 100 + SLACK_LEDGERS, id="two current ones"),
        pytest.param([current(9000), current(100), current(100)], 100 + SLACK_LEDGERS, id="a liar raises nothing"),
        pytest.param([trusted(100)], 100 + SLACK_LEDGERS, id="a reference"),
        pytest.param([trusted(100), current(9000)], 100 + SLACK_LEDGERS, id="a reference and a liar"),
        pytest.param([trusted(63, ARCHIVE_SLACK)], 63 + ARCHIVE_SLACK, id="an archive"),
        pytest.param(
            [trusted(100), current(500), current(500)], 500 + SLACK_LEDGERS, id="two beyond a stuck reference"
        ),
        pytest.param([current(100)], None, id="one alone"),
        pytest.param([], None, id="nobody"),
    ],
)
def test_no_ledger_is_believed_beyond_the_ceiling_of(claims: list[Claim], is_believed: int | None) -> None:
    tip = compute_tip(claims, None, NOW)
    assert (None if tip is None else tip.ceiling) == is_believed


def test_a_network_that_began_anew_is_told_from_a_lie_that_is_refuted() -> None:
    anew = compute_tip([current(1500)] * 2, seen(seconds_ago=300), NOW)
    refuted = compute_tip([current(LEDGER - 900)] * 2, seen(seconds_ago=300), NOW)
    assert anew is not None
    assert refuted is not None
    assert (anew.reset_at, anew.reset_from, refuted.reset_at) == (NOW, LEDGER, None)


def test_a_tip_is_seen_to_move_when_one_who_leads_it_moved_between_two_answers() -> None:
    first = compute_tip([current(LEDGER)], None, NOW)
    later = compute_tip([current(LEDGER), current(LEDGER + 1)], first, NOW + 1)
    moved = compute_tip([replace(current(LEDGER + 2), is_moving=True)] * 2, later, NOW + 6)
    assert [tip is not None and tip.has_moved for tip in (first, later, moved)] == [False, False, True]


@pytest.mark.parametrize(
    ("others", "is_lone"),
    [
        pytest.param([behind(LEDGER)] * 4, True, id="four that stopped at one ledger"),
        pytest.param([behind(LEDGER), behind(LEDGER - 1)], True, id="two that stopped together"),
        pytest.param([behind(LEDGER), behind(LEDGER - 30)], False, id="two that stopped each by itself"),
        pytest.param([behind(LEDGER)], False, id="one other"),
        pytest.param([behind(LEDGER)] * 2 + [current(LEDGER + 5)], False, id="two that go on"),
        pytest.param([behind(LEDGER)] * 2 + [stopped(LEDGER)], True, id="a reference that stopped with them"),
        pytest.param([behind(LEDGER)] * 2 + [stopped(LEDGER - 64)], True, id="an archive that is behind them all"),
        pytest.param([behind(LEDGER)] * 2 + [stopped(LEDGER + 5)], False, id="a reference that goes on as well"),
    ],
)
def test_one_that_goes_on_alone_beside(others: list[Claim], is_lone: bool) -> None:
    tip = compute_tip([current(LEDGER + 6), *others], seen(seconds_ago=40), NOW)
    assert tip is not None
    assert tip.is_lone is is_lone
    assert tip.tells_lag is not is_lone


@pytest.mark.parametrize("seconds", [0.05, 5.0, 30.0, 60.0, 300.0])
def test_two_in_step_that_are_asked_an_interval_apart_differ_by_less_than_the_slack(seconds: float) -> None:
    limits = TipLimits.of(seconds)
    assert limits.slack_ledgers >= SLACK_LEDGERS
    assert limits.slack_ledgers > seconds
    assert limits.stalled_seconds >= 3 * seconds
    assert limits.halted_seconds >= 2 * limits.stalled_seconds


def test_the_ceiling_falls_with_those_who_stood_for_it() -> None:
    tip = compute_tip([], seen(seconds_ago=600), NOW)
    assert tip is not None
    assert tip.ceiling is None


def test_one_that_creeps_ahead_of_laggards_gets_no_further_than_ledgers_can_close() -> None:
    tip: Tip | None = seen()
    for second in range(600):
        creeping = current(LEDGER + 2 * second)
        tip = compute_tip([creeping, behind(LEDGER), behind(LEDGER - 1)], tip, NOW + second)
        assert tip is not None
        assert tip.ledger <= LEDGER + SLACK_LEDGERS + CLOSING_RATE * (second + 5) + 1


def test_one_that_creeps_ahead_of_current_nodes_gets_nowhere() -> None:
    tip: Tip | None = None
    for second in range(0, 3600, 5):
        honest = LEDGER + second // 5
        tip = compute_tip([current(honest + second), current(honest), current(honest)], tip, NOW + second)
        assert tip is not None
        assert tip.ledger == honest


@pytest.mark.parametrize(
    ("still_seconds", "claims", "is_stalled", "is_halted"),
    [
        pytest.param(STALLED_SECONDS - 1, [behind(LEDGER)] * 3, False, False, id="a few ledgers late"),
        pytest.param(STALLED_SECONDS, [behind(LEDGER)] * 3, True, False, id="stalled"),
        pytest.param(HALTED_SECONDS - 1, [behind(LEDGER)] * 3, True, False, id="still only stalled"),
        pytest.param(HALTED_SECONDS, [behind(LEDGER)] * 3, True, True, id="halted"),
        pytest.param(HALTED_SECONDS, [behind(LEDGER), current(LEDGER - 9)], True, False, id="one in sync moves"),
        pytest.param(
            HALTED_SECONDS, [behind(LEDGER), Claim(LEDGER - 9, is_advancing=True)], True, True, id="one replays history"
        ),
        pytest.param(HALTED_SECONDS, [], True, False, id="nobody is there to say so"),
    ],
)
def test_a_tip_that_stands_still_is(
    still_seconds: float, claims: list[Claim], is_stalled: bool, is_halted: bool
) -> None:
    tip = compute_tip(claims, seen(seconds_ago=still_seconds), NOW)
    assert tip is not None
    assert (tip.is_stalled, tip.is_halted) == (is_stalled, is_halted)


def test_a_network_that_resumes_is_neither_stalled_nor_halted() -> None:
    halted = Tip(LEDGER, NOW - 300, is_stalled=True, is_halted=True, anchored_at=NOW - 300, anchor_ledger=LEDGER)
    tip = compute_tip([current(LEDGER + 1)] * 2, halted, NOW)
    assert tip is not None
    assert (tip.ledger, tip.moved_at, tip.is_stalled, tip.is_halted) == (LEDGER + 1, NOW, False, False)
