"""Which replica is restarted next: those of no use first, then laggards, fresh ones last and never the last of them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.plan.rollout import RolloutReplica, choose_restart, note_unhealthy
from readpool.replica_class import ReplicaClass
from tests.unit.observed_pools import CATCHING_UP, FOREIGN, FRESH, LAGGING, UNKNOWN, UNREACHABLE


def old(replica_class: ReplicaClass, *, is_ready: bool = True) -> RolloutReplica:
    return build(replica_class, is_outdated=True, is_ready=is_ready)


def new(replica_class: ReplicaClass, *, is_ready: bool = True) -> RolloutReplica:
    return build(replica_class, is_outdated=False, is_ready=is_ready)


def unhealthy(replica_class: ReplicaClass, *, is_ready: bool = True, is_awaited: bool = False) -> RolloutReplica:
    """Build one that has been restarted and was not fresh before."""
    one = build(replica_class, is_outdated=False, is_ready=is_ready)
    return replace(one, was_unhealthy=True, is_awaited=is_awaited)


def build(
    replica_class: ReplicaClass, *, is_outdated: bool, is_ready: bool = True, is_going: bool = False, ordinal: int = 0
) -> RolloutReplica:
    return RolloutReplica(
        f"pool-{ordinal}",
        ordinal,
        replica_class,
        is_ready=is_ready,
        is_terminating=is_going,
        is_outdated=is_outdated,
    )


def number(replicas: list[RolloutReplica]) -> list[RolloutReplica]:
    return [replace(one, name=f"pool-{ordinal}", ordinal=ordinal) for ordinal, one in enumerate(replicas)]


GOING = build(FRESH, is_outdated=False, is_going=True)
TABLE = {
    "nothing is outdated": ([new(FRESH), new(LAGGING)], None, ""),
    "the highest ordinal first": ([old(FRESH), old(FRESH), old(FRESH)], 2, ""),
    "the next when the last is fresh again": ([old(FRESH), old(FRESH), new(FRESH)], 1, ""),
    "not while the last catches up": ([old(FRESH), old(FRESH), new(CATCHING_UP)], None, "pool-2 to become fresh"),
    "not while the last is not observed": ([old(FRESH), old(FRESH), new(UNKNOWN)], None, "pool-2 to become fresh"),
    "not while the last does not start": (
        [old(FRESH), old(FRESH), new(UNREACHABLE, is_ready=False)],
        None,
        "pool-2 to become fresh",
    ),
    "not while the kubelet has no answer of it": (
        [old(FRESH), new(FRESH, is_ready=False), new(FRESH)],
        None,
        "pool-1 to become fresh",
    ),
    "one that lags after its restart is back": ([old(FRESH), old(FRESH), new(LAGGING)], 1, ""),
    "laggards before fresh ones": ([old(LAGGING), old(FRESH), old(FRESH)], 0, ""),
    "those that catch up as well": ([old(FRESH), old(CATCHING_UP), old(FRESH)], 1, ""),
    "never the last fresh one of several": ([old(FRESH), new(LAGGING)], None, "a second fresh replica"),
    "even if the kubelet has no answer of it": (
        [old(FRESH, is_ready=False), new(LAGGING)],
        None,
        "a second fresh replica",
    ),
    "the only one of a pool of one": ([old(FRESH)], 0, ""),
    "not while a pod is going": ([old(FRESH), old(FRESH), GOING], None, "pool-2 to terminate"),
    "one that answers nobody goes first": ([old(UNREACHABLE, is_ready=False), old(LAGGING), old(FRESH)], 0, ""),
    "and does not wait for others": ([old(UNREACHABLE, is_ready=False), new(CATCHING_UP)], 0, ""),
    "one of another network is of no use, ready or not": ([old(FOREIGN), new(CATCHING_UP)], 0, ""),
    "one that only the scaler does not reach waits for its turn": (
        [old(UNREACHABLE), new(CATCHING_UP)],
        None,
        "pool-1 to become fresh",
    ),
    "and has it before fresh ones": ([old(UNREACHABLE), old(FRESH), old(FRESH)], 0, ""),
    "the scaler is silent": ([old(UNKNOWN), old(UNKNOWN)], None, "the scaler's report on pool-1"),
    "the scaler is silent and the kubelet has no answer": ([old(UNKNOWN), old(UNKNOWN, is_ready=False)], 1, ""),
    "but only one of them": (
        [old(UNKNOWN, is_ready=False), new(UNKNOWN, is_ready=False)],
        None,
        "pool-1 to become fresh",
    ),
    "all lag": ([old(LAGGING), old(LAGGING)], 1, ""),
    "one that was sick before and does not come up holds up nobody": (
        [old(FRESH), old(FRESH), unhealthy(UNKNOWN, is_ready=False)],
        1,
        "",
    ),
    "nor one that catches up for ever": ([old(FRESH), old(FRESH), unhealthy(CATCHING_UP)], 1, ""),
    "for a while it is waited for": (
        [old(FRESH), old(FRESH), unhealthy(CATCHING_UP, is_awaited=True)],
        None,
        "pool-2 to become fresh",
    ),
    "it is no company for the last fresh one": (
        [old(FRESH), unhealthy(UNREACHABLE, is_ready=False)],
        None,
        "a second fresh replica",
    ),
    "a fresh one that does not come back holds up all, however long": (
        [old(FRESH), old(FRESH), replace(new(UNREACHABLE, is_ready=False), is_awaited=False)],
        None,
        "pool-2 to become fresh",
    ),
    "one that does not end for long holds up nobody": (
        [old(FRESH), old(FRESH), old(FRESH), replace(GOING, is_awaited=False)],
        2,
        "",
    ),
}


@pytest.mark.parametrize(("replicas", "restarted", "waits_for"), TABLE.values(), ids=TABLE.keys())
def test_the_next_restart_and_what_it_waits_for(
    replicas: list[RolloutReplica], restarted: int | None, waits_for: str
) -> None:
    step = choose_restart(number(replicas), len(replicas))
    assert step.restart == (None if restarted is None else f"pool-{restarted}")
    assert step.waits_for == waits_for


def test_nothing_is_restarted_while_a_pod_is_still_to_be_made() -> None:
    step = choose_restart(number([old(FRESH), old(FRESH)]), 3)
    assert (step.restart, step.waits_for) == (None, "a pod to be created")


def test_one_that_was_not_there_before_and_cannot_be_made_holds_up_nobody() -> None:
    known = number([old(FRESH), old(FRESH)])
    assert choose_restart(known, 3, unhealthy=frozenset({2})).restart == "pool-1"


NOTES: dict[str, tuple[list[RolloutReplica], set[int], set[int], set[int]]] = {
    "nobody of a pool that is well": ([old(FRESH), old(FRESH)], set(), set(), set()),
    "who lags, catches up or is silent": (
        [old(LAGGING), old(CATCHING_UP), old(UNREACHABLE), old(FRESH)],
        set(),
        set(),
        {0, 1, 2},
    ),
    "not who is unknown to a silent scaler and ready": (
        [old(UNKNOWN), old(UNKNOWN, is_ready=False)],
        set(),
        set(),
        {1},
    ),
    "who was noted and is not back": ([new(CATCHING_UP), old(FRESH)], {0}, set(), {0}),
    "no longer who is fresh with the new version": ([new(FRESH), old(FRESH)], {0}, set(), set()),
    "not a fresh one that does not come back": ([new(UNREACHABLE, is_ready=False), old(FRESH)], set(), set(), set()),
    "newcomers": ([new(CATCHING_UP), old(FRESH)], set(), {0, 2}, {0, 2}),
    "nobody who is no longer wanted": ([old(FRESH)], {7}, {9}, set()),
}


@pytest.mark.parametrize(("known", "noted", "newcomers", "expected"), NOTES.values(), ids=NOTES.keys())
def test_a_rollout_notes(known: list[RolloutReplica], noted: set[int], newcomers: set[int], expected: set[int]) -> None:
    assert note_unhealthy(number(known), 4, noted, newcomers) == expected


replicas = st.lists(
    st.builds(
        build,
        st.sampled_from(ReplicaClass),
        is_outdated=st.booleans(),
        is_ready=st.booleans(),
        is_going=st.sampled_from([False, False, False, True]),
    ),
    max_size=6,
).map(number)


@given(replicas, st.integers(1, 7), st.randoms(use_true_random=False))
def test_no_restart_takes_the_last_fresh_one_or_a_second_one(
    known: list[RolloutReplica], wanted: int, chance: object
) -> None:
    step = choose_restart(known, wanted)
    shuffled = list(known)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert choose_restart(shuffled, wanted) == step
    if step.restart is None:
        assert bool(step.waits_for) is any(one.is_outdated and not one.is_terminating for one in known)
        return
    chosen = next(one for one in known if one.name == step.restart)
    others = [one for one in known if one is not chosen]
    assert chosen.is_outdated
    assert not any(one.is_terminating for one in known)
    assert len(known) >= wanted
    may_be_fresh = chosen.replica_class is FRESH or (chosen.replica_class is UNKNOWN and chosen.is_ready)
    if may_be_fresh and wanted > 1:
        assert any(one.replica_class is FRESH for one in others)
        assert all(one.is_outdated or one.replica_class in (FRESH, LAGGING) for one in others)


@given(st.lists(st.sampled_from(ReplicaClass), min_size=1, max_size=6))
def test_a_rollout_ends_where_each_restarted_replica_becomes_fresh(classes: list[ReplicaClass]) -> None:
    known = number([old(one, is_ready=one is not UNKNOWN) for one in classes])
    for _ in classes:
        step = choose_restart(known, len(known))
        if step.restart is None:
            break
        known = number([new(FRESH) if one.name == step.restart else one for one in known])
    assert not any(one.is_outdated for one in known)
