"""What holds for the tip whatever is claimed."""

import random

from hypothesis import given
from hypothesis import strategies as st

from scaler.standing.tip import SLACK_LEDGERS, Claim, Tip, compute_tip

LEDGERS = st.integers(2, 2**32 - 1)
CLAIMS = st.builds(
    Claim,
    LEDGERS,
    st.booleans(),
    st.booleans(),
    st.integers(SLACK_LEDGERS, 400),
    is_advancing=st.booleans(),
    is_following=st.booleans(),
)
ROUNDS = st.lists(st.tuples(st.floats(0, 600), st.lists(CLAIMS, max_size=6)), min_size=1, max_size=12)
LIES = st.lists(st.one_of(LEDGERS, st.integers(990_000, 1_010_000)), min_size=1, max_size=30)


def fold(rounds: list[tuple[float, list[Claim]]]) -> list[Tip | None]:
    tips, tip, now = [], None, 1000.0
    for passed, claims in rounds:
        now += passed
        tip = compute_tip(claims, tip, now)
        assert tip is None or tip.moved_at <= now
        tips.append(tip)
    return tips


@given(ROUNDS, st.randoms(use_true_random=False))
def test_the_order_of_claims_never_matters(rounds: list[tuple[float, list[Claim]]], chance: random.Random) -> None:
    shuffled = [(passed, chance.sample(claims, len(claims))) for passed, claims in rounds]
    assert fold(rounds) == fold(shuffled)


@given(ROUNDS)
def test_the_tip_is_always_something_that_was_claimed(rounds: list[tuple[float, list[Claim]]]) -> None:
    claimed: set[int] = set()
    for (_, claims), tip in zip(rounds, fold(rounds), strict=True):
        claimed |= {claim.ledger for claim in claims}
        assert tip is None or tip.ledger in claimed | {0}


@given(ROUNDS)
def test_a_tip_once_known_stays_known_and_is_never_above_its_ceiling(
    rounds: list[tuple[float, list[Claim]]],
) -> None:
    tips = fold(rounds)
    known = [tip for tip in tips if tip is not None]
    assert tips[len(tips) - len(known) :] == known
    assert all(tip.ceiling is None or tip.ledger <= tip.ceiling for tip in known)


@given(ROUNDS)
def test_halted_implies_stalled(rounds: list[tuple[float, list[Claim]]]) -> None:
    assert all(tip.is_stalled for tip in fold(rounds) if tip is not None and tip.is_halted)


@given(LIES, st.booleans(), st.booleans(), st.integers(3, 6))
def test_a_liar_among_current_nodes_cannot_move_the_tip_beyond_what_they_say(
    lies: list[int], is_current: bool, is_advancing: bool, honest_count: int
) -> None:
    tip = None
    for turn, lie in enumerate(lies):
        ledger = 1_000_000 + turn
        honest = [Claim(ledger - i % 2, is_current=True, is_advancing=True) for i in range(honest_count)]
        tip = compute_tip([*honest, Claim(lie, is_current, is_advancing=is_advancing)], tip, 1000.0 + 5 * turn)
        assert tip is not None
        assert ledger - 1 <= tip.ledger <= ledger


@given(st.lists(st.integers(1_000_000, 2**32 - 1), min_size=1, max_size=30))
def test_a_liar_that_answers_first_is_refuted_by_two_that_are_current(lies: list[int]) -> None:
    tip, now = None, 1000.0
    for now, lie in enumerate(lies, 1000):
        tip = compute_tip([Claim(lie, is_current=True, is_advancing=True)], tip, float(now))
    honest = [Claim(1_000_000, is_current=True, is_advancing=True)] * 2
    tip = compute_tip([Claim(lies[-1], is_current=True), *honest], tip, now + 1.0)
    assert tip is not None
    assert tip.ledger <= 1_000_000 + SLACK_LEDGERS
