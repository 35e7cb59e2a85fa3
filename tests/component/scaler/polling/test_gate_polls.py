"""Gates that tell of readers, polled beside the nodes: found by DNS or by number, and never at the nodes' cost."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from readpool.replica_class import ReplicaClass
from scaler.fleet.readers import find_rates
from scaler.fleet.request_figures import compute_latency_p90
from scaler.fleets.watched_fleet import WatchedFleet
from scaler.triggers.poll_settings import PollSettings
from tests.component.fake_dns import FakeDns, run_dns
from tests.component.hostile_servers import Handler, answering, build_answer, close_at_once, hang, run_node
from tests.component.scaler.polling.fake_gates import run_gates
from tests.component.scaler.polling.polling import (
    FAST,
    HonestNode,
    build_service_spec,
    build_spec,
    classes,
    run_fleets,
    wait_until,
)

SERVICE = "reads-nodes.stellar.svc.cluster.local."
FRESH = ReplicaClass.FRESH


def rates(fleet: WatchedFleet) -> dict[str, float]:
    """Return the requests/s of each replica, once they are known of all that serve."""
    return find_rates(fleet.snapshot.replicas) or {}


def name_ports(server: FakeDns, port: str, *urls: str) -> None:
    """Make DNS name one port of each pod of the Service."""
    ports = [int(url.rpartition(":")[2]) for url in urls]
    pods = [f"reads-{number}.{SERVICE}" for number in range(len(ports))]
    server.records[f"_{port}._tcp.{SERVICE}", "SRV"] = [
        f"0 50 {number} {pod}" for number, pod in zip(ports, pods, strict=True)
    ]
    server.additional = [(pod, "A", "127.0.0.1") for pod in pods]


@contextlib.asynccontextmanager
async def run_pods(count: int) -> AsyncIterator[tuple[FakeDns, PollSettings, list[HonestNode]]]:
    """Run nodes that DNS names as the pods of a Service, for as long as the block runs."""
    nodes = [HonestNode() for _ in range(count)]
    async with run_dns() as server, contextlib.AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(run_node(node.handler)) for node in nodes]
        name_ports(server, "info", *urls)
        yield server, replace(FAST, dns_server=("127.0.0.1", server.port)), nodes


async def test_the_gates_of_a_service_are_found_by_their_port_and_tell_of_readers() -> None:
    async with run_pods(2) as (server, settings, _), run_gates(40.0, 80.0, failing=0.25) as gates:
        name_ports(server, "stats", *(gate.url for gate in gates))
        async with run_fleets(settings) as running:
            fleet = running.fleets.watch(build_service_spec("reads-nodes", "info", stats_port="stats"))
            await wait_until(lambda: rates(fleet))
            assert rates(fleet) == {"reads-0": pytest.approx(40.0, rel=0.2), "reads-1": pytest.approx(80.0, rel=0.2)}
            figures = fleet.snapshot.replicas[1].requests
            assert figures is not None
            assert figures.error_percent == pytest.approx(25.0, abs=2.0)
            assert compute_latency_p90((figures,)) == pytest.approx(9.5)
            assert {line for gate in gates for line in gate.asked} == {"GET /stats/prometheus HTTP/1.1"}
            polls = running.fleets.stats.gate_polls
            assert list(polls) == ["Answered"]


async def test_what_was_learned_sizes_the_pool_by_what_the_gates_tell() -> None:
    async with run_pods(2) as (server, settings, _), run_gates(40.0, 80.0) as gates:
        name_ports(server, "stats", *(gate.url for gate in gates))
        spec = build_service_spec("reads-nodes", "info", stats_port="stats", learned_requests_per_replica=20.0)
        async with run_fleets(settings) as running:
            fleet = running.fleets.watch(spec)
            await wait_until(lambda: fleet.snapshot.decision.replicas_for_load)
            assert fleet.snapshot.decision.replicas_for_load in range(6, 10)  # 120 requests/s, at 85 % of 20


async def test_where_dns_names_no_gates_none_is_polled_and_nothing_is_said() -> None:
    async with run_pods(2) as (_, settings, _nodes), run_fleets(settings) as running:
        fleet = running.fleets.watch(build_service_spec("reads-nodes", "info", stats_port="stats"))
        await wait_until(lambda: classes(fleet) == [FRESH, FRESH] and fleet.snapshot.decision.desired == 3)
        await asyncio.sleep(4 * settings.interval_seconds)
        assert not running.fleets.stats.gate_polls
        assert {line["log_level"] for line in running.lines} == {"info"}
        assert not [line for line in running.lines if "gate" in line["event"].lower()]
        assert rates(fleet) == {}


async def test_gates_that_come_later_are_found_and_those_that_go_are_left_alone() -> None:
    async with run_pods(1) as (server, settings, _), run_gates(50.0) as (gate,), run_fleets(settings) as running:
        fleet = running.fleets.watch(build_service_spec("reads-nodes", "info", stats_port="stats"))
        await wait_until(lambda: classes(fleet) == [FRESH])
        name_ports(server, "stats", gate.url)
        await wait_until(lambda: rates(fleet))
        del server.records[f"_stats._tcp.{SERVICE}", "SRV"]
        await wait_until(lambda: not rates(fleet))
        asked = len(gate.asked)
        await asyncio.sleep(3 * settings.interval_seconds)
        assert len(gate.asked) <= asked + 1
        assert classes(fleet) == [FRESH]


async def test_by_a_number_gates_are_asked_at_the_nodes_own_addresses() -> None:
    async with run_node(HonestNode().handler) as url, run_gates(30.0) as (gate,), run_fleets() as running:
        fleet = running.fleets.watch(build_spec(url, stats_port=gate.port))
        await wait_until(lambda: rates(fleet))
        assert rates(fleet) == {url.removeprefix("http://"): pytest.approx(30.0, rel=0.2)}


async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer as something that is no gate."""
    await answering(build_answer(b"no such page", status="404 Not Found"))(reader, writer)


