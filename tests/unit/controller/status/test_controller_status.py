"""What status says of replicas: classes at once, numbers as often as the pool allows, what is not known not at all."""

from dataclasses import replace
from typing import Any

import pytest

from controller.observed.observed import ObservedPool
from controller.replicas.replicas import read_replicas
from controller.status.pool_status import are_numbers_due, build_status
from readpool.pool.scalars import to_timestamp
from readpool.pool.status import PoolStatus, ScalingMemory
from tests.unit.observed_pools import (
    CATCHING_UP,
    FRESH,
    LAGGING,
    NOW,
    TIP,
    UNKNOWN,
    UNREACHABLE,
    build_fleet,
    build_pod,
    build_pool,
    build_view,
    observe,
)
from tests.unit.pool_world import PoolWorld


def write(observed: ObservedPool, now: float = NOW) -> PoolStatus:
    replicas = read_replicas(observed)
    weights = {replica.name: 100 for replica in replicas}
    is_due = are_numbers_due(observed, replicas, now)
    return build_status(observed, replicas, weights, (), (), numbers_due=is_due)


def tell(observed: ObservedPool, *classes: Any, at: float = NOW, ahead: int = 0, **fields: Any) -> ObservedPool:
    """Make the scaler report it, with a tip that is so many ledgers ahead."""
    fleet = build_fleet(observed.pool, *classes, at=at, tip_ledger=TIP + ahead, **fields)
    return replace(observed, fleet=fleet)


def settle(observed: ObservedPool, now: float = NOW) -> ObservedPool:
    return replace(observed, pool=replace(observed.pool, status=write(observed, now)))


def test_status_counts_and_averages_what_is_known() -> None:
    pool = build_pool()
    observed = tell(observe(pool, FRESH, LAGGING, CATCHING_UP, UNREACHABLE), FRESH, LAGGING, CATCHING_UP, UNREACHABLE)
    status = write(observed)
    assert (status.replicas, status.current_replicas, status.ready_replicas) == (4, 4, 4)
    assert (status.fresh_replicas, status.lagging_replicas, status.desired_replicas) == (1, 1, 5)
    assert (status.network_latest_ledger, status.average_lag) == (TIP, 35_000)
    assert status.average_ledger_sequence == TIP - 35_000
    assert (status.observed_generation, status.observed_at) == (1, to_timestamp(NOW))
    assert status.selector == (
        "app.kubernetes.io/instance=pool,app.kubernetes.io/name=stellar-core,stellar.org/pool=pool"
    )


def test_a_row_says_how_far_a_replica_has_caught_up_and_how_long_it_will_take() -> None:
    pool = build_pool()
    detail = "Catching up to ledger 71: Download & apply checkpoints: num checkpoints left to apply:8 (11% done)"
    view = build_view(pool, 0, CATCHING_UP, detail=detail, seconds_to_fresh=90.7, observed_at=NOW - 2.5)
    row = write(observe(pool, CATCHING_UP, fleet=replace(build_fleet(pool), replicas=(view,)))).replica_weights[0]
    assert (row.catch_up_percent, row.seconds_to_fresh, row.is_fresh) == (11, 90, False)
    assert (row.ledger_sequence, row.lag, row.weight) == (TIP - 100_000, 100_000, 100)
    assert row.last_updated == to_timestamp(NOW - 3)


def test_a_fresh_replica_has_nothing_left_to_catch_up_whatever_it_still_says() -> None:
    pool = build_pool()
    view = build_view(pool, 0, FRESH, detail="(11% done)", seconds_to_fresh=3.0)
    row = write(observe(pool, FRESH, fleet=replace(build_fleet(pool), replicas=(view,)))).replica_weights[0]
    assert (row.catch_up_percent, row.seconds_to_fresh, row.is_fresh) == (None, None, True)


@pytest.mark.parametrize(("text", "percent"), [("(100% done)", 100), ("(999% done)", 100), ("(% done)", None)])
def test_a_percentage_is_read_and_never_more_than_all(text: str, percent: int | None) -> None:
    pool = build_pool()
    view = build_view(pool, 0, LAGGING, detail=text)
    status = write(observe(pool, LAGGING, fleet=replace(build_fleet(pool), replicas=(view,))))
    assert status.replica_weights[0].catch_up_percent == percent


def test_what_is_not_known_is_not_said() -> None:
    pool = build_pool()
    observed = tell(observe(pool, UNREACHABLE), UNREACHABLE, desired_replicas=None)
    status = write(observed)
    assert (status.average_lag, status.average_ledger_sequence, status.desired_replicas) == (None, None, None)
    assert (status.replica_weights[0].lag, status.replica_weights[0].ledger_sequence) == (None, None)
    unseen = write(observe(pool, FRESH, FRESH, fleet=build_fleet(pool, FRESH)))
    assert (unseen.replica_weights[1].replica_class, unseen.replica_weights[1].last_updated) == (UNKNOWN, None)


