"""The base of our images where no registry is asked: Debian with Python, made by debootstrap, cached by its recipe."""

import os
import shutil
from functools import partial
from pathlib import Path

from devtools.cluster.image_archive import Layer, read_layer
from devtools.machine.cache import compute_key, find_cache_folder, forget_older, make_once
from devtools.machine.debian_packages import require
from devtools.machine.needs import require_root
from devtools.machine.progress import OWN_MOUNTS, Progress, run_reported

SUITE = "bookworm"
BASE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# python3 and venv are what our Dockerfile asks of its base; stellar-core fetches history by curl.
PACKAGES = ("python3", "python3-venv", "ca-certificates", "curl")
# Caches of apt, what nobody reads, and devices, which the container runtime makes.
LEFT_OUT = (
    *("./var/cache/apt/*", "./var/lib/apt/lists/*", "./var/log/*"),
    *("./usr/share/doc/*", "./usr/share/info/*", "./usr/share/locale/*", "./usr/share/man/*"),
    *("./dev/*", "./proc/*", "./sys/*"),
)
KEPT = 2
_RECIPE = "1"  # raise it when the steps below change


def build_base(progress: Progress) -> Layer:
    """Build the base image's only layer, unless the cache has it; a minute when it has not.

    READPOOL_DEBIAN_MIRROR names another mirror than debootstrap's own.

    Raises:
        UnmetNeedError: without root or debootstrap.
        CommandError: when debootstrap fails.
    """
    folder = make_once(_find_folder(), partial(_bootstrap, progress), progress)
    forget_older(folder.parent, "base-", KEPT)
    return Layer(folder / "layer.tar", (folder / "digest").read_text())


def _find_folder() -> Path:
    return find_cache_folder() / "images" / f"base-{compute_key([_RECIPE, SUITE, *PACKAGES, *LEFT_OUT])}"


def _bootstrap(progress: Progress, folder: Path) -> None:
    require_root("debootstrap")
    require("debootstrap", "debian-archive-keyring", progress=progress)
    root = folder / "root"
    mirror = [named] if (named := os.environ.get("READPOOL_DEBIAN_MIRROR")) else []
    command = [
        *OWN_MOUNTS,
        "debootstrap",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        SUITE,
        str(root),
        *mirror,
    ]
    run_reported(command, f"making the base image, Debian {SUITE}", progress)
    excluded = [f"--exclude={pattern}" for pattern in LEFT_OUT]
    layer = folder / "layer.tar"
    pack = ["tar", "--numeric-owner", "--sort=name", *excluded, "-C", str(root), "-cf", str(layer), "."]
    run_reported(pack, "packing the base image", progress)
    shutil.rmtree(root)
    (folder / "digest").write_text(read_layer(layer).digest)
