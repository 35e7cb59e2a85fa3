"""Taking over the buckets of a checkpoint: getting those that are not there, verifying each by its name."""

from collections.abc import Callable
from pathlib import Path

from readpool.simulator.core.archive import ArchiveFileError, ArchiveState, decompress, name_bucket
from readpool.simulator.core.batches import download_all
from readpool.simulator.core.bucket_levels import LEVELS
from readpool.simulator.core.buckets import BucketFolder, hash_content
from readpool.simulator.core.download import Downloads
from readpool.simulator.core.log import log


async def adopt_buckets(
    buckets: BucketFolder, downloads: Downloads, folder: Path, state: ArchiveState, tell: Callable[[str], None]
) -> None:
    """Bring all buckets of a state into the folder; tries until they are there. `tell` gets the status texts."""
    names = buckets.find_missing(state.levels)
    count, done = len(names), 0

    def read(name: str, packed: bytes) -> bytes:
        content = decompress(packed)
        if hash_content(content) != name:
            raise ArchiveFileError("its hash is another")
        log("History", "INFO", f"Verifying and indexing bucket {name}")
        return content

    async def get(name: str) -> None:
        nonlocal done
        content = await downloads.get_file(folder, name_bucket(name), lambda packed: read(name, packed))
        buckets.put(name, content)
        done += 1
        tell(f"downloading and verifying buckets: {done}/{count} ({100 * done // count}%)")

    if names:
        tell(f"downloading and verifying buckets: 0/{count} (0%)")
    await download_all(names, get, started=lambda _: None)
    tell(f"Succeeded: download-verify-buckets : {count}/{count} children completed")
    tell("Succeeded: verify-has")
    _tell_levels(buckets.count_entries(state.levels), tell)


def _tell_levels(entries: int, tell: Callable[[str], None]) -> None:
    log("History", "INFO", "Applying buckets")
    log("History", "INFO", f"ApplyBuckets estimated {entries} ledger entries")
    tell("Running: apply-buckets : 0/1 children completed")
    for level in range(LEVELS):
        tell(f"Applying buckets 0%. Currently on level {level}")