def test_numbers_wait_for_the_interval() -> None:
    observed = settle(tell(observe(build_pool(), FRESH, LAGGING), FRESH, LAGGING))
    for seconds, is_told in ((5, False), (29, False), (30, True)):
        later = tell(observed, FRESH, LAGGING, at=NOW + seconds, ahead=seconds)
        assert (write(later, NOW + seconds).network_latest_ledger == TIP + seconds) is is_told
        assert (write(later, NOW + seconds) == observed.pool.status) is not is_told


def test_numbers_of_a_scaler_whose_clock_was_ahead_do_not_stand_until_then() -> None:
    observed = settle(tell(observe(build_pool(), FRESH, LAGGING), FRESH, LAGGING))
    for seconds, is_told in ((-29, False), (-30, True), (-86_400, True)):
        later = tell(observed, FRESH, LAGGING, at=NOW + seconds, ahead=1)
        assert (write(later, NOW).network_latest_ledger == TIP + 1) is is_told


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(lambda seen: tell(seen, FRESH, FRESH, ahead=1), id="a class"),
        pytest.param(
            lambda seen: tell(replace(seen, pods=(*seen.pods, build_pod(seen.pool, 2))), FRESH, LAGGING, ahead=1),
            id="a member",
        ),
        pytest.param(lambda seen: tell(replace(seen, pods=seen.pods[:1]), FRESH, LAGGING, ahead=1), id="one less"),
        pytest.param(
            lambda seen: tell(replace(seen, pool=replace(seen.pool, generation=2)), FRESH, LAGGING, ahead=1),
            id="the spec",
        ),
    ],
)
def test_numbers_come_at_once_with_a_change_of(changed: Any) -> None:
    observed = settle(tell(observe(build_pool(), FRESH, LAGGING), FRESH, LAGGING))
    assert write(changed(observed), NOW + 1).network_latest_ledger == TIP + 1


def test_a_poll_that_brought_nothing_new_is_nothing_to_write() -> None:
    observed = settle(tell(observe(build_pool(), FRESH), FRESH))
    view = build_view(observed.pool, 0, FRESH, observed_at=NOW + 59)
    later = replace(observed, fleet=replace(build_fleet(observed.pool), at=NOW + 60, replicas=(view,)))
    assert write(later, NOW + 60) == observed.pool.status


def test_while_the_scaler_is_silent_its_last_numbers_stay_with_their_time() -> None:
    observed = settle(tell(observe(build_pool(), FRESH, LAGGING), FRESH, LAGGING))
    silent = replace(observed, fleet=None, fleet_silent_since=NOW + 10)
    assert write(silent, NOW + 600) == observed.pool.status
    newcomer = replace(silent, pods=(*silent.pods, build_pod(silent.pool, 2)))
    status = write(newcomer, NOW + 600)
    assert [str(row.replica_class) for row in status.replica_weights] == ["fresh", "lagging", "unknown"]
    assert (status.current_replicas, status.fresh_replicas, status.observed_at) == (3, 1, to_timestamp(NOW))


def test_weights_and_readiness_are_told_at_once() -> None:
    observed = settle(tell(observe(build_pool(), FRESH, LAGGING), FRESH, LAGGING))
    pods = tuple(build_pod(observed.pool, ordinal, is_ready=ordinal == 0) for ordinal in range(2))
    replicas = read_replicas(replace(observed, pods=pods))
    status = build_status(observed, replicas, {"pool-0": 7, "pool-1": 0}, (), (), numbers_due=False)
    assert [row.weight for row in status.replica_weights] == [7, 0]
    assert (status.ready_replicas, status.current_replicas) == (1, 2)


def test_what_another_has_learned_into_status_stays() -> None:
    pool = replace(build_pool(), status=PoolStatus(learned_requests_per_replica=12.5))
    assert write(observe(pool, FRESH)).learned_requests_per_replica == 12.5


def test_what_the_scaler_has_learned_is_kept_for_the_next_one() -> None:
    knows = tell(observe(build_pool(), FRESH), FRESH, learned_requests_per_replica=87.5)
    assert write(knows).learned_requests_per_replica == 87.5
    forgets = tell(settle(knows), FRESH, at=NOW + 60, ahead=12)
    assert write(forgets, NOW + 60).learned_requests_per_replica == 87.5


def test_what_the_scaler_remembers_is_kept_for_the_next_one_and_its_time_alone_writes_nothing() -> None:
    memory = ScalingMemory(reported_at=to_timestamp(NOW), desired_replicas=7)
    knows = tell(observe(build_pool(), FRESH), FRESH, scaling_memory=memory)
    assert write(knows).scaling_memory == memory
    later = memory.model_copy(update={"reported_at": to_timestamp(NOW + 60)})
    same = tell(settle(knows), FRESH, at=NOW + 60, scaling_memory=later)
    assert write(same, NOW + 60) == settle(knows).pool.status
    other = later.model_copy(update={"premature_scale_ins": 1})
    assert write(tell(settle(knows), FRESH, at=NOW + 60, scaling_memory=other), NOW + 60).scaling_memory == other
    silent = tell(settle(knows), FRESH, at=NOW + 60, ahead=12)
    assert write(silent, NOW + 60).scaling_memory == memory


def test_a_replica_that_ends_is_not_counted_as_ready() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH)
    world.pods["pool-2"]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    world.rest()
    assert world.status["readyReplicas"] == 2
