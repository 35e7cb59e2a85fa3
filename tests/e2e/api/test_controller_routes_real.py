"""HTTPRoutes and Services that really route: the real controller, Contour with its Envoy, an Envoy, kube-proxy.

Replicas answer with who they are and which ledger they have; what the scaler says of them is scripted. The tests share
one pool, which grows: those of few replicas come first.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from devtools.api.controller_stage import USER
from devtools.api.routes_measures import (
    Mix,
    Pattern,
    measure_shares,
    measure_shifts,
    measure_stale_reads,
    measure_weight_shifts,
    read_eagerly,
)
from devtools.api.routes_stage import NAMESPACE, POOL, RoutesStage, Way, set_routes_stage
from devtools.cluster.addresses import NODE_NAME
from devtools.envoy.weighted_backends import read_many
from readpool.kubernetes.kinds import SERVICE
from tests.e2e.api.stage_or_skip import set_or_skip

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]
MOST_POINTS = 1.0
MOST_SECONDS = 2.0
CHANGES = 10
SMALL, LARGE = (Mix(2, 1), Mix(5, 2), Mix(5, 4, 1)), (Mix(20, 4), Mix(20, 10, 55))
ALL, NONE = range(5), ()
ONE_BY_ONE = [*(range(count) for count in range(6)), *(range(count) for count in range(4, 0, -1))]
PATTERNS = {
    "all lag or none": (ALL, NONE),
    "all lag or all but one": (ALL, range(4), ALL, range(1, 5)),
    "none lags or two": (range(2), NONE),
    "two swap with three": (range(2), range(2, 5)),
    "one by one, and back": ONE_BY_ONE,
    "emptied and filled by others": (range(1), NONE, range(1, 2), ALL, range(2, 4), NONE, range(4, 5), ALL),
    "whoever": [Random(number).sample(ALL, k=number % 6) for number in range(12)],  # noqa: S311 - the same each time
}
BALANCING: dict[str, tuple[dict[str, Any], int | None]] = {
    "weighted": ({"mode": "Weighted", "laggingNodeWeight": 10}, None),
    "weighted, and laggards beside four fresh ones left out": ({"mode": "Weighted", "laggingNodeWeight": 10}, 4),
    "laggards weigh nothing": ({"mode": "Weighted", "laggingNodeWeight": 0}, None),
    "fresh ones only": ({"mode": "FreshOnly"}, None),
}
ROUNDS = int(os.environ.get("READPOOL_CLASS_ROUNDS", "2"))
"""Of each pattern, every other one in haste; more of them for a closer look."""
STALE_REQUESTS = 2000
STALE_REPLICAS = 5


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def routes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RoutesStage]:
    async with set_or_skip(set_routes_stage(tmp_path_factory.mktemp("routes"))) as staged:
        yield staged


@pytest_asyncio.fixture(loop_scope="module")
async def routes_of_zones(tmp_path: Path) -> AsyncIterator[RoutesStage]:
    """Set a stage for those alone who label nodes."""
    async with set_or_skip(set_routes_stage(tmp_path)) as staged:
        yield staged


async def test_readers_follow_the_scaler_within_two_seconds_each_way_and_no_request_fails(routes: RoutesStage) -> None:
    for way in Way:
        shifts = await measure_shifts(routes, way, CHANGES)
        print(f"{way}: {shifts.requests} requests; moved within {[round(one, 3) for one in shifts.seconds]} s")  # noqa: T201
        assert shifts.failures == [], way
        assert max(shifts.seconds) < MOST_SECONDS, (way, shifts.seconds)


async def test_each_of_few_replicas_gets_the_share_of_its_weight_through_a_gateway(routes: RoutesStage) -> None:
    for mix in SMALL:
        points = await measure_shares(routes, mix)
        print(f"{mix}: {points:.2f} points")  # noqa: T201 - figures for whoever runs with -s
        assert points <= MOST_POINTS, mix


async def test_the_weights_of_all_are_with_a_gateway_within_two_seconds(routes: RoutesStage) -> None:
    seconds = await measure_weight_shifts(routes, Mix(5, 2), CHANGES)
    print(f"weights within {[round(one, 3) for one in seconds]} s")  # noqa: T201
    assert max(seconds) < MOST_SECONDS, seconds


@pytest.mark.timeout(900)  # a minute, and more for a closer look
@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("weighted",), id="weighted"),
        pytest.param(
            ("laggards weigh nothing", "weighted, and laggards beside four fresh ones left out", "fresh ones only"),
            id="laggards left out",
            marks=pytest.mark.full,
        ),
    ],
)
async def test_no_eager_reader_fails_through_a_gateway_whatever_classes_empty_and_fill(
    routes: RoutesStage, names: tuple[str, ...]
) -> None:
    for balanced in names:
        balancing, target = BALANCING[balanced]
        for name, turns in PATTERNS.items():
            reads = await read_eagerly(routes, Way.HTTP_ROUTE, Pattern(5, turns, balancing, target), ROUNDS)
            print(f"{balanced}: {name}: {reads}")  # noqa: T201 - figures for whoever runs with -s
            assert reads.failures == {}, (balanced, name, reads)
            assert reads.answered > 100


async def test_nobody_reads_a_stale_ledger_after_the_shift_as_readers_of_a_plain_service_do(
    routes: RoutesStage,
) -> None:
    stale = await measure_stale_reads(routes, STALE_REPLICAS, STALE_REQUESTS)
    print(f"stale of {STALE_REQUESTS} each: {stale}")  # noqa: T201
    assert stale.by_way == dict.fromkeys(Way, 0)
    assert stale.plain > STALE_REQUESTS / STALE_REPLICAS / 2


async def test_each_of_twenty_replicas_gets_the_share_of_its_weight_through_a_gateway(routes: RoutesStage) -> None:
    for mix in LARGE:
        points = await measure_shares(routes, mix)
        print(f"{mix}: {points:.2f} points")  # noqa: T201 - figures for whoever runs with -s
        assert points <= MOST_POINTS, mix


async def test_readers_by_kube_proxy_stay_in_their_zone_while_a_replica_is_fresh_there(
    routes_of_zones: RoutesStage,
) -> None:
    """The reader's node and one replica are in zone a, the other replica is in zone b."""
    routes = routes_of_zones
    kubectl = routes.stage.server.access.kubectl
    await asyncio.to_thread(kubectl, "label", "node", NODE_NAME, "topology.kubernetes.io/zone=a")
    other = {"name": "node2", "labels": {"topology.kubernetes.io/zone": "b"}}
    manifest = {"apiVersion": "v1", "kind": "Node", "metadata": other}
    await asyncio.to_thread(routes.stage.server.access.apply, manifest)
    routes.stage.cluster.nodes = (NODE_NAME, "node2")
    await routes.have_pool(2, has_route=False, mode="FreshOnly")
    connect = await routes.find_way(Way.KUBE_PROXY)
    near, far = routes.addresses

    async def is_read_from(*wanted: str) -> bool:
        answers = await read_many(connect, 50, keeps_open=False)
        return {one.partition(" ")[0] for one in answers} == {*wanted}

    await routes.stage.until(partial(is_read_from, near, far), "readers with both")
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": POOL, "namespace": NAMESPACE}}
    asked = service | {"spec": {"trafficDistribution": "PreferSameZone"}}
    await routes.stage.client.apply(SERVICE, asked, manager=USER)
    for lagging, reads in (((), near), ((near,), far), ((), near)):
        await routes.say(lagging)
        await routes.stage.until(partial(is_read_from, reads), f"readers with {reads} alone")
