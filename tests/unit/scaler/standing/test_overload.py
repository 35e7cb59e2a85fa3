"""When replicas that fall behind tell of the load that they share, and when they do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.replica_class import ReplicaClass
from scaler.standing.freshness import ReplicaState
from scaler.standing.overload import Overload, watch_overload

FRESH = ReplicaState(ReplicaClass.FRESH, rate=0.2)
BUSY = ReplicaState(ReplicaClass.LAGGING, rate=0.15)
STUCK = ReplicaState(ReplicaClass.LAGGING, rate=0.0)
SILENT = ReplicaState(ReplicaClass.UNREACHABLE)
CATCHING_UP = ReplicaState(ReplicaClass.CATCHING_UP, rate=1.5)
Look = tuple[float, list[ReplicaState]]


def watch(*looks: Look) -> Overload:
    """Look at core-0, core-1 and so on, again and again."""
    overload = Overload()
    for now, standings in looks:
        overload = watch_overload(overload, {f"core-{i}": one for i, one in enumerate(standings)}, now)
    return overload


@pytest.mark.parametrize(
    ("looks", "seen_at"),
    [
        pytest.param([(0, [FRESH, FRESH]), (5, [BUSY, BUSY])], 5, id="two at once"),
        pytest.param([(0, [FRESH, FRESH]), (5, [BUSY, FRESH]), (605, [FRESH, BUSY])], 605, id="in turns"),
        pytest.param([(0, [FRESH, FRESH]), (5, [BUSY, FRESH]), (606, [FRESH, BUSY])], None, id="too far apart"),
        pytest.param([(0, [FRESH, FRESH]), (5, [BUSY, FRESH])], None, id="one alone"),
        pytest.param(
            [(0, [FRESH, FRESH]), (5, [BUSY, FRESH]), (60, [FRESH, FRESH]), (65, [BUSY, FRESH])],
            None,
            id="the same one again",
        ),
        pytest.param([(0, [FRESH, FRESH]), (5, [STUCK, STUCK])], None, id="stuck ones"),
        pytest.param([(0, [FRESH, FRESH]), (5, [SILENT, SILENT]), (60, [BUSY, BUSY])], None, id="back from silence"),
        pytest.param([(0, [FRESH, FRESH]), (5, [CATCHING_UP, CATCHING_UP])], None, id="restarted ones"),
        pytest.param([(0, [BUSY, BUSY])], None, id="those that nobody saw fresh"),
        pytest.param([(0, [FRESH, FRESH]), (5, [BUSY])], None, id="one of two is gone"),
    ],
)
def test_two_that_fall_behind_together_while_they_advance_tell_of_the_load(
    looks: list[Look], seen_at: float | None
) -> None:
    assert watch(*looks).seen_at == seen_at


def test_what_was_seen_stays() -> None:
    assert watch((0, [FRESH, FRESH]), (5, [BUSY, BUSY]), (900, [FRESH, FRESH])).seen_at == 5


@given(st.lists(st.lists(st.sampled_from([FRESH, BUSY, STUCK, SILENT]), min_size=1, max_size=1), max_size=20))
def test_one_replica_alone_never_tells_of_the_load(looks: list[list[ReplicaState]]) -> None:
    assert watch(*((5.0 * number, look) for number, look in enumerate(looks))).seen_at is None


@given(
    st.lists(st.lists(st.sampled_from([FRESH, BUSY, STUCK, SILENT]), min_size=4, max_size=4), max_size=20),
    st.permutations(range(4)),
)
def test_the_order_of_replicas_never_matters(looks: list[list[ReplicaState]], order: list[int]) -> None:
    one, other = Overload(), Overload()
    for number, look in enumerate(looks):
        named = {f"core-{i}": standing for i, standing in enumerate(look)}
        one = watch_overload(one, named, 5.0 * number)
        other = watch_overload(other, {f"core-{i}": named[f"core-{i}"] for i in order}, 5.0 * number)
    assert one == other
