"""Which replica gets a new volume: one that lags for good beside a fresh one, one at a time."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.plan.replacement import StuckReplica, choose_replacement
from readpool.replica_class import ReplicaClass
from tests.unit.observed_pools import CATCHING_UP, FOREIGN, FRESH, LAGGING, NOW, UNKNOWN, UNREACHABLE

AFTER = 1800.0
LASTING = StuckReplica("pool-0", LAGGING, NOW - AFTER, 500)
FINE = StuckReplica("pool-1", FRESH, NOW - AFTER)


def other(replica_class: ReplicaClass) -> StuckReplica:
    return StuckReplica("pool-2", replica_class, NOW - AFTER)


TABLE = {
    "it has lagged for that long": ([LASTING, FINE], True),
    "it has not yet": ([replace(LASTING, since=NOW - AFTER + 1), FINE], False),
    "it gains": ([replace(LASTING, is_gaining=True), FINE], False),
    "it is going already": ([replace(LASTING, is_terminating=True), FINE], False),
    "nobody is fresh, so it is not the volume": ([LASTING, other(LAGGING)], False),
    "another one is on its way": ([LASTING, FINE, other(CATCHING_UP)], False),
    "another one is not observed yet": ([LASTING, FINE, other(UNKNOWN)], False),
    "another one is going": ([LASTING, FINE, replace(other(FRESH), is_terminating=True)], False),
    "another one does not answer": ([LASTING, FINE, other(UNREACHABLE)], True),
    "another one is of another network": ([LASTING, FINE, other(FOREIGN)], True),
    "it does not answer the scaler alone": ([replace(LASTING, replica_class=UNREACHABLE), FINE], False),
    "it answers nobody": ([replace(LASTING, replica_class=UNREACHABLE, is_silent=True), FINE], True),
    "it answers nobody, since no node has room for it": (
        [replace(LASTING, replica_class=UNREACHABLE, is_silent=True, is_held=True), FINE],
        False,
    ),
    "another one that is not observed has no node": ([LASTING, FINE, replace(other(UNKNOWN), is_held=True)], True),
    "it catches up": ([replace(LASTING, replica_class=CATCHING_UP), FINE], False),
}


@pytest.mark.parametrize(("replicas", "is_replaced"), TABLE.values(), ids=TABLE.keys())
def test_a_replica_is_replaced_when(replicas: list[StuckReplica], is_replaced: bool) -> None:
    assert choose_replacement(replicas, len(replicas), AFTER, NOW) == ("pool-0" if is_replaced else None)


def test_nobody_is_replaced_while_a_replica_is_missing() -> None:
    assert choose_replacement([LASTING, FINE], 3, AFTER, NOW) is None


def test_the_one_that_has_lagged_for_longest_goes_first_and_of_two_the_one_further_behind() -> None:
    longer = replace(LASTING, name="pool-5", since=NOW - 2 * AFTER)
    behind = replace(LASTING, name="pool-6", lag_ledgers=900)
    assert choose_replacement([FINE, behind, LASTING, longer], 4, AFTER, NOW) == "pool-5"
    assert choose_replacement([FINE, LASTING, behind], 3, AFTER, NOW) == "pool-6"


any_replica = st.builds(
    StuckReplica,
    st.just(""),
    st.sampled_from([*ReplicaClass, LAGGING, LAGGING, FRESH]),
    st.integers(0, 4000).map(lambda ago: NOW - ago),
    st.none() | st.integers(0, 1000),
    st.booleans(),
    st.sampled_from([False, False, False, True]),
)
any_replicas = st.lists(any_replica, max_size=6).map(
    lambda many: [replace(one, name=f"pool-{number}") for number, one in enumerate(many)]
)


@given(any_replicas, st.integers(0, 6), st.randoms(use_true_random=False))
def test_only_a_laggard_that_does_not_gain_goes_and_a_fresh_one_stays(
    replicas: list[StuckReplica], wanted: int, chance: object
) -> None:
    chosen = choose_replacement(replicas, wanted, AFTER, NOW)
    shuffled = list(replicas)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert choose_replacement(shuffled, wanted, AFTER, NOW) == chosen
    if chosen is None:
        return
    gone = next(one for one in replicas if one.name == chosen)
    is_lagging = gone.replica_class is LAGGING and not gone.is_gaining
    assert is_lagging or (gone.replica_class is UNREACHABLE and gone.is_silent and not gone.is_held)
    assert NOW - gone.since >= AFTER
    assert any(one.replica_class is FRESH and not one.is_terminating for one in replicas)
