"""An HTTPRoute in a mesh: the real controller, a real istiod and the Envoy that it drives beside a reader.

As test_controller_routes_real for what a gateway does of it. Long, for what it has to build first.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from devtools.api.mesh_stage import set_mesh_stage
from devtools.api.routes_measures import (
    Mix,
    Pattern,
    measure_shares,
    measure_shifts,
    measure_stale_reads,
    measure_weight_shifts,
    read_eagerly,
)
from devtools.api.routes_stage import RoutesStage, Way
from devtools.envoy.weighted_backends import Reader
from tests.e2e.api.stage_or_skip import set_or_skip
from tests.e2e.api.test_controller_routes_real import BALANCING, PATTERNS

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]
MOST_POINTS = 1.0
MOST_SECONDS = 2.0
CHANGES = 10
ROUNDS = 2
SWITCHES, SETTLED_SECONDS = 6, 2.0
MOST_FAILURES = 50
"""While a route comes or goes, of the requests of some seconds. docs/routing.md says so."""
MIXES = (Mix(2, 1), Mix(5, 2), Mix(5, 4, 1), Mix(20, 4), Mix(20, 10, 55))


@pytest_asyncio.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[RoutesStage]:
    async with set_or_skip(set_mesh_stage(tmp_path)) as stage:
        yield stage


async def test_each_replica_gets_the_share_of_its_weight_through_a_sidecar(mesh: RoutesStage) -> None:
    for mix in MIXES:
        points = await measure_shares(mesh, mix)
        print(f"{mix}: {points:.2f} points")  # noqa: T201 - figures for whoever runs with -s
        assert points <= MOST_POINTS, mix


async def test_sidecars_follow_the_scaler_within_two_seconds_and_no_request_fails(mesh: RoutesStage) -> None:
    shifts = await measure_shifts(mesh, Way.HTTP_ROUTE, CHANGES)
    print(f"{shifts.requests} requests; moved within {[round(one, 3) for one in shifts.seconds]} s")  # noqa: T201
    assert shifts.failures == []
    assert max(shifts.seconds) < MOST_SECONDS, shifts.seconds
    seconds = await measure_weight_shifts(mesh, Mix(5, 2), CHANGES)
    print(f"weights within {[round(one, 3) for one in seconds]} s")  # noqa: T201
    assert max(seconds) < MOST_SECONDS, seconds


async def test_no_eager_reader_fails_through_a_sidecar_whatever_classes_empty_and_fill(mesh: RoutesStage) -> None:
    for balanced, (balancing, target) in BALANCING.items():
        for name, turns in PATTERNS.items():
            reads = await read_eagerly(mesh, Way.HTTP_ROUTE, Pattern(5, turns, balancing, target), ROUNDS)
            print(f"{balanced}: {name}: {reads}")  # noqa: T201
            assert reads.failures == {}, (balanced, name, reads)
            assert reads.answered > 100


async def test_few_readers_fail_while_the_route_comes_and_goes_and_none_before_or_after(mesh: RoutesStage) -> None:
    await mesh.have_pool(3)
    connect, is_reading = await mesh.find_way(Way.HTTP_ROUTE), True
    async with asyncio.TaskGroup() as group:
        crowd = [Reader(connect) for _ in range(4)]
        for one in crowd:
            group.create_task(one.ask_while(lambda: is_reading))
        for has_route in (False, True) * (SWITCHES // 2):
            await mesh.have_pool(3, has_route=has_route)
            await mesh.stage.until_quiet()
            await asyncio.sleep(SETTLED_SECONDS)
            failed = [failure for one in crowd for failure in one.failures]
            print(f"{has_route=}: {len(failed)} of {sum(one.answered.total() for one in crowd)}")  # noqa: T201
            assert set(failed) <= {"500"}  # Istio's route names a cluster that is not there yet, or no longer
            assert len(failed) <= MOST_FAILURES
            for one in crowd:
                one.failures.clear()
            await asyncio.sleep(SETTLED_SECONDS)
            assert not any(one.failures for one in crowd)
        is_reading = False


async def test_nobody_reads_a_stale_ledger_through_a_sidecar_after_the_shift(mesh: RoutesStage) -> None:
    stale = await measure_stale_reads(mesh, 5, 2000)
    assert stale.by_way == {Way.HTTP_ROUTE: 0}
