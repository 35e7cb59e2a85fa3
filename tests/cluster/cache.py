"""Slow outputs, kept outside the checkout: each in a folder that its content names, made once and renamed into place.

Two processes that want the same folder share one making; one that was killed half way leaves nothing that counts.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tests.cluster.progress import Progress

KEY_DIGITS = 16


def find_cache_folder() -> Path:
    """Find where slow outputs are kept: READPOOL_CACHE, else readpool/ in the user's cache folder."""
    if named := os.environ.get("READPOOL_CACHE"):
        return Path(named).absolute()
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "readpool"


def compute_key(pieces: Iterable[str | bytes]) -> str:
    """Compute the name of a content from its pieces; where one ends and the next begins counts."""
    whole = hashlib.sha256()
    for piece in pieces:
        encoded = piece.encode() if isinstance(piece, str) else piece
        whole.update(f"{len(encoded)}:".encode() + encoded)
    return whole.hexdigest()[:KEY_DIGITS]


def make_once(folder: Path, make: Callable[[Path], None], progress: Progress) -> Path:
    """Give `folder`, made unless it is there: `make` fills a temporary folder, which is renamed when it is whole."""
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with hold_lock(folder.with_name(f".{folder.name}.lock"), progress):
        if not folder.is_dir():
            _make(folder, make)
    return folder


@contextlib.contextmanager
def hold_lock(path: Path, progress: Progress) -> Iterator[None]:
    """Hold a lock between processes for the block; say so when another one has to be waited for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"another process holds {path.name}: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(folder: Path, make: Callable[[Path], None]) -> None:
    making = folder.with_name(f".{folder.name}.making")
    shutil.rmtree(making, ignore_errors=True)  # what one that was killed has left; the lock says that nobody fills it
    making.mkdir()
    try:
        make(making)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    making.rename(folder)
