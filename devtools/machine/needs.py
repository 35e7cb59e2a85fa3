"""What the machine must have before anything slow starts: Go, space on the disk, root.

Each check passes in silence or raises UnmetNeedError with one sentence that says what is missing and how to get it.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

GIB = 2**30
_VERSION = re.compile(r"go(\d+)\.(\d+)(?:\.(\d+))?")


class UnmetNeedError(RuntimeError):
    """The machine lacks something that a person has to provide."""


def require_root(why: str) -> None:
    """Refuse to go on without root."""
    if os.geteuid() != 0:
        raise UnmetNeedError(f"{why} needs root: run it as root, or with sudo.")


def require_disk(folder: Path, gib: float) -> None:
    """Refuse to go on where the disk of `folder`, which need not exist yet, has less than `gib` GiB free."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free / GIB
    if free < gib:
        raise UnmetNeedError(
            f"{folder} needs {gib:.0f} GiB free and its disk has {free:.1f}: make room, or set READPOOL_CACHE."
        )


def require_go(wanted: str, folder: Path, environment: Mapping[str, str]) -> None:
    """Refuse to go on without a Go of at least `wanted` ("1.26.0"), as the go command in `folder` chooses it."""
    if shutil.which("go") is None:
        raise UnmetNeedError(f"There is no go on PATH; the cluster is built with Go {wanted} or newer (go.dev/dl).")
    asked = subprocess.run(
        ["go", "env", "GOVERSION"],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    found = asked.stdout.strip() if asked.returncode == 0 else asked.stderr.strip()
    if asked.returncode != 0 or parse_go_version(found) < parse_go_version(f"go{wanted}"):
        raise UnmetNeedError(
            f"The cluster is built with Go {wanted} or newer (go.dev/dl); the go on PATH says: {found}"
        )


def parse_go_version(text: str) -> tuple[int, int, int]:
    """Parse `go1.26.8`, with whatever follows.

    Raises:
        ValueError: when it is no version of Go.
    """
    found = _VERSION.match(text)
    if not found:
        raise ValueError(f"no version of Go: {text!r}")
    return int(found[1]), int(found[2]), int(found[3] or 0)
