"""Replicas of a private network on real stellar-core, with the configuration that we write and archives over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from controller.core_config.core_config import CorePorts, CoreSettings, build_core_config
from controller.shards.checkpoints import LedgerRange
from controller.shards.shards import ShardAssignment
from devtools.core.core_under_test import require_core, require_real_core
from devtools.core.history_archive import ArchiveServer, serve_archive
from readpool.networks import NetworkFacts
from readpool.simulator.core_config import HISTORY
from readpool.simulator.core_network import CoreNetwork, CoreNetworkSettings, start_core_network
from readpool.simulator.core_process import CoreProcess
from tests.private_override import build_private_override

SYNC_SECONDS = 90.0
ARCHIVED = 31
FIRST_CHECKPOINT_ENDS = 7  # of an accelerated network
NOBODY_THERE = "http://127.0.0.1:9"
ELSEWHERE = "127.0.0.2"
NO_SUCH_ACCOUNT = b"AAAAAAAAAABzdv3ojkzWHMD7KUoXhrPx0GH18vHKV0ZfqpMiEblG1g=="

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]


class Replica:
    """A process of stellar-core with the configuration that we write, on the private network of a validator."""

    def __init__(self, network: CoreNetwork, folder: Path, settings: CoreSettings, ledgers: LedgerRange | None) -> None:
        ports, query = network._take_ports(), network._take_port()
        self.ports = CorePorts(ports.peer, ports.http, query)
        peer = f"127.0.0.1:{network._validator_ports.peer}"
        override = build_private_override(peer, network._key.account)
        there = replace(settings, override=override, data_folder=str(folder / "node"), ports=self.ports)
        assignment = ShardAssignment(0, settings.archives[0], ledgers)
        config = build_core_config(there, 0, assignment, NetworkFacts(network.network))
        self.process = CoreProcess(network.binary.path, folder / "node", config, ports.http)

    async def read_info(self) -> dict[str, Any]:
        """Read what it says of itself; empty while it does not answer."""
        with suppress(OSError, ValueError, KeyError):
            return dict(json.loads(await self.process.ask("/info"))["info"])
        return {}

    async def read_ledger(self) -> int:
        """Read the newest ledger that it has closed; 0 while it does not answer."""
        return int((await self.read_info()).get("ledger", {}).get("num", 0))

    async def start_and_sync(self) -> None:
        """Start it with the database it has, and wait until it is in step with its network."""
        await self.process.start()
        loop = asyncio.get_running_loop()
        end = loop.time() + SYNC_SECONDS
        while (await self.read_info()).get("state") != "Synced!":
            assert loop.time() < end, f"not in step within {SYNC_SECONDS} s:\n{self.process.log_tail()}"
            await asyncio.sleep(0.2)

    def read_log(self) -> str:
        """Read all that it has logged."""
        return (self.process.folder / "node.log").read_text(encoding="utf-8", errors="replace")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def private_network() -> AsyncIterator[CoreNetwork]:
    """Start one validator, and wait until it has written a few checkpoints: history to catch up on."""
    async with await start_core_network(require_core(), CoreNetworkSettings(nodes=0)) as network:
        async with asyncio.timeout(60):
            while read_archived_ledger(network) < ARCHIVED:  # noqa: ASYNC110 - Core tells nobody when it has
                await asyncio.sleep(0.5)
        yield network


def archive_folder(network: CoreNetwork) -> Path:
    return network._folder / HISTORY


def read_archived_ledger(network: CoreNetwork) -> int:
    with suppress(OSError, ValueError):  # while it is being written
        state = (archive_folder(network) / ".well-known/stellar-history.json").read_text(encoding="utf-8")
        return int(json.loads(state)["currentLedger"])
    return 0


@pytest_asyncio.fixture(loop_scope="module")
async def archives(private_network: CoreNetwork) -> AsyncIterator[tuple[ArchiveServer, ArchiveServer]]:
    """Serve the history twice."""
    folder = archive_folder(private_network)
    with serve_archive(folder) as one, serve_archive(folder) as other:
        yield one, other


Starter = Callable[[tuple[str, ...], LedgerRange | None, bool], Awaitable[Replica]]


@pytest_asyncio.fixture(loop_scope="module")
async def start_replica(private_network: CoreNetwork, tmp_path: Path) -> AsyncIterator[Starter]:
    """Yield what starts a replica with these archives, its own first, and waits until it is in step."""
    started: list[Replica] = []

    async def start(urls: tuple[str, ...], ledgers: LedgerRange | None, has_gate: bool) -> Replica:
        settings = CoreSettings(archives=urls, has_gate=has_gate, archived_ledger=ARCHIVED)
        replica = Replica(private_network, tmp_path / str(len(started)), settings, ledgers)
        started.append(replica)
        await replica.process.prepare()
        await replica.start_and_sync()
        return replica

    yield start
    for replica in started:
        await replica.process.end()


async def can_connect(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


async def test_a_replica_reads_the_archive_of_its_shard_and_no_other(
    archives: tuple[ArchiveServer, ArchiveServer], start_replica: Starter
) -> None:
    own, other = archives
    await start_replica((own.url, other.url), None, True)
    assert "/.well-known/stellar-history.json" in own.asked
    assert other.asked == []


async def test_another_archive_stands_in_when_that_of_its_shard_is_down(
    archives: tuple[ArchiveServer, ArchiveServer], start_replica: Starter
) -> None:
    await start_replica((NOBODY_THERE, archives[1].url), None, True)
    assert "/.well-known/stellar-history.json" in archives[1].asked


@pytest.mark.parametrize(
    ("ledgers", "replays"), [pytest.param(None, False, id="none"), pytest.param(LedgerRange(1), True, id="from 1")]
)
async def test_a_new_replica_replays_the_history_that_its_range_asks_for(
    archives: tuple[ArchiveServer, ArchiveServer], start_replica: Starter, ledgers: LedgerRange | None, replays: bool
) -> None:
    await start_replica((archives[0].url,), ledgers, True)
    first_checkpoint = f"/transactions/00/00/00/transactions-{FIRST_CHECKPOINT_ENDS:08x}.xdr.gz"
    assert (first_checkpoint in archives[0].asked) is replays


async def test_behind_the_gate_its_ports_are_on_localhost_alone_and_without_it_everywhere(
    archives: tuple[ArchiveServer, ArchiveServer], start_replica: Starter
) -> None:
    for has_gate in (True, False):
        replica = await start_replica((archives[0].url,), None, has_gate)
        for port in (replica.ports.command, replica.ports.query):
            assert await can_connect("127.0.0.1", port)
            assert await can_connect(ELSEWHERE, port) is not has_gate


async def test_the_query_port_answers_readers(
    archives: tuple[ArchiveServer, ArchiveServer], start_replica: Starter
) -> None:
    replica = await start_replica((archives[0].url,), None, True)
    reader, writer = await asyncio.open_connection("127.0.0.1", replica.ports.query)
    question = b"key=" + NO_SUCH_ACCOUNT
    writer.write(b"POST /getledgerentryraw HTTP/1.1\r\nHost: node\r\nConnection: close\r\n")
    writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(question), question))
    async with asyncio.timeout(30):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.splitlines() if line.lower().startswith(b"content-l"))
        answer = json.loads(await reader.readexactly(length))
    writer.close()
    assert answer["ledgerSeq"] >= ARCHIVED


async def test_what_ledgers_change_is_not_kept_for_debugging(
    archives: tuple[ArchiveServer, ArchiveServer], start_replica: Starter
) -> None:
    require_real_core("the simulated one never keeps what ledgers change for debugging")
    replica = await start_replica((archives[0].url,), None, True)
    ledger = await replica.read_ledger()
    async with asyncio.timeout(SYNC_SECONDS):
        while await replica.read_ledger() <= ledger + 1:  # noqa: ASYNC110 - Core tells nobody when it has closed one
            await asyncio.sleep(0.2)
    buckets = replica.process.folder / "buckets"
    assert (buckets / "tmp").is_dir()
    assert not list(buckets.glob("*debug*"))


async def test_a_restart_keeps_the_database(
    archives: tuple[ArchiveServer, ArchiveServer], start_replica: Starter
) -> None:
    replica = await start_replica((archives[0].url,), None, True)
    await replica.process.end()
    asked = len(archives[0].asked)
    await replica.process.command("upgrade-db")
    await replica.start_and_sync()
    assert not any("/bucket/" in path for path in archives[0].asked[asked:])
