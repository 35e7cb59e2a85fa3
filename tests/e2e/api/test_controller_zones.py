"""Zones on a real API server: nodes with topology labels, endpoints in their zones, and hints for kube-proxy."""

import asyncio
from typing import Any

import pytest

from devtools.api.controller_stage import USER, ControllerStage
from devtools.api.running_pool import BALANCED, running_pool
from readpool.kubernetes.kinds import ENDPOINT_SLICE, SERVICE

pytestmark = pytest.mark.timeout(180)
ZONES = {"zoned-0": "eu-1a", "zoned-1": "eu-1b", "zoned-2": "eu-1c"}
DISTRIBUTIONS = [
    pytest.param("PreferClose", [], id="PreferClose"),
    pytest.param("PreferSameZone", [], id="PreferSameZone"),
    pytest.param("PreferSameNode", ["forNodes"], id="PreferSameNode"),
]


async def have_nodes(stage: ControllerStage) -> None:
    """Place the pool's pods in turn on nodes in zones."""
    for name, zone in ZONES.items():
        metadata = {"name": name, "labels": {"topology.kubernetes.io/zone": zone}}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": metadata}
        await asyncio.to_thread(stage.server.access.apply, node)
    stage.cluster.nodes = tuple(ZONES)


async def read_endpoints(stage: ControllerStage) -> dict[str, dict[str, Any]]:
    """Read the endpoints of the pool's own Service by their pods."""
    slices, _ = await stage.client.list(ENDPOINT_SLICE, stage.namespace, selector="kubernetes.io/service-name=pool")
    return {endpoint["targetRef"]["name"]: endpoint for one in slices for endpoint in one["endpoints"]}


async def set_distribution(stage: ControllerStage, distribution: str | None) -> None:
    """Set the read Service's trafficDistribution as a user does; None takes it away."""
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "pool", "namespace": stage.namespace}}
    spec = {"spec": {"trafficDistribution": distribution}} if distribution else {}
    await stage.client.apply(SERVICE, service | spec, manager=USER)


async def test_endpoints_are_in_the_zones_of_their_nodes(stage: ControllerStage) -> None:
    await have_nodes(stage)
    async with running_pool(stage):
        endpoints = await read_endpoints(stage)
        assert {pod: (one["nodeName"], one["zone"]) for pod, one in endpoints.items()} == {
            f"pool-{ordinal}": list(ZONES.items())[ordinal % len(ZONES)] for ordinal in range(5)
        }
        assert not any("hints" in one for one in endpoints.values())


@pytest.mark.parametrize(("distribution", "more"), DISTRIBUTIONS)
async def test_endpoints_get_hints_while_the_service_asks_for_them(
    stage: ControllerStage, distribution: str, more: list[str]
) -> None:
    await have_nodes(stage)
    async with running_pool(stage):
        await set_distribution(stage, distribution)

        async def have_hints() -> bool:
            hinted = (await read_endpoints(stage)).values()
            wanted = [
                {"forZones": [{"name": one["zone"]}]} | {name: [{"name": one["nodeName"]}] for name in more}
                for one in hinted
            ]
            return [one.get("hints") for one in hinted] == wanted

        await stage.until(have_hints, f"hints of {distribution}")
        await stage.say(classes={"pool-4": "lagging"})  # a replica that moves takes its hints along
        await stage.until_weights({f"pool-{ordinal}": 100 for ordinal in range(4)} | {"pool-4": 10})
        await stage.until(have_hints, "hints in the other slice")
        assert (await stage.read(SERVICE, "pool"))["spec"]["trafficDistribution"] == distribution
        await set_distribution(stage, None)

        async def have_none() -> bool:
            return not any("hints" in one for one in (await read_endpoints(stage)).values())

        await stage.until(have_none, "no hints")
        await stage.until_quiet()


async def test_without_zones_there_is_nothing_to_hint_at(stage: ControllerStage) -> None:
    async with running_pool(stage, **BALANCED):
        await set_distribution(stage, "PreferSameZone")
        await stage.until_quiet()
        endpoints = await read_endpoints(stage)
        assert len(endpoints) == 5
        assert not any("hints" in one or "zone" in one for one in endpoints.values())
