"""How a replica starts, by the scripts of its pod, on Stellar Core: by its peers, by the archive, or anew."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from controller.resources.start_command import BAD_COPY_EXIT
from devtools.core.core_under_test import require_core
from devtools.core.history_archive import ArchiveServer, serve_archive
from devtools.core.started_replica import ARCHIVE_OF_NOBODY, StartedReplica, read_checkpoint
from readpool.simulator.core_config import HISTORY
from readpool.simulator.core_network import CoreNetwork, CoreNetworkSettings, start_core_network

FREQUENCY = 8  # ledgers of a checkpoint of an accelerated network
LOST = "Lost track of consensus"
BY_ARCHIVE = "catching up to checkpoint"
pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network() -> AsyncIterator[CoreNetwork]:
    async with await start_core_network(require_core(), CoreNetworkSettings(nodes=0)) as started:
        yield started


@pytest.fixture(scope="module")
def archive(network: CoreNetwork) -> Iterator[ArchiveServer]:
    with serve_archive(network._folder / HISTORY) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def neighbour(
    network: CoreNetwork, archive: ArchiveServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[StartedReplica]:
    """Start the replica that the others ask first; it remembers more than the validator does."""
    one = StartedReplica(network, tmp_path_factory.mktemp("neighbour"), archive.url)
    await one.begin()
    await one.wait_until_synced()
    yield one
    await one.end()


@pytest_asyncio.fixture(loop_scope="module")
async def replica(
    network: CoreNetwork, archive: ArchiveServer, neighbour: StartedReplica, tmp_path: Path
) -> AsyncIterator[StartedReplica]:
    one = StartedReplica(network, tmp_path / "pool-0", archive.url, (neighbour.ports.peer,))
    yield one
    await one.end()


async def read_ledger(network: CoreNetwork) -> int:
    return int((await read_checkpoint(network, 1)).split()[0])


async def pass_ledgers(network: CoreNetwork, count: int) -> None:
    """Wait until the network has closed so many more."""
    last = await read_ledger(network) + count
    while await read_ledger(network) < last:  # noqa: ASYNC110 - Core tells nobody
        await asyncio.sleep(0.2)


async def test_who_missed_what_a_neighbour_remembers_is_told_by_it(
    network: CoreNetwork, replica: StartedReplica, archive: ArchiveServer
) -> None:
    await replica.begin()
    await replica.wait_until_synced()
    await replica.end()
    await pass_ledgers(network, 20)  # more than the validator remembers
    archive.asked.clear()
    await replica.begin()
    await replica.wait_until_synced()
    assert LOST not in replica.read_log()
    assert set(archive.asked) == {"/.well-known/stellar-history.json"}


async def test_a_newcomer_takes_a_checkpoint_that_others_vouch_for(
    network: CoreNetwork, replica: StartedReplica
) -> None:
    await pass_ledgers(network, 2 * FREQUENCY)
    replica.checkpoint.write_text(await read_checkpoint(network, FREQUENCY))
    await replica.begin()
    await replica.wait_until_synced()
    log = replica.read_log()
    assert BY_ARCHIVE in log
    assert "Waiting for trigger ledger" not in log
    assert "Skipping verification" not in log  # of the archive's word


async def test_a_replica_far_behind_replays_to_a_checkpoint_first(
    network: CoreNetwork, replica: StartedReplica
) -> None:
    await replica.begin()
    await replica.wait_until_synced()
    await replica.end()
    await pass_ledgers(network, 4 * FREQUENCY)
    replica.checkpoint.write_text(await read_checkpoint(network, FREQUENCY))
    await replica.begin_again(reach_ledgers=3 * FREQUENCY - 2)
    await replica.wait_until_synced()
    assert BY_ARCHIVE in replica.read_log()
    assert LOST not in replica.read_log()


async def test_an_archive_of_another_history_is_not_believed(network: CoreNetwork, replica: StartedReplica) -> None:
    await pass_ledgers(network, 2 * FREQUENCY)
    ledger, _, closed = (await read_checkpoint(network, FREQUENCY)).split()
    replica.checkpoint.write_text(f"{ledger} {'0' * 64} {closed}\n")
    await replica.begin()
    await replica.wait_until_synced()
    assert "catchup ended with exit code 3: going on without" in replica.read_log()


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("$(touch hostile) {hash} {closed}", id="a command for a number"),
        pytest.param("{ledger} {hash};touch$IFS'hostile' {closed}", id="a command in the hash"),
        pytest.param("{ledger} {hash} {closed} --force-untrusted-catchup", id="an option"),
        pytest.param("--{ledger} {hash} {closed}", id="a number that is an option"),
        pytest.param("{ledger} {short} {closed}", id="a short hash"),
        pytest.param("99999999999999999999 {hash} {closed}", id="a number beyond all"),
        pytest.param("", id="nothing"),
    ],
)
async def test_what_is_no_checkpoint_is_passed_over(network: CoreNetwork, replica: StartedReplica, line: str) -> None:
    ledger, ledger_hash, closed = (await read_checkpoint(network, FREQUENCY)).split()
    replica.checkpoint.write_text(line.format(ledger=ledger, hash=ledger_hash, short=ledger_hash[:-1], closed=closed))
    await replica.begin()
    await replica.wait_until("answers", lambda info: bool(info["state"]))
    assert BY_ARCHIVE not in replica.read_log()
    assert not list(replica.folder.rglob("hostile"))


async def test_an_archive_that_is_away_is_not_waited_for(
    network: CoreNetwork, neighbour: StartedReplica, tmp_path: Path
) -> None:
    one = StartedReplica(network, tmp_path / "pool-0", ARCHIVE_OF_NOBODY, (neighbour.ports.peer,))
    one.checkpoint.write_text(await read_checkpoint(network, FREQUENCY))
    try:
        await one.begin(stalled_seconds=3)
        await one.wait_until("runs", lambda info: info["state"] == "Catching up")
        assert "catching up has not moved" in one.read_log()
    finally:
        await one.end()


async def test_a_start_that_waits_for_an_archive_ends_when_it_is_told_to(network: CoreNetwork, tmp_path: Path) -> None:
    one = StartedReplica(network, tmp_path / "pool-0", ARCHIVE_OF_NOBODY)
    one.checkpoint.write_text(await read_checkpoint(network, FREQUENCY))
    await one.begin()
    while "Starting catchup" not in one.read_log():  # noqa: ASYNC110 - a file sets no event
        await asyncio.sleep(0.1)
    assert one._process is not None
    one._process.terminate()
    assert await one.wait_for_end() == 0
    assert not is_anybody_there(one.folder)


def is_anybody_there(folder: Path) -> list[str]:
    """List the processes that still work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str(folder) in (process / "cmdline").read_text() and "State:\tZ" not in (process / "status").read_text():
                found.append(process.name)
    return found


