"""A tar.gz that is the same each time: sorted, owned by root, of one time, packed without a time of its own. Pure."""

import gzip
import io
import tarfile
from collections.abc import Mapping

_MODE = 0o644


def pack(files: Mapping[str, bytes], made_at: int) -> bytes:
    """Pack files, path to content, all made at `made_at` in Unix seconds."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=made_at) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for path, content in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mtime, entry.mode = len(content), made_at, _MODE
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
