"""The schedule of a soak: the same for a seed, all kinds of faults in it, and never all replicas or routers at once."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.soak.acts import ALL, DECK, GATE, LIGHT, PARTS, REPLICA, ROLLOUTS, ROUTER, SCALER, Act
from tests.soak.schedule import REPLICAS, ROUTERS, plan_acts

SEEDS = st.integers(min_value=0, max_value=2**63 - 1)


def list_hurt(acts: tuple[Act, ...], targets: set[str], at: float) -> set[int]:
    return {act.index for act in acts if act.target in targets and act.at <= at <= act.at + act.seconds}


def test_the_same_seed_gives_the_same_soak_and_another_another() -> None:
    assert plan_acts(7, 300) == plan_acts(7, 300)
    assert plan_acts(7, 300) != plan_acts(8, 300)


@pytest.mark.parametrize("seed", range(10))
def test_twenty_minutes_have_two_hundred_faults_of_every_kind_and_all_that_users_do(seed: int) -> None:
    acts = plan_acts(seed, 1200)
    kinds = Counter(act.kind for act in acts)
    assert sum(act.is_fault for act in acts) >= 220, "some cannot be done in the end"
    assert {f"{card.target}: {card.verb}" for card in DECK} <= kinds.keys()
    assert {*ROLLOUTS, *LIGHT} <= kinds.keys()


@given(SEEDS, st.integers(min_value=60, max_value=1500))
def test_acts_come_in_order_and_none_at_the_end(seed: int, seconds: int) -> None:
    acts = plan_acts(seed, seconds)
    assert [act.at for act in acts] == sorted(act.at for act in acts)
    assert all(0 < act.at < seconds - 10 and act.seconds >= 0 for act in acts)
    assert all(act.at + act.seconds <= seconds for act in acts if not act.is_fault)


@given(SEEDS)
def test_a_replica_and_a_router_are_always_left_alone(seed: int) -> None:
    acts = plan_acts(seed, 600)
    for act in acts:
        assert len(list_hurt(acts, {REPLICA, GATE}, act.at)) < REPLICAS
        assert len(list_hurt(acts, {ROUTER}, act.at)) < ROUTERS
    assert not [act for act in acts if act.target in {REPLICA, GATE, ROUTER} and act.index == ALL]


@given(SEEDS)
def test_no_router_is_hurt_while_a_part_of_the_cluster_that_tells_readers_so_is_away(seed: int) -> None:
    acts = plan_acts(seed, 600)
    away = [act for act in acts if act.target in PARTS]
    for router in (act for act in acts if act.target == ROUTER):
        assert not [one for one in away if one.at <= router.at + router.seconds and router.at <= one.at + one.seconds]


def test_all_scalers_are_away_for_longer_than_their_last_word_holds() -> None:
    blind = [
        a for seed in range(20) for a in plan_acts(seed, 600) if a.target == SCALER and a.index == ALL and a.seconds
    ]
    assert blind
    assert min(act.seconds for act in blind) >= 35
