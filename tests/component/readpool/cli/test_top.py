"""`readpool top` against an Observer at the far end of real gRPC: as a process with its output piped, and live."""

import asyncio
import os
import pty
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import suppress

import grpc
import pytest
import pytest_asyncio

from readpool.cli.clients.endpoint import Endpoint
from readpool.cli.clients.observer_client import Connected, ObserverError, Outage, watch
from readpool.v1 import observer_pb2 as pb
from tests.component.readpool.cli.playing_observer import PlayingObserver, serve

TOP = (sys.executable, "-m", "readpool.cli", "top")
ALL = pb.WatchRequest(fleets=pb.Fleets())


def build_snapshot(fleet: str, *, sequence: int = 1, lag: int = 3) -> pb.Snapshot:
    replica_class = pb.REPLICA_CLASS_LAGGING if lag > 10 else pb.REPLICA_CLASS_FRESH
    replica = pb.Replica(name="core-nodes-0", ledger=1000 - lag, lag=lag, rate=0.2, state="Synced!")
    setattr(replica, "class", replica_class)
    return pb.Snapshot(
        fleet=fleet,
        namespace=fleet.partition("/")[0],
        sequence=sequence,
        at=1000.0 + sequence,
        tip=pb.Tip(ledger=1000, moved_at=998.0),
        replicas=[replica],
        decision=pb.Decision(desired_replicas=3, reason="Steady", message="All is well."),
        bounds=pb.Bounds(min_replicas=1, target_replicas=3, max_replicas=9),
        lag_threshold=10,
    )


@pytest_asyncio.fixture
async def observer() -> AsyncIterator[PlayingObserver]:
    async with serve(
        PlayingObserver([build_snapshot("stellar/core-nodes"), build_snapshot("other/core", lag=40)])
    ) as it:
        yield it


async def run_top(*arguments: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(*TOP, *arguments, stdout=PIPE, stderr=PIPE)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_once_prints_every_fleet_in_plain_text_and_exits(observer: PlayingObserver) -> None:
    code, out, err = await run_top("--scaler", observer.address, "--once")
    assert (code, err) == (0, "")
    assert "stellar/core-nodes  tip 1,000, last ledger 3 s ago  replicas 1, desired 3 (1 to 9, target 3)" in out
    assert "All is well." in out
    assert "● fresh" in out
    assert "▼ lagging" in out
    assert "\x1b" not in out, "piped output has no colours"


async def test_piped_output_is_once_without_being_told(observer: PlayingObserver) -> None:
    assert await run_top("--scaler", observer.address) == await run_top("--scaler", observer.address, "--once")


async def test_once_is_done_when_the_scaler_begins_anew_however_much_it_sends(observer: PlayingObserver) -> None:
    observer.snapshots = [build_snapshot("a/core", sequence=turn) for turn in range(1, 1000)]
    assert (await run_top("--scaler", observer.address, "--once"))[0] == 0


@pytest.mark.parametrize("wanted", ["other/core", "core"])
async def test_one_fleet_is_found_by_its_whole_name_or_without_its_namespace(
    observer: PlayingObserver, wanted: str
) -> None:
    _, out, _ = await run_top("--scaler", observer.address, "--fleet", wanted)
    assert "other/core" in out
    assert "stellar/" not in out


async def test_a_fleet_that_is_not_there_is_an_error_that_names_those_that_are(observer: PlayingObserver) -> None:
    code, out, err = await run_top("--scaler", observer.address, "--fleet", "cores")
    assert (code, out) == (1, "")
    assert err == "No fleet 'cores' here; there is other/core, stellar/core-nodes.\n"


async def test_the_namespace_goes_to_the_scaler(observer: PlayingObserver) -> None:
    await run_top("--scaler", observer.address, "--namespace", "stellar")
    assert observer.requests[0].fleets.namespace == "stellar"


async def test_a_scaler_that_watches_nothing_is_said_in_a_sentence(observer: PlayingObserver) -> None:
    observer.snapshots = ()
    code, out, _ = await run_top("--scaler", observer.address, "--once")
    assert code == 0
    assert "observes no fleets yet" in out


async def test_no_scaler_there_is_an_error_in_a_sentence() -> None:
    assert await run_top("--scaler", "127.0.0.1:1", "--once") == (1, "", "No scaler answers at 127.0.0.1:1.\n")


async def test_a_refusal_is_told_in_the_scalers_words(observer: PlayingObserver) -> None:
    observer.refusal = grpc.StatusCode.PERMISSION_DENIED
    code, _, err = await run_top("--scaler", observer.address, "--once")
    assert code == 1
    assert err == f"Error: {observer.address}: not like that\n"


async def test_a_certificate_without_its_key_is_refused() -> None:
    code, _, err = await run_top("--tls-cert", __file__)
    assert code == 2
    assert "--tls-cert and --tls-key go together" in err


async def test_in_a_terminal_it_shows_the_fleets_until_interrupted(observer: PlayingObserver) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    top = await asyncio.create_subprocess_exec(
        *TOP, "--scaler", observer.address, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    screen = bytearray()
    asyncio.get_running_loop().add_reader(ours, lambda: _read(ours, screen))
    try:
        async with asyncio.timeout(20):
            await _wait_for(screen, "stellar/core-nodes")
            top.send_signal(2)
            assert await top.wait() == 0
    finally:
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)
        with suppress(ProcessLookupError):
            top.kill()


def _read(descriptor: int, screen: bytearray) -> None:
    with suppress(OSError):  # the other end is gone
        screen += os.read(descriptor, 65536)


async def _wait_for(screen: bytearray, text: str) -> None:
    while text not in screen.decode(errors="replace"):  # noqa: ASYNC110  # a terminal has no event for "shows this"
        await asyncio.sleep(0.02)


async def test_an_outage_is_told_once_and_the_return_is_told() -> None:
    async with serve(PlayingObserver([build_snapshot("a/core")])) as first:
        events = watch(Endpoint(first.address), ALL)
        assert await anext(events) == Connected()
        assert await anext(events) == build_snapshot("a/core")
    outage = await anext(events)
    assert isinstance(outage, Outage)
    assert outage.sentence.endswith("Trying again.")
    following = asyncio.ensure_future(anext(events))
    async with serve(PlayingObserver([build_snapshot("b/core")]), first.address), asyncio.timeout(20):
        told = [await following, await anext(events)]
        told += [await anext(events)] if isinstance(told[0], Outage) else []
        assert told[-2:] == [Connected(), build_snapshot("b/core")]
    await events.aclose()  # type: ignore[attr-defined]  # an async generator


async def test_a_refusal_for_good_ends_the_watch(observer: PlayingObserver) -> None:
    observer.refusal = grpc.StatusCode.UNIMPLEMENTED
    with pytest.raises(ObserverError, match="not like that"):
        [event async for event in watch(Endpoint(observer.address), ALL)]
