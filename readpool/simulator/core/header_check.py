"""The one check that a node makes of itself once it is in sync: do the archives have the ledger it began with?"""

from readpool.simulator.core.archive import find_checkpoint, name_file, parse_headers
from readpool.simulator.core.download import Downloads
from readpool.simulator.core.log import log
from readpool.simulator.core.model import Header


async def check_header(downloads: Downloads, header: Header, frequency: int) -> None:
    """Compare a closed ledger with each archive's, once; what differs or fails is only logged."""
    remote = name_file("ledger", find_checkpoint(header.num, frequency))
    for archive in downloads.archives:
        file = remote.rpartition("/")[2]
        log("History", "INFO", f"Downloading ledger checkpoint {file} from archive {archive.name}")
        async with downloads.open_folder(f"check-single-ledger-header-{header.num}") as folder:
            found = await downloads.get_file_once(archive, folder, remote, parse_headers)
        if found is not None and header in found:
            log("History", "INFO", f"Local ledger header {header.num} matches archive {archive.name}")
        elif found is not None:
            log("History", "ERROR", f"Local ledger header {header.num} does not match archive {archive.name}")
