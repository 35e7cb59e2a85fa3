"""A port belongs to the pod that has it: a gate that comes or goes changes where new pods answer, and no old one."""

from dataclasses import replace
from typing import Any

import pytest

from controller.cluster.trims import trim_pod
from readpool.kubernetes.kinds import NETWORK_POLICY, SERVICE, ObjectKey
from tests.unit.observed_pools import FRESH, LAGGING
from tests.unit.pool_world import PoolWorld

OPEN, GATED = (
    {"peer": 11625, "info": 11626, "read": 11630},
    {"peer": 11625, "info": 11627, "read": 11628, "stats": 11629},
)
ROUTED: dict[str, Any] = {"loadBalancing": {"enabled": True, "httpRoute": {"parentRefs": [{"name": "edge"}]}}}
OFF, ON = {"gate": {"enabled": False}}, {"gate": {"enabled": True}}


def read_pod_ports(world: PoolWorld) -> dict[str, dict[str, int]]:
    return {
        name: {port["name"]: port["containerPort"] for one in pod["spec"]["containers"] for port in one["ports"]}
        for name, pod in world.pods.items()
    }


def check(world: PoolWorld) -> None:
    """Check that every endpoint is at a port of its pod, the scaler finds each, and the policy lets both in."""
    ports = read_pod_ports(world)
    for service in ("pool", "pool-fresh", "pool-lagging"):
        for one in world.list_slices(service):
            for endpoint in one["endpoints"]:
                name, uid = endpoint["targetRef"]["name"], endpoint["targetRef"]["uid"]
                is_there = name in world.pods and world.pods[name]["metadata"]["uid"] == uid
                assert not is_there or one["ports"][0]["port"] == ports[name]["read"]
    everyone, scaler = world.objects[ObjectKey(NETWORK_POLICY, "default", "pool")]["spec"]["ingress"]
    assert {port["port"] for port in everyone["ports"]} >= {one["read"] for one in ports.values()}
    asked = {port["port"] for port in scaler["ports"]}
    assert asked >= {one[name] for one in ports.values() for name in ("info", "stats") if name in one}
    assert not {port["port"] for port in everyone["ports"]} & {11626}
    nodes = world.objects[ObjectKey(SERVICE, "default", "pool-nodes")]["spec"]["ports"]
    assert all(port["targetPort"] == port["name"] for port in nodes)
    assert {port["name"] for port in nodes} >= {name for one in ports.values() for name in one} - {"read"}


@pytest.mark.parametrize(("before", "after", "last"), [(OFF, ON, GATED), (ON, OFF, OPEN)], ids=["on", "off"])
def test_a_gate_that_is_switched_leads_readers_past_nobody(
    before: dict[str, Any], after: dict[str, Any], last: dict[str, int]
) -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, LAGGING, **(before | ROUTED))
    world.settings = replace(world.settings, gate_image="envoy:1")
    world.rest()
    world.change(**after)
    roll(world)
    assert read_pod_ports(world) == dict.fromkeys(world.pods, last)


def test_so_does_an_image_that_the_installation_names() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, **ROUTED)
    assert read_pod_ports(world) == dict.fromkeys(world.pods, OPEN)
    world.settings = replace(world.settings, gate_image="envoy:1")
    roll(world)
    assert read_pod_ports(world) == dict.fromkeys(world.pods, GATED)


def roll(world: PoolWorld) -> None:
    for _ in range(20):
        world.now += 5
        world.see_stateful_set()
        for write in world.list_writes(world.plan()):
            write()
            check(world)
        assert len(world.read_endpoints()) >= 2
        world.settle()
        world.say(*[FRESH] * len(world.pods))
        world.see_stateful_set()
    assert world.plan().is_empty
    check(world)
    ports = world.objects[ObjectKey(NETWORK_POLICY, "default", "pool")]["spec"]["ingress"][1]["ports"]
    assert len(ports) <= 2  # nothing of before stays open


def test_the_named_ports_of_a_pod_are_kept() -> None:
    container = {"name": "gate", "image": "x", "ports": [{"name": "read", "containerPort": 1, "protocol": "TCP"}]}
    pod = trim_pod({"metadata": {"name": "pool-0"}, "spec": {"containers": [container], "nodeName": "a"}})
    assert pod["spec"] == {
        "nodeName": "a",
        "containers": [{"name": "gate", "ports": [{"name": "read", "containerPort": 1}]}],
    }
