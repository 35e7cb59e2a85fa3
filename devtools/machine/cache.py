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

from devtools.machine.progress import Progress

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
    """Return `folder`, made unless it is there: `make` fills a temporary folder, which is renamed when it is whole."""
    if folder.is_dir():
        os.utime(folder)  # it is in use: forget_older goes by this
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


def forget_older(folder: Path, prefix: str, kept: int) -> None:
    """Remove all but the newest `kept` of the made folders whose names begin with `prefix`, and their locks."""
    made = [path for path in folder.glob(f"{prefix}*") if path.is_dir()]
    for path in sorted(made, key=lambda one: one.stat().st_mtime, reverse=True)[kept:]:
        shutil.rmtree(path, ignore_errors=True)
        path.with_name(f".{path.name}.lock").unlink(missing_ok=True)


def compute_size(folder: Path) -> int:
    """Compute how many bytes the files below a folder take."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


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
