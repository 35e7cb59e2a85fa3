"""The simulated fleet on real sockets: what a poller meets when nodes are well, stopped, stuck, dead or new."""

import asyncio
import json
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from readpool.simulator.fleet import FleetSettings, SimulatedFleet, start_fleet
from readpool.simulator.network import NetworkSettings
from readpool.simulator.node import NodeSettings
from readpool.simulator.stateful_fleet import StatefulFleet

FAST = FleetSettings(
    nodes=3,
    speed=50.0,
    network=NetworkSettings(ledger_seconds=1.0, checkpoint_ledgers=8),
    node=NodeSettings(bucket_seconds=5.0),
)


@pytest.fixture
async def fleet() -> AsyncIterator[SimulatedFleet]:
    async with await start_fleet(FAST) as running:
        yield running


async def exchange(address: str, request: bytes, timeout_seconds: float = 3.0) -> bytes:
    host, _, port = address.removeprefix("http://").partition(":")
    async with asyncio.timeout(timeout_seconds):
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(request)
            return await reader.read()
        finally:
            writer.close()


async def fetch_info(fleet: StatefulFleet, name: str, timeout_seconds: float = 3.0) -> dict[str, Any]:
    answer = await exchange(fleet.addresses()[name], b"GET /info HTTP/1.1\r\nHost: x\r\n\r\n", timeout_seconds)
    info: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])["info"]
    return info


async def wait_until(condition: Callable[[], Awaitable[bool]], what: str, deadline_seconds: float = 30.0) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_seconds
    while not await condition():
        assert loop.time() < end, f"not within {deadline_seconds} s: {what}"
        await asyncio.sleep(0.02)


