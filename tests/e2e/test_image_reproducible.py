"""Two builds of one commit give one image: what a release publishes can be built again and compared by its digest.

`make release-image` as the release runs it, by buildah without its cache, in checkouts that differ in whatever no
build may depend on: where they are, when their files were written, and the umask of who wrote them.
"""

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from devtools.cluster.debian_base import build_base
from devtools.cluster.image_archive import Layer
from devtools.cluster.readpool_image import CHECKOUT, find_buildah, lend_settings, load_base
from devtools.machine.debian_packages import require
from devtools.machine.needs import UnmetNeedError, require_root
from devtools.strictness import skip_or_fail

BUILD_SECONDS = 900
LISTED = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")

pytestmark = [pytest.mark.full, pytest.mark.timeout(2 * BUILD_SECONDS)]


@pytest.fixture(scope="module")
def base() -> Layer:
    try:
        require_root("buildah with chroot isolation")
        require("buildah", progress=print)
        return build_base(print)
    except UnmetNeedError as error:
        skip_or_fail(str(error))


def copy_checkout(folder: Path, umask: int) -> Path:
    """Clone this checkout, and lay over it what is not committed."""
    subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(folder)], check=True, umask=umask)
    listed = subprocess.run(LISTED, cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (CHECKOUT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(CHECKOUT / name, folder / name)
    return folder


def build(checkout: Path, base: Layer, storage: Path, umask: int) -> Path:
    """Build the image in a checkout with an empty storage, and return it as an OCI archive."""
    storage.mkdir()
    buildah = find_buildah(storage / "store")
    name = load_base(buildah, base, print)
    shim = storage / "bin" / "buildah"
    shim.parent.mkdir()
    real = shlex.join(word if word != "buildah" else str(shutil.which("buildah")) for word in buildah)
    shim.write_text(f'#!/bin/sh\nexec {real} "$@"\n')
    shim.chmod(0o755)
    subprocess.run(
        ["make", "release-image", f"BASE={name}", f"ARGS={shlex.join(lend_settings(storage))}"],
        cwd=checkout,
        env={**os.environ, "PATH": f"{shim.parent}:{os.environ['PATH']}", "BUILDAH_ISOLATION": "chroot"},
        check=True,
        timeout=BUILD_SECONDS,
        umask=umask,
    )
    shutil.rmtree(storage)
    return checkout / "dist" / "readpool-image-amd64.tar"


def read_blob(archive: tarfile.TarFile, digest: str) -> Any:
    file = archive.extractfile(f"blobs/{digest.replace(':', '/')}")
    assert file is not None
    return file


def read_image(path: Path) -> tuple[str, dict[str, Any], dict[str, tuple[Any, ...]]]:
    """Read an image's digest, its configuration, and of each entry of its highest layer all that is written of it."""
    with tarfile.open(path) as archive:
        index = archive.extractfile("index.json")
        assert index is not None
        digest = json.load(index)["manifests"][0]["digest"]
        manifest = json.load(read_blob(archive, digest))
        config = json.load(read_blob(archive, manifest["config"]["digest"]))
        with tarfile.open(fileobj=read_blob(archive, manifest["layers"][-1]["digest"])) as layer:
            entries = {one.name: describe_entry(layer, one) for one in layer}
    return digest, config, entries


def describe_entry(layer: tarfile.TarFile, entry: tarfile.TarInfo) -> tuple[Any, ...]:
    content = layer.extractfile(entry) if entry.isreg() else None
    digest = hashlib.sha256(content.read()).hexdigest() if content else entry.linkname
    return entry.type, oct(entry.mode), entry.uid, entry.gid, entry.mtime, digest


def test_two_builds_of_a_commit_give_one_digest(base: Layer, tmp_path: Path) -> None:
    built = []
    for name, umask in (("one", 0o022), ("another", 0o002)):
        checkout = copy_checkout(tmp_path / name / "checkout", umask)
        built.append(read_image(build(checkout, base, tmp_path / name / "storage", umask)))
    (digest, config, entries), (other_digest, other_config, other_entries) = built
    names = entries.keys() | other_entries.keys()
    unlike = {name: (entries.get(name), other_entries.get(name)) for name in names}
    assert [(name, *pair) for name, pair in sorted(unlike.items()) if pair[0] != pair[1]][:20] == []
    assert config == other_config
    assert list(entries) == list(other_entries)
    assert len(entries) > 1000
    assert digest == other_digest
