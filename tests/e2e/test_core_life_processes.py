"""Real processes of the simulated Core: whom they follow, how they start, and how signals end them."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator

import psutil
import pytest
import pytest_asyncio

from devtools.core.core_private import PASSPHRASE, Nodes, make_nodes, read_info, read_peer_port, wait_for
from devtools.core.simulated_core import simulated_core
from devtools.envoy.gate_process import build_request, send
from devtools.machine.ports import take_ports
from readpool.simulator.core_config import Ports
from readpool.simulator.core_process import CoreProcess

NO_SUCH_ACCOUNT = "GAAZI4TCR3TY5OJHCTJC2A4QSY6CJWJH5IAJTGKIN2ER7LBNVKOCCWN7"

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Nodes, Ports]]:
    """Run a validator."""
    folder = tmp_path_factory.mktemp("cores")
    nodes = await make_nodes(simulated_core(), folder, lambda: Ports(*take_ports(2)))
    try:
        yield nodes, await nodes.start_validator()
    finally:
        await nodes.close()


def is_synced(info: dict[str, object]) -> bool:
    return info["state"] == "Synced!"


async def end_by(node: CoreProcess, number: signal.Signals) -> tuple[int, float]:
    """Send a signal; return the exit code and after how many seconds."""
    process, began = node._process, time.monotonic()
    assert process is not None
    node.signal(number)
    return await asyncio.wait_for(process.wait(), 30.0), time.monotonic() - began


async def test_a_watcher_that_knows_only_another_watcher_by_its_name_follows_the_validator(
    network: tuple[Nodes, Ports],
) -> None:
    nodes, validator = network
    near = await nodes.start_watcher("near", validator)
    there = Ports(read_peer_port(near), near.http_port)
    far = await nodes.start_watcher("far", there, ('["127.0.0.1:', '["localhost:'))
    first = await wait_for(far, "far is in step", is_synced)
    later = await wait_for(far, "it goes on", lambda info: info["ledger"]["num"] >= first["ledger"]["num"] + 2)
    assert later["quorum"]["qset"]["ledger"] == later["ledger"]["num"] - 1
    assert (await read_info(near))["peers"]["authenticated_count"] == 2


async def test_a_restarted_node_is_connected_with_its_ledger_then_in_step(network: tuple[Nodes, Ports]) -> None:
    nodes, validator = network
    node = await nodes.start_watcher("restarted", validator)
    await wait_for(node, "it is in step", is_synced)
    await node.end()
    await node.start()
    began = await wait_for(node, "it is connected", lambda info: info["state"] == "Connected")
    assert began["ledger"]["num"] > 1
    assert "ledger" not in began["quorum"]["qset"]
    back = await wait_for(node, "it is in step again", is_synced)
    assert back["ledger"]["num"] > began["ledger"]["num"]


async def test_slots_of_another_network_or_another_quorum_are_not_believed(network: tuple[Nodes, Ports]) -> None:
    nodes, validator = network
    stranger = await nodes.start_watcher("stranger", validator, (PASSPHRASE, "Another Network"))
    other_quorum = ('VALIDATORS=["', f'VALIDATORS=["{NO_SUCH_ACCOUNT}"]#')
    distrustful = await nodes.start_watcher("distrustful", validator, other_quorum)
    await wait_for(distrustful, "it has a peer", lambda info: info["peers"]["authenticated_count"] == 1)
    await wait_for(stranger, "it was refused", lambda _: "reason wrong network passphrase" in stranger.log_tail())
    for _ in range(8):
        await asyncio.sleep(0.2)  # a ledger or two close meanwhile
        for info in (await read_info(stranger), await read_info(distrustful)):
            assert (info["state"], info["ledger"]["num"]) == ("Joining SCP", 1)


async def test_a_node_says_stopping_for_a_second_and_ends_well(network: tuple[Nodes, Ports]) -> None:
    nodes, validator = network
    node = await nodes.start_watcher("ends", validator)
    await wait_for(node, "it is there", lambda info: info["state"] == "Joining SCP")
    ending = asyncio.create_task(end_by(node, signal.SIGTERM))
    await wait_for(node, "it is stopping", lambda info: info["state"] == "Stopping")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", read_peer_port(node))
    code, seconds = await ending
    assert code == 0
    assert 1.0 <= seconds < 5.0  # a second, and what a busy machine takes


async def test_a_signal_that_comes_while_a_node_starts_ends_it_well(network: tuple[Nodes, Ports]) -> None:
    nodes, validator = network
    node = await nodes.start_watcher("ends at its start", validator)
    async with asyncio.timeout(20.0):
        while "Config from" not in (node.folder / "node.log").read_text():  # noqa: ASYNC110 - a log tells nobody
            await asyncio.sleep(0.001)
    code, _ = await end_by(node, signal.SIGTERM)
    assert code == 0


ENDS = {
    "QUIT": (signal.SIGQUIT, False, 0),
    "HUP": (signal.SIGHUP, False, -signal.SIGHUP),
    "TERM with a query port": (signal.SIGTERM, True, -signal.SIGABRT),
}


async def test_a_signal_ends_a_node_with_its_exit_code(network: tuple[Nodes, Ports]) -> None:
    nodes, validator = network

    async def end(name: str) -> tuple[str, int]:
        number, has_query_port, _ = ENDS[name]
        query = ("HTTP_QUERY_PORT=0", f"HTTP_QUERY_PORT={nodes.take_ports().peer if has_query_port else 0}")
        node = await nodes.start_watcher(name, validator, query)
        await wait_for(node, "it is there", lambda info: info["state"] == "Joining SCP")
        code, _ = await end_by(node, number)
        assert ("Resource deadlock avoided" in node.log_tail()) is has_query_port
        return name, code

    found = dict(await asyncio.gather(*map(end, ENDS)))
    assert found == {name: code for name, (_, _, code) in ENDS.items()}


ALL, LOCAL = "0.0.0.0", "127.0.0.1"  # noqa: S104 - where Core listens
LISTENING = {"false": LOCAL, "true": ALL}
"""Where both HTTP ports are, by PUBLIC_HTTP_PORT; the port for peers is always at all addresses."""


@pytest.mark.parametrize("is_public", LISTENING)
async def test_a_node_listens_at_the_recorded_addresses(network: tuple[Nodes, Ports], is_public: str) -> None:
    nodes, validator = network
    query = nodes.take_ports().peer
    public = ("PUBLIC_HTTP_PORT=false", f"PUBLIC_HTTP_PORT={is_public}")
    node = await nodes.start_watcher(
        f"public {is_public}", validator, public, ("HTTP_QUERY_PORT=0", f"HTTP_QUERY_PORT={query}")
    )
    await wait_for(node, "it is there", lambda info: info["state"] == "Joining SCP")
    listening = {
        (one.laddr.ip, one.laddr.port) for one in psutil.Process(node.pid).net_connections() if one.status == "LISTEN"
    }
    where = LISTENING[is_public]
    assert listening == {(ALL, read_peer_port(node)), (where, node.http_port), (where, query)}


async def test_a_query_is_answered_at_the_ledger_that_info_tells(network: tuple[Nodes, Ports]) -> None:
    nodes, validator = network
    query = nodes.take_ports().peer
    node = await nodes.start_watcher("asked", validator, ("HTTP_QUERY_PORT=0", f"HTTP_QUERY_PORT={query}"))
    request = build_request(
        "POST", "/getledgerentryraw", b"key=AAAAAAAAAABzdv3ojkzWHMD7KUoXhrPx0GH18vHKV0ZfqpMiEblG1g=="
    )
    nums: set[int] = set()
    async with asyncio.timeout(60.0):
        while len(nums) < 4:  # those of a node that joins, and of one in step
            before = await read_info(node)
            if before:
                answer = await send(query, request)
                after = await read_info(node)
                num = json.loads(answer.partition(b"\r\n\r\n")[2])["ledgerSeq"]
                assert before["ledger"]["num"] <= num <= after["ledger"]["num"]
                nums.add(num)
            await asyncio.sleep(0.05)


PORTS_IN_USE = {
    "HTTP_PORT": (1, "Got an exception: bind: Address already in use"),
    "HTTP_QUERY_PORT": (1, "Got an exception: bind: Address already in use"),
    "PEER_PORT": (-signal.SIGABRT, "current exception: std::system_error(98, "),
}


async def test_a_port_in_use_ends_the_start(network: tuple[Nodes, Ports]) -> None:
    nodes, validator = network

    async def start(setting: str) -> int:
        node = await nodes.prepare_watcher(f"no {setting}", validator)
        config = node.folder / "node.cfg"
        lines = [one for one in config.read_text().splitlines() if not one.startswith(f"{setting}=")]
        config.write_text("\n".join([f"{setting}={validator.peer}", *lines]))
        await node.start()
        assert node._process is not None
        code = await asyncio.wait_for(node._process.wait(), 30.0)
        assert PORTS_IN_USE[setting][1] in node.log_tail()
        return code

    codes = await asyncio.gather(*map(start, PORTS_IN_USE))
    assert codes == [code for code, _ in PORTS_IN_USE.values()]


async def test_connect_brings_a_node_without_peers_in_step(network: tuple[Nodes, Ports]) -> None:
    nodes, validator = network
    peer = f'["127.0.0.1:{validator.peer}"]'
    node = await nodes.start_watcher("lonely", validator, (peer, "[]"))
    await wait_for(node, "it is there", lambda info: info["state"] == "Joining SCP")
    assert b"Connect to: 127.0.0.1" in await node.ask(f"/connect?peer=127.0.0.1&port={validator.peer}")
    await wait_for(node, "it is in step", is_synced)