async def copy_of(network: CoreNetwork, archive: ArchiveServer, donor: StartedReplica, folder: Path) -> StartedReplica:
    """Copy the folder of a replica that has ended."""
    await donor.begin()
    await donor.wait_until_synced()
    await donor.end()
    copy = StartedReplica(network, folder, archive.url, name="pool-1")
    shutil.rmtree(copy.data)
    shutil.copytree(donor.data, copy.data)
    return copy


async def test_a_copy_of_another_replica_is_on_trial_until_it_is_in_step(
    network: CoreNetwork, replica: StartedReplica, archive: ArchiveServer, tmp_path: Path
) -> None:
    copy = await copy_of(network, archive, replica, tmp_path / "pool-1")
    try:
        await copy.begin()
        assert (copy.data / ".restored").read_text() == "pool-0\n"
        await copy.wait_until_synced()
        async with asyncio.timeout(30):
            while (copy.data / ".restored").exists():  # noqa: ASYNC110 - a file sets no event
                await asyncio.sleep(0.1)
    finally:
        await copy.end()
    assert not (copy.data / ".trying").exists()
    assert "bad" not in copy.read_log()


def drop_bucket(data: Path) -> None:
    biggest(data).unlink()


def cut_bucket(data: Path) -> None:
    path = biggest(data)
    path.write_bytes(b"")


