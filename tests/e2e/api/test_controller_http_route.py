"""The HTTPRoute of a pool, by the Gateway API's own definition, which comes and goes while the controller runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from controller.resources.http_route import build_http_route
from devtools.api.controller_stage import USER, ControllerStage
from devtools.api.gateway_definitions import read_definition, read_http_route_definition
from devtools.api.running_pool import FRESH, has_replicas
from devtools.machine.needs import UnmetNeedError
from devtools.strictness import skip_or_fail
from readpool.kubernetes.kinds import ENDPOINT_SLICE, HTTP_ROUTE, POOL, SERVICE, Kind
from readpool.pool.spec import parse_pool
from tests.e2e.api.open_definitions import remove

pytestmark = pytest.mark.timeout(180)
ROUTED: dict[str, Any] = {
    "loadBalancing": {"enabled": True, "httpRoute": {"parentRefs": [{"name": "edge"}]}},
    "version": "v23.0.0",
}
GATEWAY = Kind(HTTP_ROUTE.group, "v1", "gateways", "Gateway")
LAGS: dict[str, Any] = {"classes": {"pool-4": "lagging"}, "lags": {"pool-4": 3000}}


@pytest_asyncio.fixture(autouse=True)
async def without_routes(stage: ControllerStage) -> AsyncIterator[None]:
    await remove(stage.client, HTTP_ROUTE)
    yield
    await remove(stage.client, HTTP_ROUTE)


async def define_routes(stage: ControllerStage) -> None:
    """Serve HTTPRoutes."""
    try:
        definition = await asyncio.to_thread(read_http_route_definition)
    except UnmetNeedError as error:
        skip_or_fail(str(error))
    await asyncio.to_thread(stage.server.access.kubectl, "apply", "--server-side", "-f", "-", stdin=definition)
    await stage.until(lambda: stage.client.serves(HTTP_ROUTE), "HTTPRoutes to be served")


FOLDER = Path(__file__).resolve().parents[3] / "examples"
EXAMPLES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("readonlypool-*.yaml"))}


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())
async def test_the_examples_are_taken_and_so_are_their_routes(stage: ControllerStage, example: str) -> None:
    await define_routes(stage)
    kubectl = stage.server.access.kubectl
    kubectl("apply", "--server-side", "-f", "-", stdin=await asyncio.to_thread(read_definition, "gateways"))
    await stage.until(lambda: stage.client.serves(GATEWAY), "Gateways to be served")
    parts = [part for part in yaml.safe_load_all(example) if part]
    for part in parts:
        part["metadata"]["namespace"] = stage.namespace
        kubectl("create", "-f", "-", stdin=yaml.safe_dump(part))
    names = [part["metadata"]["name"] for part in parts if part["kind"] == POOL.name]
    assert names
    for name in names:
        pool = parse_pool(await stage.read(POOL, name))
        asked = pool.spec.load_balancing.http_route
        if asked is not None:
            await stage.client.apply(HTTP_ROUTE, build_http_route(pool, asked, ()), manager=USER)
    await remove(stage.client, GATEWAY)


async def read_backends(stage: ControllerStage) -> dict[str, tuple[int, list[str]]]:
    """Read where a gateway sends readers: weight and pods of each Service of the route; nothing without a route."""
    route = await stage.get(HTTP_ROUTE, "pool")
    if route is None:
        return {}
    slices, _ = await stage.client.list(ENDPOINT_SLICE, stage.namespace)
    (rule,) = route["spec"]["rules"]
    members: dict[str, list[str]] = {one["name"]: [] for one in rule["backendRefs"]}
    for one in slices:
        service = one["metadata"]["labels"]["kubernetes.io/service-name"]
        members.get(service, []).extend(sorted(endpoint["targetRef"]["name"] for endpoint in one["endpoints"]))
    return {one["name"]: (one["weight"], members[one["name"]]) for one in rule["backendRefs"]}


async def until_backends(stage: ControllerStage, fresh: tuple[int, int], lagging: tuple[int, int]) -> None:
    """Wait until the classes have these weights and so many pods."""

    async def hold() -> bool:
        found = await read_backends(stage)
        told = {name: (weight, len(pods)) for name, (weight, pods) in found.items()}
        return told == {"pool-fresh": fresh, "pool-lagging": lagging}

    await stage.until(hold, f"fresh {fresh}, lagging {lagging}")


@contextlib.asynccontextmanager
async def run_routed(stage: ControllerStage) -> AsyncIterator[None]:
    """Run a controller, with a pool of five fresh replicas that asks for a route, during the block."""
    async with stage.controller(check_seconds=0.3):
        await stage.apply(**ROUTED)
        await stage.until(lambda: has_replicas(stage, 5), "a StatefulSet")
        await stage.cluster.run_pods("pool")
        await stage.say()
        await stage.until_weights(dict(FRESH))
        yield


async def test_a_route_is_written_once_the_kind_comes_and_said_to_be_missing_until_then(
    stage: ControllerStage,
) -> None:
    async with run_routed(stage):
        await stage.until_condition("Routing", status="False", reason="GatewayApiMissing")
        assert await stage.get(SERVICE, "pool-fresh") is None
        await define_routes(stage)
        await until_backends(stage, (500, 5), (0, 0))
        await stage.until_condition("Routing", status="True", reason="WeightedByFreshness")
        await stage.until_quiet()
        await remove(stage.client, HTTP_ROUTE)
        await stage.until_condition("Routing", status="False", reason="GatewayApiMissing")
        await stage.until_weights(dict(FRESH))
        await define_routes(stage)
        await until_backends(stage, (500, 5), (0, 0))


async def test_a_route_follows_freshness_and_leaves_what_a_user_has_added(stage: ControllerStage) -> None:
    await define_routes(stage)
    async with run_routed(stage):
        await until_backends(stage, (500, 5), (0, 0))
        theirs = {"metadata": {"name": "pool", "namespace": stage.namespace}, "spec": {"hostnames": ["reads.test"]}}
        head = {"apiVersion": HTTP_ROUTE.api_version, "kind": HTTP_ROUTE.name}
        await stage.client.apply(HTTP_ROUTE, head | theirs, manager=USER)
        await stage.until_quiet()
        before = len(stage.relay.writes)
        await stage.say(**LAGS, tip=5000)
        await until_backends(stage, (400, 4), (10, 1))
        await stage.until_quiet()
        written = [one.path.rpartition("/")[2] for one in stage.relay.writes[before:] if is_of_route(one.path)]
        assert written == ["pool-lagging-lagging-0", "pool", "pool-fresh-fresh-0"]
        await stage.say(tip=5001)
        await until_backends(stage, (500, 5), (0, 1))  # a class that empties keeps its last one, at no weight
        assert (await stage.read(HTTP_ROUTE, "pool"))["spec"]["hostnames"] == ["reads.test"]


async def test_a_route_that_is_no_longer_asked_for_goes_with_its_services(stage: ControllerStage) -> None:
    await define_routes(stage)
    async with run_routed(stage):
        await until_backends(stage, (500, 5), (0, 0))
        await stage.client.merge(
            POOL, stage.namespace, "pool", {"spec": {"loadBalancing": {"httpRoute": None}}}, manager=USER
        )

        async def are_gone() -> bool:
            return await stage.get(HTTP_ROUTE, "pool") is None and await stage.get(SERVICE, "pool-lagging") is None

        await stage.until(are_gone, "the route and its Services to go")
        await stage.until_weights(dict(FRESH))


async def test_twenty_changes_of_class_write_at_most_two_slices_each_of_the_route(stage: ControllerStage) -> None:
    await define_routes(stage)
    async with run_routed(stage):
        await until_backends(stage, (500, 5), (0, 0))
        await stage.until_quiet()
        before = len(stage.relay.writes)
        for turn in range(10):
            await stage.say(**LAGS, tip=5000 + turn)
            await until_backends(stage, (400, 4), (10, 1))
            await stage.say(tip=5000 + turn)
            await until_backends(stage, (500, 5), (0, 1))
        await stage.until_quiet()
        written = [one.path for one in stage.relay.writes[before:] if is_of_route(one.path)]
        assert sum("/endpointslices/" in path for path in written) <= 40
        assert sum("/httproutes/" in path for path in written) == 20


def is_of_route(path: str) -> bool:
    """Return whether a write is of the route or of a slice of its Services."""
    return "/httproutes/" in path or "/pool-fresh-fresh-" in path or "/pool-lagging-lagging-" in path
