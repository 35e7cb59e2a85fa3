"""Builds the programs of the cluster from the pinned modules, once for each state of the pins.

Outputs go to builds/PART-KEY in the cache; one folder of links joins those of all parts, fit for PATH.
"""

import json
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from devtools.cluster.parts import PARTS, Part, build_linker_flags, compute_part_key, read_go_version
from devtools.machine.cache import compute_key, find_cache_folder, make_once
from devtools.machine.needs import UnmetNeedError, require_disk, require_go
from devtools.machine.progress import CommandError, Progress, run_reported

# Everything that decides what comes out; the rest of the environment (proxies, GOPROXY, GOCACHE) stays the user's.
SETTINGS = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false", "GOWORK": "off"}
DISK_GIB = 6.0
_UNREACHED = re.compile(r"dial tcp|no such host|i/o timeout|TLS handshake|x509:|proxyconnect|Forbidden|\b50[234]\b")


@dataclass(frozen=True, slots=True)
class Binaries:
    """What was built: `folder` holds every binary, and may be put on PATH."""

    folder: Path

    def path(self, name: str) -> Path:
        """Return the path of one binary.

        Raises:
            KeyError: when no such one was built.
        """
        found = self.folder / name
        if not found.exists():
            there = ", ".join(sorted(path.name for path in self.folder.iterdir()))
            raise KeyError(f"{name} was not built; there are: {there}")
        return found


def build_all(parts: Iterable[str] = tuple(PARTS), progress: Progress = print) -> Binaries:
    """Build the named parts, or those of them that the cache does not hold.

    Raises:
        UnmetNeedError: when Go, the disk or the network does not do.
        CommandError: when a build fails.
    """
    return build_parts([PARTS[name] for name in parts], progress)


def build_parts(chosen: Sequence[Part], progress: Progress) -> Binaries:
    """Build these parts; as build_all, which names them."""
    missing = [part for part in chosen if not find_outputs(part).is_dir()]
    if missing:
        require_go(read_go_version(missing), missing[0].pins, SETTINGS)
        require_disk(find_cache_folder(), DISK_GIB)
        _download(missing, progress)
    folders = [make_once(find_outputs(part), partial(_build, part, progress), progress) for part in chosen]
    return Binaries(_join(folders, progress))


def find_outputs(part: Part) -> Path:
    """Find the folder of a part's outputs, which need not be there yet."""
    key = compute_part_key(part, json.dumps(SETTINGS))
    return find_cache_folder() / "builds" / f"{part.name}-{key}"


def _download(parts: Sequence[Part], progress: Progress) -> None:
    """Fetch the modules of all parts at once: the network waits, the processor does not."""
    with ThreadPoolExecutor(max_workers=len(parts)) as pool:
        for done in [pool.submit(_download_part, part, progress) for part in parts]:
            done.result()


def _download_part(part: Part, progress: Progress) -> None:
    # Not `go mod download`: it fetches whatever go.mod names, and the tests of others need twice as much.
    command = ["go", "list", *_build_tags(part), "-deps", "-f", "", *part.binaries]
    try:
        run_reported(command, f"fetching the modules of {part.name}", progress, folder=part.pins, environment=SETTINGS)
    except CommandError as error:
        if not _UNREACHED.search(str(error)):
            raise
        proxy = os.environ.get("GOPROXY") or "the default GOPROXY"
        raise UnmetNeedError(f"The Go modules of {part.name} cannot be fetched from {proxy}: {error}") from error


def _build(part: Part, progress: Progress, folder: Path) -> None:
    flags = [*_build_tags(part), "-ldflags", build_linker_flags(part)]
    command = ["go", "build", *flags, "-o", f"{folder}/", *part.binaries]
    run_reported(command, f"building {part.name}", progress, folder=part.pins, environment=SETTINGS)
    for package, name in part.binaries.items():
        (folder / _built_name(part, package)).rename(folder / name)
    for source, name in part.folders.items():
        shutil.copytree(_find_source(part) / source, folder / name, copy_function=shutil.copyfile)


def _build_tags(part: Part) -> list[str]:
    return ["-tags", ",".join(part.tags)] if part.tags else []


def _built_name(part: Part, package: str) -> str:
    """Return the name that `go build` chooses: the last element of the path that is no major version."""
    elements = part.name if package == "." else package
    return next(name for name in reversed(elements.split("/")) if not re.fullmatch(r"v\d+", name))


def _find_source(part: Part) -> Path:
    command = ["go", "list", "-m", "-f", "{{.Dir}}", part.module]
    listed = run_reported(
        command, f"finding the source of {part.name}", _keep_quiet, folder=part.pins, environment=SETTINGS
    )
    return Path(listed.strip())


def _keep_quiet(_line: str) -> None:
    """Print nothing of what takes no time."""


def _join(folders: Sequence[Path], progress: Progress) -> Path:
    """Make the folder of links to every output of these folders."""

    def link(joined: Path) -> None:
        for output in (output for folder in folders for output in folder.iterdir()):
            (joined / output.name).symlink_to(Path("..") / output.parent.name / output.name)

    key = compute_key(sorted(folder.name for folder in folders))
    return make_once(find_cache_folder() / "builds" / f"all-{key}", link, progress)
