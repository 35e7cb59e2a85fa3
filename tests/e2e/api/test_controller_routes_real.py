"""HTTPRoutes and Services that really route: the real controller, Contour with its Envoy, an Envoy, kube-proxy.

Replicas answer with who they are and which ledger they have; what the scaler says of them is scripted.
"""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.cluster.needs import UnmetNeedError
from tests.e2e.api.routes_measures import (
    Mix,
    measure_shares,
    measure_shifts,
    measure_stale_reads,
    measure_weight_shifts,
)
from tests.e2e.api.routes_stage import RoutesStage, Way, set_routes_stage
from tests.envoy_binary import EnvoyMissingError
from tests.strictness import skip_or_fail

pytestmark = pytest.mark.timeout(300)
MOST_POINTS = 1.0
MOST_SECONDS = 2.0
CHANGES = 10
MIXES = (Mix(2, 1), Mix(5, 2), Mix(5, 4, 1), Mix(20, 3), Mix(20, 10, 55))
"""From small to large: a pool that is there grows."""
STALE_REQUESTS = 2000
STALE_REPLICAS = 5


@pytest_asyncio.fixture
async def routes(tmp_path: Path) -> AsyncIterator[RoutesStage]:
    async with contextlib.AsyncExitStack() as stack:
        try:
            staged = await stack.enter_async_context(set_routes_stage(tmp_path))
        except (UnmetNeedError, EnvoyMissingError) as error:
            skip_or_fail(str(error))
        yield staged


async def test_each_replica_gets_the_share_of_its_weight_through_a_gateway(routes: RoutesStage) -> None:
    for mix in MIXES:
        points = await measure_shares(routes, mix)
        print(f"{mix}: {points:.2f} points")  # noqa: T201 - figures for whoever runs with -s
        assert points <= MOST_POINTS, mix


async def test_the_weights_of_all_are_with_a_gateway_within_two_seconds(routes: RoutesStage) -> None:
    seconds = await measure_weight_shifts(routes, Mix(5, 2), CHANGES)
    print(f"weights within {[round(one, 3) for one in seconds]} s")  # noqa: T201
    assert max(seconds) < MOST_SECONDS, seconds


async def test_readers_follow_the_scaler_within_two_seconds_each_way_and_no_request_fails(routes: RoutesStage) -> None:
    for way in Way:
        shifts = await measure_shifts(routes, way, CHANGES)
        print(f"{way}: {shifts.requests} requests; moved within {[round(one, 3) for one in shifts.seconds]} s")  # noqa: T201
        assert shifts.failures == [], way
        assert max(shifts.seconds) < MOST_SECONDS, (way, shifts.seconds)


async def test_nobody_reads_a_stale_ledger_after_the_shift_as_readers_of_a_plain_service_do(
    routes: RoutesStage,
) -> None:
    stale = await measure_stale_reads(routes, STALE_REPLICAS, STALE_REQUESTS)
    print(f"stale of {STALE_REQUESTS} each: {stale}")  # noqa: T201
    assert stale.by_way == dict.fromkeys(Way, 0)
    assert stale.plain > STALE_REQUESTS / STALE_REPLICAS / 2
