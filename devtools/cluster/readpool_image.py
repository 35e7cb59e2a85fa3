"""Our own images, from the real Dockerfile by buildah, on the base of debian_base.py: readpool's, the simulated Core's.

Built once for each content of what the Dockerfile copies. buildah's own storage stays in the cache as well.
"""

import os
import subprocess
import tempfile
from functools import partial
from pathlib import Path

from devtools.cluster.build_context import copy_context
from devtools.cluster.debian_base import BASE_PATH
from devtools.cluster.image_archive import NEXT, Layer, read_layer_sizes, rename_archive, write_archive
from devtools.cluster.pip_settings import read_pip_settings
from devtools.machine.cache import compute_key, compute_size, find_cache_folder, forget_older, hold_lock, make_once
from devtools.machine.debian_packages import require
from devtools.machine.needs import GIB, require_disk, require_root
from devtools.machine.progress import OWN_MOUNTS, Progress, run_reported

CHECKOUT = Path(__file__).resolve().parents[2]
MOST_ADDED_BYTES = 136_000_000
DISK_GIB = 4.0
SIMULATED_CORE = "simulated-stellar-core"
KEPT = 4  # images of earlier states of the checkout
MOST_STORED_BYTES = 8 * GIB  # then buildah starts over
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


class ImageTooLargeError(RuntimeError):
    """Our image adds more to its base than it may."""


def build_readpool_image(
    base: Layer, progress: Progress, checkout: Path = CHECKOUT, kept_as: str = "readpool"
) -> tuple[str, Path]:
    """Build our image of a checkout, unless the cache has it; return its reference and its archive.

    The cache keeps the newest ones of each `kept_as`.

    Raises:
        UnmetNeedError: without root, buildah or space.
        CommandError: when the build fails.
        ImageTooLargeError: when it adds more than MOST_ADDED_BYTES to its base.
    """
    images = find_cache_folder() / "images"
    with tempfile.TemporaryDirectory(prefix="readpool-context-") as temporary:
        context = Path(temporary)
        tag = f"{copy_context(checkout, context)[:8]}-{base.digest[:8]}"
        reference = f"localhost/readpool:{tag}"
        build = partial(_build, base, context, reference, progress)
        folder = make_once(images / f"{kept_as}-{tag}", build, progress)
    forget_older(images, f"{kept_as}-", KEPT)
    return reference, folder / "image.tar"


def build_simulated_core_image(program: Path, base: Layer, progress: Progress) -> tuple[str, Path]:
    """Build the Dockerfile's image of the simulated Core, unless it is cached; return its reference and its archive.

    The archive names it twice, the second time with NEXT at its end.

    Args:
        program: the simulated Core as this checkout builds it: the image is called by its content.
        base: the layer that the image stands on.
        progress: is told what is done.

    Raises:
        UnmetNeedError: without root, buildah or space.
        CommandError: when the build fails.
    """
    images = find_cache_folder() / "images"
    recipe = (CHECKOUT / "Dockerfile").read_bytes()
    tag = compute_key([program.read_bytes(), recipe, base.digest])[:8]
    reference = f"localhost/{SIMULATED_CORE}:{tag}"

    def build(folder: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="readpool-context-") as temporary:
            copy_context(CHECKOUT, Path(temporary))
            _run_buildah(base, Path(temporary), reference, progress, folder / "one-name.tar", target="simulated-core")
        rename_archive(folder / "one-name.tar", folder / "image.tar", [reference, reference + NEXT])
        (folder / "one-name.tar").unlink()

    folder = make_once(images / f"{SIMULATED_CORE}-{tag}", build, progress)
    forget_older(images, f"{SIMULATED_CORE}-", 2)
    return reference, folder / "image.tar"


def compute_added_bytes(archive: Path, base: Layer) -> int:
    """Compute what an image adds to its base: the size of the layers above it.

    Raises:
        ValueError: when its lowest layer is not the base.
    """
    lowest, *added = read_layer_sizes(archive)
    if lowest != base.path.stat().st_size:
        raise ValueError(f"{archive} does not stand on {base.path}")
    return sum(added)