def spoil_database(data: Path) -> None:
    (data / "stellar.db").write_bytes(b"no database " * 1000)
    for name in ("stellar.db-wal", "stellar.db-shm"):
        (data / name).unlink(missing_ok=True)


def biggest(data: Path) -> Path:
    return max((data / "buckets").glob("bucket-*.xdr"), key=lambda path: path.stat().st_size)


@pytest.mark.parametrize("damage", [drop_bucket, cut_bucket, spoil_database])
async def test_a_bad_copy_is_given_up_for_a_new_database_and_that_is_said(
    network: CoreNetwork, replica: StartedReplica, archive: ArchiveServer, tmp_path: Path, damage: object
) -> None:
    copy = await copy_of(network, archive, replica, tmp_path / "pool-1")
    assert callable(damage)
    damage(copy.data)
    try:
        await copy.begin()
        assert await copy.wait_for_end() == BAD_COPY_EXIT, copy.read_log()
        assert "the data folder copied from pool-0 is bad" in copy.read_log()
        await copy.begin_again()
        await copy.wait_until_synced()
    finally:
        await copy.end()


async def test_an_empty_bucket_of_its_own_is_no_reason_to_fail_for_ever(replica: StartedReplica) -> None:
    await replica.begin()
    await replica.wait_until_synced()
    await replica.end()
    cut_bucket(replica.data)
    await replica.begin_again()
    await replica.wait_until_synced()
    assert "is empty, as after a power cut" in replica.read_log()


async def test_a_copy_that_ended_without_a_word_is_not_tried_again(
    network: CoreNetwork, replica: StartedReplica, archive: ArchiveServer, tmp_path: Path
) -> None:
    copy = await copy_of(network, archive, replica, tmp_path / "pool-1")
    (copy.data / ".restored").write_text("a snapshot\n")
    (copy.data / ".trying").touch()
    await copy.begin_again()
    assert await copy.wait_for_end() == BAD_COPY_EXIT


async def test_a_copy_that_is_told_to_end_stays_on_trial_however_it_ends(
    network: CoreNetwork, replica: StartedReplica, archive: ArchiveServer, tmp_path: Path
) -> None:
    copy = await copy_of(network, archive, replica, tmp_path / "pool-1")
    (copy.data / ".restored").write_text("a snapshot\n")
    await copy.begin_again()
    await copy.wait_until("answers", lambda info: bool(info["state"]))
    assert copy._process is not None
    copy._process.terminate()
    while (copy.data / ".trying").exists():  # noqa: ASYNC110 - a file sets no event
        await asyncio.sleep(0.01)
    copy.end_at_once()
    await copy.wait_for_end()
    await copy.begin_again()
    await copy.wait_until_synced()
    await copy.end()


async def test_what_a_template_adds_to_the_command_goes_to_core(replica: StartedReplica) -> None:
    await replica.begin()
    await replica.wait_until_synced()
    await replica.end()
    await replica.begin_again(60, 80, "--no-such-option")
    assert await replica.wait_for_end() == 1
    assert "--no-such-option" in replica.read_log()


async def test_a_new_database_that_was_made_halfway_is_made_anew(replica: StartedReplica) -> None:
    await replica.begin()
    await replica.wait_until_synced()
    await replica.end()
    (replica.data / "stellar.db").write_bytes(b"")
    (replica.data / ".new-db").touch()
    await replica.begin_again()
    await replica.wait_until_synced()
    assert not (replica.data / ".new-db").exists()
