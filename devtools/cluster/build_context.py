"""What our image is built from: the files that the Dockerfile may copy, and the key that their content gives.

Reads .dockerignore as a builder does: one pattern a line, the last that matches a path or a folder above it decides.
"""

import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from devtools.machine.cache import compute_key

BUILD_FILES = ("Dockerfile", ".dockerignore")


def list_context(checkout: Path) -> list[str]:
    """List the files of the checkout, tracked or new, that are sent to the builder."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=checkout, capture_output=True, check=True, text=True).stdout
    patterns = (checkout / ".dockerignore").read_text(encoding="utf-8").splitlines()
    names = {name for name in listed.split("\0") if name and (checkout / name).is_file()}
    return sorted(name for name in names if is_sent(name, patterns))


def is_sent(name: str, patterns: Iterable[str]) -> bool:
    """Return whether .dockerignore lets a file through."""
    places = [name, *(str(parent) for parent in PurePosixPath(name).parents if parent.name)]
    sent = True
    for line in patterns:
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        expression = _translate(pattern.removeprefix("!").strip("/"))
        if any(expression.fullmatch(place) for place in places):
            sent = pattern.startswith("!")
    return sent


def copy_context(checkout: Path, folder: Path) -> str:
    """Copy what is sent into a folder, so that edits during the build change nothing, and return its key."""
    names = list_context(checkout)
    for name in (*names, *BUILD_FILES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(checkout / name, folder / name)
    return compute_context_key(folder, names)


def compute_context_key(folder: Path, names: Sequence[str]) -> str:
    """Compute the key of these files and of what says how to build them."""
    return compute_key(piece for name in (*names, *BUILD_FILES) for piece in (name, (folder / name).read_bytes()))


def _translate(pattern: str) -> re.Pattern[str]:
    """Translate a pattern: `*` stays within a folder, `**/` is any number of them."""
    pieces = {"**/": "(.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return re.compile("".join(pieces.get(part, re.escape(part)) for part in parts))
