"""Whatever snapshots and replicas there are: none is taken of whom it harms, none used that is not good."""

from hypothesis import given
from hypothesis import strategies as st

from controller.snapshots.snapshots import (
    RETRY_SECONDS,
    SETTLED_SECONDS,
    Donor,
    Occasion,
    Snapshot,
    Verdict,
    choose_kept,
    choose_seed,
    choose_step,
    compute_due_time,
)

NOW = 1_000_000.0
HOUR = 3600.0
GOOD, BAD = Verdict.GOOD, Verdict.BAD

snapshots = st.builds(
    Snapshot,
    st.sampled_from("abcdefgh"),
    st.floats(NOW - 1e5, NOW),
    cut_at=st.none() | st.floats(NOW - 1e5, NOW),
    is_ready=st.booleans(),
    donor=st.sampled_from(["pool-0", "pool-1"]),
    fails=st.sampled_from(["", "no room"]),
    verdict=st.sampled_from(Verdict),
    evaluated_at=st.floats(NOW - 1e5, NOW),
    is_usable=st.booleans(),
    is_going=st.booleans(),
)
donors = st.builds(
    Donor,
    st.sampled_from(["pool-0", "pool-1", "pool-2"]),
    st.just("uid"),
    st.none() | st.floats(NOW - 500, NOW),
    started_at=st.none() | st.floats(NOW - 500, NOW),
    weight=st.integers(0, 100),
    is_settled=st.booleans(),
)
some = st.lists(snapshots, max_size=8, unique_by=lambda one: one.name)


@given(some, st.lists(donors, max_size=4), st.integers(0, 6), st.integers(1, 6), st.sampled_from([600.0, HOUR]))
def test_whoever_is_chosen_is_settled_and_no_fresh_one_is_missing(
    there: list[Snapshot], able: list[Donor], fresh: int, enough: int, interval: float
) -> None:
    step = choose_step(there, able, Occasion(fresh, enough), interval, NOW)
    assert step.again_at is None or step.again_at > NOW
    if step.donor is None:
        return
    assert fresh >= enough
    assert not any(one.is_pending(NOW) for one in there)
    assert any(
        one.name == step.donor
        and one.is_settled
        and one.fresh_since is not None
        and NOW - one.fresh_since >= SETTLED_SECONDS
        and (one.started_at is None or NOW - one.started_at >= SETTLED_SECONDS)
        for one in able
    )


@given(some, st.integers(1, 5), st.sets(st.sampled_from("abcdefgh")))
def test_what_new_replicas_start_from_is_always_kept_and_no_more_than_asked_for(
    there: list[Snapshot], keep: int, in_use: set[str]
) -> None:
    kept = choose_kept(there, keep, in_use, NOW)
    newest = max((one for one in there if one.is_good), key=lambda one: (one.asked_at, one.name), default=None)
    assert newest is None or newest.name in kept
    idle = [one for one in there if one.name in kept - in_use and not one.is_pending(NOW) and not one.is_going]
    assert sum(one.is_good for one in idle) <= keep
    assert sum(one.verdict is BAD or one.has_failed(NOW) for one in idle) <= 1
    assert {one.name for one in there if one.is_pending(NOW)} <= kept


@given(some, st.sampled_from(["pool-0", "pool-9"]))
def test_nobody_starts_from_what_is_not_known_to_be_good(there: list[Snapshot], replica: str) -> None:
    chosen = choose_seed(there, replica)
    found = [one for one in there if one.verdict is GOOD and one.is_ready and one.is_usable and not one.is_going]
    good = [one.name for one in found if one.donor != replica]
    assert (chosen is None) is (not good)
    assert chosen is None or chosen in good


@given(some, st.sampled_from([600.0, HOUR]))
def test_the_next_one_is_never_due_within_the_time_of_a_retry(there: list[Snapshot], interval: float) -> None:
    newest = max((one.asked_at for one in there), default=None)
    due = compute_due_time(there, interval, NOW)
    assert due == NOW if newest is None else newest + RETRY_SECONDS <= due <= newest + interval