def _build(base: Layer, context: Path, reference: str, progress: Progress, folder: Path) -> None:
    archive = folder / "image.tar"
    _run_buildah(base, context, reference, progress, archive)
    _check_size(archive, base, progress)


def _run_buildah(
    base: Layer, context: Path, reference: str, progress: Progress, archive: Path, target: str = "readpool"
) -> None:
    """Build a target of the Dockerfile into an archive; a layer that another target has as well is built once."""
    folder = archive.parent
    require_root("buildah with chroot isolation")
    require("buildah", progress=progress)
    require_disk(folder, DISK_GIB)
    with hold_lock(find_cache_folder() / ".buildah.lock", progress):
        buildah = _start_buildah()
        name = load_base(buildah, base, progress)
        command = [*buildah, "bud", "--isolation", "chroot", "--layers", "--target", target]
        command += ["--build-arg", f"BASE={name}", *lend_settings(folder), "--tag", reference, str(context)]
        run_reported(command, f"building the image {target}", progress)
        export = [*buildah, "push", reference, f"docker-archive:{archive}:{reference}"]
        run_reported(export, f"exporting the image {target}", progress)
    (folder / "pip.conf").unlink()


def _start_buildah() -> list[str]:
    root = find_cache_folder() / "buildah"
    if root.is_dir() and compute_size(root) > MOST_STORED_BYTES:
        remove_aside(root)
    return find_buildah(root)


def find_buildah(root: Path) -> list[str]:
    """Find the command of buildah with its storage in this folder, on overlayfs where the machine can."""
    for driver in ("overlay", "vfs"):
        store = root / driver
        command = [
            *OWN_MOUNTS,
            "buildah",
            "--storage-driver",
            driver,
            "--root",
            f"{store}/root",
            "--runroot",
            f"{store}/run",
        ]
        if driver == "vfs" or subprocess.run([*command, "info"], capture_output=True, check=False).returncode == 0:
            return command
    raise AssertionError("vfs works everywhere")


def remove_aside(root: Path) -> None:
    """Remove a folder without waiting for it: of hundreds of thousands of files that can take an hour."""
    aside = Path(tempfile.mkdtemp(prefix=f".{root.name}-", dir=root.parent))
    root.rename(aside / root.name)
    subprocess.run(["sh", "-c", 'exec rm -rf "$1" </dev/null >/dev/null 2>&1 &', "sh", aside], check=True)


def load_base(buildah: list[str], base: Layer, progress: Progress) -> str:
    """Load the base into buildah's storage unless it is there, and return its name."""
    name = f"localhost/readpool-base:{base.digest[:16]}"
    known = subprocess.run([*buildah, "inspect", "--type", "image", name], capture_output=True, check=False)
    if known.returncode != 0:
        with tempfile.TemporaryDirectory(dir=base.path.parent) as temporary:
            archive = Path(temporary) / "base.tar"
            write_archive(archive, name, [base], {"User": "", "Env": [f"PATH={BASE_PATH}"]})
            run_reported([*buildah, "pull", f"docker-archive:{archive}"], "loading the base image", progress)
    return name


def lend_settings(folder: Path) -> list[str]:
    """Write a pip.conf into the folder, and return the options that lend the build this machine's way to packages.

    They are mounts, which leave no trace in the image.
    """
    settings = read_pip_settings()
    options = []
    authorities = settings.pop("cert", None) or os.environ.get("SSL_CERT_FILE")
    if authorities:
        settings["cert"] = AUTHORITIES
        options += ["--volume", f"{authorities}:{AUTHORITIES}:ro"]
    configuration = folder / "pip.conf"
    lines = [f"{name} = {value}" for name, value in settings.items()]
    configuration.write_text("\n".join(["[global]", *lines, ""]), encoding="utf-8")
    return [*options, "--volume", f"{configuration}:/etc/pip.conf:ro"]


def _check_size(archive: Path, base: Layer, progress: Progress) -> None:
    added = compute_added_bytes(archive, base)
    progress(f"the image of readpool adds {added / 1e6:.0f} MB to its base")
    if added > MOST_ADDED_BYTES:
        raise ImageTooLargeError(
            f"{added / 1e6:.0f} MB are added to the base; {MOST_ADDED_BYTES / 1e6:.0f} are the most"
        )