async def test_an_answer_has_cores_headers_and_ends_with_the_connection(fleet: SimulatedFleet) -> None:
    answer = await exchange(fleet.addresses()["pool-0"], b"GET /info HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head == b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\nContent-Type: application/json" % len(body)
    assert body.startswith(b'{\n   "info" : {\n      "build" : "v22')


@pytest.mark.parametrize(
    ("request_bytes", "status", "content_type", "body_start"),
    [
        pytest.param(
            b"GET /info?x=1 HTTP/1.1\r\n\r\n", b"200 OK", b"application/json", b"{\n", id="a query is ignored"
        ),
        pytest.param(b"GET /nosuch HTTP/1.1\r\n\r\n", b"404 Not Found", b"text/html", b"<b>Welcome", id="unknown path"),
        pytest.param(b"GET /info/ HTTP/1.1\r\n\r\n", b"404 Not Found", b"text/html", b"<b>Welcome", id="slash"),
        pytest.param(b"GET /tx HTTP/1.1\r\n\r\n", b"200 OK", b"application/json", b'{"exception": "Must', id="error"),
        pytest.param(b"nonsense\r\n\r\n", b"404 Not Found", b"text/html", b"<b>Welcome", id="nonsense"),
        pytest.param(
            b"POST /info HTTP/1.1\r\nContent-Length: 3\r\n\r\na=b", b"200 OK", b"application/json", b"{\n", id="post"
        ),
    ],
)
async def test_each_request_is_answered_as_core_does(
    fleet: SimulatedFleet, request_bytes: bytes, status: bytes, content_type: bytes, body_start: bytes
) -> None:
    answer = await exchange(fleet.addresses()["pool-0"], request_bytes)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 " + status)
    assert head.endswith(b"Content-Type: " + content_type)
    assert body.startswith(body_start)


async def test_a_stopped_node_is_connected_to_and_silent_until_it_goes_on(fleet: SimulatedFleet) -> None:
    before = await fetch_info(fleet, "pool-1")
    await fleet.stop("pool-1")
    with pytest.raises(TimeoutError):
        await fetch_info(fleet, "pool-1", timeout_seconds=0.3)
    waiting = asyncio.create_task(fetch_info(fleet, "pool-1"))
    tip = fleet.tip()
    await fleet.resume("pool-1")
    after = await waiting
    assert before["ledger"]["num"] <= after["ledger"]["num"] < tip
    assert after["quorum"]["qset"]["ledger"] == after["ledger"]["num"] - 1


async def test_a_hanging_node_follows_the_network_but_never_answers(fleet: SimulatedFleet) -> None:
    await fleet.hang("pool-1")
    with pytest.raises(TimeoutError):
        await fetch_info(fleet, "pool-1", timeout_seconds=0.2)
    await fleet.unhang("pool-1")
    assert fleet.tip() - (await fetch_info(fleet, "pool-1"))["ledger"]["num"] <= 1


async def test_a_dead_node_refuses_and_comes_back_on_its_port(fleet: SimulatedFleet) -> None:
    addresses = fleet.addresses()
    await fleet.die("pool-2")
    with pytest.raises(ConnectionRefusedError):
        await fetch_info(fleet, "pool-2")
    await fleet.revive("pool-2")
    assert fleet.addresses() == addresses
    assert (await fetch_info(fleet, "pool-2"))["state"] in {"Booting", "Connected", "Synced!"}


async def test_a_restarted_node_is_synced_again(fleet: SimulatedFleet) -> None:
    started_on = (await fetch_info(fleet, "pool-0"))["startedOn"]
    await fleet.restart("pool-0")

    async def is_synced() -> bool:
        return bool((await fetch_info(fleet, "pool-0"))["state"] == "Synced!")

    await wait_until(is_synced, "pool-0 is synced after its restart")
    assert (await fetch_info(fleet, "pool-0"))["startedOn"] > started_on


async def test_a_newcomer_catches_up_and_the_highest_leaves_first(fleet: SimulatedFleet) -> None:
    await fleet.scale(4)
    assert fleet.names() == ("pool-0", "pool-1", "pool-2", "pool-3")
    assert (await fetch_info(fleet, "pool-3"))["ledger"]["closeTime"] == 0

    async def has_caught_up() -> bool:
        return fleet.tip() - int((await fetch_info(fleet, "pool-3"))["ledger"]["num"]) <= 1

    await wait_until(has_caught_up, "pool-3 has caught up")
    gone = fleet.addresses()["pool-3"]
    await fleet.scale(3)
    assert fleet.names() == ("pool-0", "pool-1", "pool-2")
    with pytest.raises(ConnectionRefusedError):
        await exchange(gone, b"GET /info HTTP/1.1\r\n\r\n")


async def test_nobody_closes_a_ledger_while_the_network_is_halted(fleet: SimulatedFleet) -> None:
    await fleet.halt()
    tip = fleet.tip()

    async def all_say_so() -> bool:
        infos = [await fetch_info(fleet, name) for name in fleet.names()]
        return all(info["state"] == "Joining SCP" and info["ledger"]["num"] == tip for info in infos)

    await wait_until(all_say_so, "all are Joining SCP at the tip")
    await fleet.unhalt()

    async def all_go_on() -> bool:
        infos = [await fetch_info(fleet, name) for name in fleet.names()]
        return all(info["state"] == "Synced!" and info["ledger"]["num"] > tip for info in infos)

    await wait_until(all_go_on, "all go on")


async def test_a_node_without_time_for_ledgers_falls_behind_saying_synced(fleet: SimulatedFleet) -> None:
    await fleet.load("pool-0", 1.0)

    async def lags() -> bool:
        return fleet.tip() - int((await fetch_info(fleet, "pool-0"))["ledger"]["num"]) > 10

    await wait_until(lags, "pool-0 lags")
    info = await fetch_info(fleet, "pool-0")
    assert info["state"] == "Synced!"
    assert info["quorum"]["qset"]["ledger"] > info["ledger"]["num"]


async def test_a_liar_and_a_foreigner_are_believable(fleet: SimulatedFleet) -> None:
    await fleet.lie("pool-0", 100_000)
    await fleet.defect("pool-1", "Public Global Stellar Network ; September 2015")
    liar, foreigner = await fetch_info(fleet, "pool-0"), await fetch_info(fleet, "pool-1")
    assert liar["ledger"]["num"] > fleet.tip() + 90_000
    assert (liar["state"], liar["ledger"]["age"]) == ("Synced!", 0)
    assert foreigner["network"] == "Public Global Stellar Network ; September 2015"


async def test_a_name_that_is_not_in_the_fleet_is_refused_with_those_that_are(fleet: SimulatedFleet) -> None:
    with pytest.raises(KeyError, match=r"pool-9.*pool-0, pool-1, pool-2"):
        await fleet.stop("pool-9")


async def test_nodes_can_share_a_port_on_addresses_of_their_own() -> None:
    async with await start_fleet(FleetSettings(nodes=1)) as other:
        port = int(other.addresses()["pool-0"].rpartition(":")[2])
    async with await start_fleet(FleetSettings(nodes=3, shared_port=port)) as fleet:
        assert list(fleet.addresses().values()) == [f"http://127.0.0.{n}:{port}" for n in (2, 3, 4)]
        assert (await fetch_info(fleet, "pool-2"))["state"] == "Synced!"


async def test_a_port_that_is_taken_is_an_error(fleet: SimulatedFleet) -> None:
    taken = int(fleet.addresses()["pool-1"].rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        await start_fleet(FleetSettings(nodes=2, base_port=taken))


async def test_two_hundred_nodes_answer_a_poll_each_in_one_process() -> None:
    async with await start_fleet(FleetSettings(nodes=200)) as fleet:
        before = resource.getrusage(resource.RUSAGE_SELF)
        infos = await asyncio.gather(*(fetch_info(fleet, name, 10.0) for name in fleet.names()))
        after = resource.getrusage(resource.RUSAGE_SELF)
        assert {info["state"] for info in infos} == {"Synced!"}
        assert after.ru_utime - before.ru_utime < 2.0