BAD: dict[str, Handler] = {
    "hangs": hang,
    "closes": close_at_once,
    "is none": refuse,
    "says nothing of readers": answering(build_answer(b"envoy_server_live{} 1\n")),
    "says too much": answering(build_answer(b"# " + b"x" * 300_000)),
}


@pytest.mark.parametrize("handler", BAD.values(), ids=BAD.keys())
async def test_a_gate_that_is_of_no_use_costs_the_replica_nothing(handler: Handler) -> None:
    async with run_node(HonestNode().handler) as url, run_node(handler) as gate, run_fleets() as running:
        fleet = running.fleets.watch(build_spec(url, stats_port=int(gate.rpartition(":")[2])))
        await wait_until(lambda: sum(running.fleets.stats.gate_polls.values()) >= 4)
        assert not running.fleets.stats.gate_polls["Answered"]
        assert classes(fleet) == [FRESH]
        assert fleet.snapshot.replicas[0].standing.failed_polls == 0
        assert fleet.snapshot.decision.desired is not None
        assert rates(fleet) == {}
        assert running.lines_of("pollFault") == []


async def test_a_gate_is_polled_once_however_many_fleets_name_it_and_not_after_them() -> None:
    settings = replace(FAST, lease_seconds=5.0)
    async with run_node(HonestNode().handler) as url, run_gates(30.0) as (gate,), run_fleets(settings) as running:
        fleets = [running.fleets.watch(build_spec(url, namespace=n, stats_port=gate.port)) for n in "ab"]
        await wait_until(lambda: all(rates(fleet) for fleet in fleets))
        assert len(gate.asked) <= running.fleets.stats.polls["Answered"] + 1
        await wait_until(lambda: not running.fleets.all())
        asked = len(gate.asked)
        await asyncio.sleep(3 * FAST.interval_seconds)
        assert len(gate.asked) <= asked + 1


async def test_more_gates_than_a_scaler_polls_are_said_once_and_the_nodes_are_observed() -> None:
    settings = replace(FAST, max_nodes=2)
    async with (
        run_node(HonestNode().handler) as url,
        run_gates(30.0, 30.0, 30.0) as gates,
        run_fleets(settings) as running,
    ):
        fleets = [running.fleets.watch(build_spec(url, stats_port=gate.port)) for gate in gates]
        await wait_until(lambda: all(classes(fleet) == [FRESH] for fleet in fleets))
        await wait_until(lambda: rates(fleets[0]) and rates(fleets[1]))
        assert [(line["fleet"], line["limit"]) for line in running.lines_of("gatesRefused")] == [(fleets[2].name, 2)]
        assert gates[2].asked == []
        assert rates(fleets[2]) == {}


async def test_a_restarted_gate_never_makes_the_rate_absurd() -> None:
    async with run_node(HonestNode().handler) as url, run_gates(60.0) as (gate,), run_fleets() as running:
        fleet = running.fleets.watch(build_spec(url, stats_port=gate.port))
        for _ in range(2):
            await wait_until(lambda: rates(fleet))
            seen = list(rates(fleet).values())
            gate.restart()
            await wait_until(lambda: not rates(fleet))
            await wait_until(lambda: rates(fleet))
            seen += rates(fleet).values()
            assert seen == [pytest.approx(60.0, rel=0.2)] * 2
