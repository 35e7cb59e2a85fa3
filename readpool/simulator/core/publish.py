"""Publishing checkpoints into the archives that have a `put`, and making such an archive (new-hist).

The order is the recorded one: ask for the state, then the files of the checkpoint and the buckets that the archive does
not have yet, all at once and each after its `mkdir`; the two state files come last.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from readpool.simulator.core.archive import (
    STATE_FILE,
    ArchiveState,
    compress,
    format_headers,
    format_others,
    format_state,
    format_transactions,
    name_bucket,
    name_file,
    name_state,
)
from readpool.simulator.core.bucket_levels import NO_BUCKETS, BucketList, list_buckets
from readpool.simulator.core.download import Downloads, draw_digits
from readpool.simulator.core.get_command import RunsCommands, fill
from readpool.simulator.core.log import log
from readpool.simulator.core.model import ClosedLedger
from readpool.simulator.core.settings import CoreSettings, HistoryArchive
from readpool.simulator.core.store import Store


class Publisher:
    """What puts files of one node into archives."""

    def __init__(self, settings: CoreSettings, downloads: Downloads, commands: RunsCommands) -> None:
        self._settings = settings
        self._downloads = downloads
        self._commands = commands

    def describe(self, store: Store) -> str | None:
        """Return the status text; None when nothing waits."""
        if not (queued := store.list_queued()):
            return None
        is_new = queued[-1] == store.header.num
        what = "Waiting before starting Ready to run" if is_new else "Waiting"
        return f"Publishing {len(queued)} queued checkpoints [{queued[0]}-{queued[-1]}]: {what}: resolve-snapshot"

    async def publish(self, store: Store) -> None:
        """Publish what waits, the oldest first; what an archive does not take waits for the next call.

        Call it once the ledger after a checkpoint is closed, and never twice at once.
        """
        for checkpoint in store.list_queued():
            if checkpoint >= store.header.num or not await self._publish_to_all(store, checkpoint):
                return
            store.unqueue(checkpoint)

    async def initialize(self, name: str) -> bool:
        """Make an archive that is empty (new-hist). False, with the reason logged, where that cannot be."""
        archive = next((one for one in self._settings.archives if one.name == name), None)
        if archive is None:
            log("History", "FATAL", f"Can't initialize unknown history archive '{name}'")
            return False
        log("History", "INFO", f"Probing history archive '{name}' for existing state")
        if await self._downloads.get_state_once(archive) is not None:
            log("History", "ERROR", f"History archive '{name}' already initialized!")
            return False
        log("History", "INFO", f"History archive '{name}' appears uninitialized")
        return await self._put_first_state(archive)

    async def _put_first_state(self, archive: HistoryArchive) -> bool:
        log("History", "INFO", f"Initializing history archive '{archive.name}'")
        async with self._write_state(ArchiveState(0, self._settings.passphrase)) as local:
            for remote in (name_state(0), STATE_FILE):
                if not await self._put(archive, local, remote):
                    log("History", "FATAL", f"Failed to initialize history archive '{archive.name}'")
                    return False
        log("History", "INFO", f"Initialized history archive '{archive.name}'")
        return True

    async def _publish_to_all(self, store: Store, checkpoint: int) -> bool:
        archives = [archive for archive in self._settings.archives if archive.put]
        levels = store.read_queued(checkpoint)
        known = [await self._get_known(archive) for archive in archives]
        buckets = {name for names in known for name in set(list_buckets(levels)) - names}
        ledgers = store.ledgers(checkpoint - self._settings.checkpoint_ledgers + 1, checkpoint)
        async with self._write_files(store, checkpoint, ledgers, sorted(buckets)) as files:
            state = ArchiveState(checkpoint, self._settings.passphrase, levels)
            results = [
                await self._publish_to(archive, state, files, names)
                for archive, names in zip(archives, known, strict=True)
            ]
        return all(results)

    async def _get_known(self, archive: HistoryArchive) -> set[str]:
        """Ask which buckets an archive has; one that cannot be asked is taken to have none."""
        state = await self._downloads.get_state_once(archive) if archive.get else None
        levels: BucketList = NO_BUCKETS if state is None else state.levels
        return set(list_buckets(levels))

    async def _publish_to(
        self, archive: HistoryArchive, state: ArchiveState, files: Mapping[str, Path], known: set[str]
    ) -> bool:
        has_already = {name_bucket(name) for name in known}
        wanted = [(path, remote) for remote, path in files.items() if remote not in has_already]
        if not all(await asyncio.gather(*(self._put(archive, str(path), remote) for path, remote in wanted))):
            return False
        async with self._write_state(state) as local:
            remotes = (STATE_FILE, name_state(state.ledger))
            return all(await asyncio.gather(*(self._put(archive, local, remote) for remote in remotes)))

    async def _put(self, archive: HistoryArchive, local: str, remote: str) -> bool:
        folder = remote.rpartition("/")[0]
        if archive.mkdir and not await self._commands.run(fill(archive.mkdir, folder)):
            return False
        return await self._commands.run(fill(archive.put, local, remote))

    @contextlib.asynccontextmanager
    async def _write_state(self, state: ArchiveState) -> AsyncIterator[str]:
        async with self._downloads.open_folder("history") as folder:
            local = folder / f"{draw_digits()}-stellar-history.json"
            local.write_text(format_state(state))
            yield str(local)

    @contextlib.asynccontextmanager
    async def _write_files(
        self, store: Store, checkpoint: int, ledgers: Sequence[ClosedLedger], buckets: Sequence[str]
    ) -> AsyncIterator[dict[str, Path]]:
        """Write the files of a checkpoint where Stellar Core has them, by name; they are removed afterwards."""
        async with self._downloads.open_folder("snapshot") as folder:
            files = _locate_files(store, folder, checkpoint, buckets)
            for remote, content in _make_files(store, checkpoint, ledgers, buckets).items():
                _write(files[remote], content)
            try:
                yield files
            finally:
                for path in files.values():
                    path.unlink(missing_ok=True)


def _locate_files(store: Store, folder: Path, checkpoint: int, buckets: Sequence[str]) -> dict[str, Path]:
    """Map each file's name in the archive to where it lies before it is put."""
    files = {}
    for kind in ("ledger", "transactions", "results"):
        remote = name_file(kind, checkpoint)
        files[remote] = Path(store.folder.path, "history", kind, remote.rpartition("/")[2])
    scp = name_file("scp", checkpoint)
    packed = {name_bucket(name): store.folder.locate(name).with_suffix(".xdr.gz") for name in buckets}
    return {**files, scp: folder / scp, **packed}


def _make_files(
    store: Store, checkpoint: int, ledgers: Sequence[ClosedLedger], buckets: Sequence[str]
) -> dict[str, bytes]:
    files = {
        name_file("ledger", checkpoint): format_headers(ledgers),
        name_file("transactions", checkpoint): format_transactions(ledgers),
        name_file("results", checkpoint): format_others(ledgers),
        name_file("scp", checkpoint): format_others(ledgers),
    }
    packed = {name_bucket(name): compress(store.folder.locate(name).read_bytes()) for name in buckets}
    return {**files, **packed}


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
