"""In which order slices are written when classes change, as a watch of a real API server sees it, and who goes by that.

kube-proxy, Istio and Envoy merge the slices of a Service. Linkerd keeps a Service's endpoints by their pods: whoever
leaves a slice is out, whatever other slice has it by then, until that one is written again. docs/routing.md says so.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from devtools.api.controller_stage import ControllerStage
from devtools.api.running_pool import BALANCED, FRESH, running_pool
from readpool.kubernetes.kinds import ENDPOINT_SLICE, HTTP_ROUTE
from tests.e2e.api.open_definitions import install, remove

pytestmark = pytest.mark.timeout(180)
ROUTED: dict[str, Any] = {
    "loadBalancing": {"enabled": True, "httpRoute": {"parentRefs": [{"name": "edge"}]}},
    "version": "v23.0.0",
}
PODS = frozenset(FRESH)
LAGGARDS = [frozenset({"pool-4"}), PODS]


@dataclass
class Watched:
    """The slices of each Service as a watch tells of them.

    Attributes:
        order: of events, as "TYPE NAME".
        by_slice: what each slice has.
        by_pod: who is in a Service by the books of somebody who goes by pods alone.
        fewest: how many were in a Service at the least, by its slices.
    """

    order: list[str] = field(default_factory=list)
    by_slice: defaultdict[str, dict[str, frozenset[str]]] = field(default_factory=lambda: defaultdict(dict))
    by_pod: defaultdict[str, frozenset[str]] = field(default_factory=lambda: defaultdict(frozenset))
    fewest: dict[str, int] = field(default_factory=dict)

    def note(self, change: str, manifest: dict[str, Any]) -> None:
        name, service = manifest["metadata"]["name"], manifest["metadata"]["labels"]["kubernetes.io/service-name"]
        members = frozenset(one["targetRef"]["name"] for one in manifest["endpoints"] or ())
        slices = self.by_slice[service]
        left, joined = slices.pop(name, frozenset()), members if change != "DELETED" else frozenset()
        if joined:
            slices[name] = joined
        self.by_pod[service] = self.by_pod[service] - left | joined
        self.fewest[service] = min(self.fewest.get(service, len(PODS)), len(self.list_members(service)))
        self.order.append(f"{change} {name}")

    def list_members(self, service: str) -> frozenset[str]:
        """List who is in a Service, by its slices."""
        return frozenset().union(*self.by_slice[service].values())


@contextlib.asynccontextmanager
async def watching(stage: ControllerStage) -> AsyncIterator[Watched]:
    """Watch the namespace's slices during the block, and to the end of what was written in it."""
    watched = Watched()
    slices, version = await stage.client.list(ENDPOINT_SLICE, stage.namespace)
    for one in slices:
        watched.note("ADDED", one)
    watched.order.clear()
    watched.fewest.clear()

    async def follow() -> None:
        async for change, manifest in stage.client.watch(ENDPOINT_SLICE, stage.namespace, version):
            if change != "BOOKMARK":
                watched.note(change, manifest)

    following = asyncio.create_task(follow())
    try:
        yield watched
        await stage.until_quiet()
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


@pytest_asyncio.fixture
async def routes(stage: ControllerStage) -> AsyncIterator[None]:
    await remove(stage.client, HTTP_ROUTE)
    await install(stage.client, HTTP_ROUTE)
    yield
    await remove(stage.client, HTTP_ROUTE)


async def test_a_replica_joins_its_new_slice_before_it_leaves_the_old_one(stage: ControllerStage) -> None:
    async with running_pool(stage, **BALANCED):
        async with watching(stage) as watched:
            await lag(stage, {"pool-4"})
        assert watched.order == ["ADDED pool-lagging-0", "MODIFIED pool-fresh-0"]
        assert watched.fewest == {"pool": len(PODS)}
        assert watched.list_members("pool") == PODS
        assert watched.by_pod["pool"] == PODS - {"pool-4"}  # what Linkerd has of it: why docs say to use httpRoute
        async with watching(stage) as watched:
            await lag(stage, ())
        assert watched.order == ["MODIFIED pool-fresh-0", "DELETED pool-lagging-0"]
        assert watched.fewest == {"pool": len(PODS)}


@pytest.mark.usefixtures("routes")
@pytest.mark.parametrize("laggards", LAGGARDS, ids=["one", "all"])
async def test_with_a_route_no_service_of_a_class_has_a_replica_in_two_slices(
    stage: ControllerStage, laggards: frozenset[str]
) -> None:
    async with running_pool(stage, **ROUTED):
        async with watching(stage) as watched:
            for turn in (laggards, frozenset[str](), laggards):
                await lag(stage, turn)
                await stage.until_quiet()
        for service in ("pool-fresh", "pool-lagging"):
            assert watched.by_pod[service] == watched.list_members(service), (service, watched.order)
        assert watched.list_members("pool-lagging") == laggards
        assert watched.list_members("pool-fresh") >= PODS - laggards


async def lag(stage: ControllerStage, names: Sequence[str] | frozenset[str] | set[str]) -> None:
    """Make the scaler report that these lag, and wait until weights say so."""
    await stage.say(classes=dict.fromkeys(names, "lagging"), lags=dict.fromkeys(names, 500))
    await stage.until_weights(FRESH | dict.fromkeys(names, 10))
