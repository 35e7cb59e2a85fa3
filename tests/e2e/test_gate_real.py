"""The gate before a real stellar-core with its query port on, by the configurations that we write for both."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from controller.core_config.core_config import CoreSettings
from controller.gate.gate_listeners import READ_PATHS
from devtools.core.core_under_test import require_core
from devtools.core.history_archive import serve_archive
from devtools.envoy.envoy_binary import require_envoy
from devtools.envoy.gate_process import Gate, build_request, read_status, run_gate, send
from readpool.simulator.core_network import CoreNetworkSettings, start_core_network
from tests.core_commands import CORE_COMMANDS
from tests.e2e.test_core_config_syncs import (
    ARCHIVED,
    NO_SUCH_ACCOUNT,
    Replica,
    archive_folder,
    can_connect,
    read_archived_ledger,
)

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]
QUESTION = b"key=" + NO_SUCH_ACCOUNT


@dataclass(frozen=True, slots=True)
class Pod:
    """What a replica's pod runs."""

    replica: Replica
    gate: Gate

    async def read_info(self) -> dict[str, Any]:
        """Read /info as the scaler does."""
        answer = await send(self.gate.ports.info, build_request("GET", "/info"))
        info: dict[str, Any] = json.loads(read_body(answer))["info"]
        return info


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pod(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pod]:
    """Run a replica in step with a private network, and its gate."""
    envoy, folder = require_envoy(), tmp_path_factory.mktemp("pod")
    async with await start_core_network(require_core(), CoreNetworkSettings(nodes=0)) as network:
        async with asyncio.timeout(60):
            while read_archived_ledger(network) < ARCHIVED:  # noqa: ASYNC110 - Core tells nobody when it has
                await asyncio.sleep(0.5)
        with serve_archive(archive_folder(network)) as archive:
            settings = CoreSettings(archives=(archive.url,), has_gate=True, archived_ledger=ARCHIVED)
            replica = Replica(network, folder, settings, None)
            await replica.process.prepare()
            await replica.start_and_sync()
            try:
                async with run_gate(envoy, folder, replica.ports.command, replica.ports.query) as gate:
                    yield Pod(replica, gate)
            finally:
                await replica.process.end()  # with a query port, v22.4.1 aborts instead of ending


def read_body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


async def test_the_scaler_reads_the_info_of_core(pod: Pod) -> None:
    info = await pod.read_info()
    assert info["state"] == "Synced!"
    assert info["ledger"]["num"] >= ARCHIVED


@pytest.mark.parametrize("in_chunks", [False, True], ids=["of a known length", "in chunks"])
async def test_readers_get_core_s_own_answer(pod: Pod, in_chunks: bool) -> None:
    request = build_request("POST", "/getledgerentryraw", QUESTION)
    if in_chunks:
        chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(QUESTION), QUESTION)
        request = build_request("POST", "/getledgerentryraw", headers="Transfer-Encoding: chunked\r\n") + chunked
    answer = await send(pod.gate.ports.read, request)
    assert read_status(answer) == 200, answer
    told = json.loads(read_body(answer))
    assert told["ledgerSeq"] >= ARCHIVED
    assert (await pod.read_info())["ledger"]["num"] - told["ledgerSeq"] <= 2


async def test_what_core_refuses_comes_through_as_it_says_it(pod: Pod) -> None:
    answer = await send(pod.gate.ports.read, build_request("POST", "/getledgerentryraw", b"nokey=1"))
    assert read_status(answer) == 404
    assert b"Must specify ledger key" in answer


async def test_hundreds_of_queries_all_succeed(pod: Pod) -> None:
    request = build_request("POST", "/getledgerentryraw", QUESTION)
    for _ in range(10):
        answers = await asyncio.gather(*(send(pod.gate.ports.read, request) for _ in range(50)))
        assert {read_status(answer) for answer in answers} == {200}


async def test_no_command_of_core_is_reached_from_outside_and_it_goes_on(pod: Pod) -> None:
    before = await pod.read_info()
    ports = pod.gate.ports
    attempts = [
        (port, build_request(method, f"{prefix}{command}{query}"))
        for command in CORE_COMMANDS
        for port in (ports.info, ports.read, ports.stats)
        for method in ("GET", "POST")
        for prefix in ("/", "//", "/info/../", "/%2e/", "/info%2f..%2f")
        for query in ("", "?node=x&mode=set")
        if not (port == ports.read and method == "POST" and f"{prefix}{command}" in READ_PATHS and not query)
    ]
    for i in range(0, len(attempts), 60):
        answers = await asyncio.gather(*(send(port, request) for port, request in attempts[i : i + 60]))
        assert {read_status(answer) for answer in answers} <= {400, 403}
    after = await pod.read_info()
    assert after["startedOn"] == before["startedOn"]
    assert after["ledger"]["num"] >= before["ledger"]["num"]


async def test_around_the_gate_there_is_no_way(pod: Pod) -> None:
    for port in (pod.replica.ports.command, pod.replica.ports.query):
        assert not await can_connect("127.0.0.2", port)


async def test_while_core_hangs_the_gate_does_not_and_statistics_go_on(pod: Pod) -> None:
    pod.replica.process.signal(signal.SIGSTOP)
    try:
        asking = asyncio.create_task(send(pod.gate.ports.info, build_request("GET", "/info")))
        assert read_status(await send(pod.gate.ports.stats, build_request("GET", "/ready"))) == 200
        assert read_status(await send(pod.gate.ports.read, build_request("POST", READ_PATHS[0], QUESTION))) == 504
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
    finally:
        pod.replica.process.signal(signal.SIGCONT)
    assert (await pod.read_info())["ledger"]["num"] >= ARCHIVED
