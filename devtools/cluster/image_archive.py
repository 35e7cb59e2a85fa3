"""Writes container images without a builder: layers from files, and docker archives from layers.

Enough for images of static binaries and for one binary on top of a base. The same content gives the same bytes.
"""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

NOBODY = "65532:65532"  # a number, so that Kubernetes can see that it is not root
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_CHUNK_BYTES = 1 << 20
NEXT = "-next"
"""The image of stellar-core has a second tag, which ends so: a version to upgrade to that behaves as the first."""


_WHITEOUT = ".wh."
"""What the name of an entry begins with that takes something away (OCI image specification, layers)."""


@dataclass(frozen=True, slots=True)
class Layer:
    """An uncompressed layer on disk and the digest (hexadecimal SHA-256) that names it."""

    path: Path
    digest: str


def read_layer(path: Path) -> Layer:
    """Read the digest of a layer that is already there."""
    with path.open("rb") as file:
        return Layer(path, hashlib.file_digest(file, "sha256").hexdigest())


def write_layer(path: Path, files: Mapping[str, Path]) -> Layer:
    """Write a layer with these executables, each at an absolute path, and with an empty /tmp."""
    with tarfile.open(path, "w") as tar:
        for folder in _list_folders(files):
            tar.addfile(_describe(folder, tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755))
        for place, source in sorted(files.items()):
            entry = _describe(place.lstrip("/"), tarfile.REGTYPE, 0o755)
            entry.size = source.stat().st_size
            with source.open("rb") as file:
                tar.addfile(entry, file)
    return read_layer(path)


def write_archive(
    path: Path, reference: str, layers: Sequence[Layer], settings: Mapping[str, Any], also: Sequence[str] = ()
) -> None:
    """Write an image as a docker archive that names it; `settings` are its Entrypoint, User, Env and so on.

    `also` are further names of the same image.
    """
    config = {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {"User": NOBODY, **settings},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer in layers]},
        "history": [{"created_by": "devtools/cluster"} for _ in layers],  # buildah counts them
    }
    encoded = json.dumps(config, sort_keys=True).encode()
    config_name = f"{hashlib.sha256(encoded).hexdigest()}.json"
    names = [f"{layer.digest}.tar" for layer in layers]
    manifest = json.dumps([{"Config": config_name, "RepoTags": [reference, *also], "Layers": names}]).encode()
    with tarfile.open(path, "w") as tar:
        for name, content in ((config_name, encoded), ("manifest.json", manifest)):
            _add_bytes(tar, name, content)
        for name, layer in zip(names, layers, strict=True):
            entry = _describe(name, tarfile.REGTYPE, 0o644)
            entry.size = layer.path.stat().st_size
            with layer.path.open("rb", buffering=_CHUNK_BYTES) as file:
                tar.addfile(entry, file)


def rename_archive(archive: Path, renamed: Path, references: Sequence[str]) -> None:
    """Write a docker archive of one image again, with these names in place of those that it has."""
    with tarfile.open(archive) as old, tarfile.open(renamed, "w") as new:
        for entry in old:
            content = old.extractfile(entry) if entry.isreg() else None
            if entry.name == "manifest.json":
                assert content
                manifest = [{**one, "RepoTags": list(references)} for one in json.load(content)]
                _add_bytes(new, entry.name, json.dumps(manifest).encode())
            else:
                new.addfile(entry, content)


def read_modes(archive: Path) -> dict[str, int]:
    """Read the mode of each file that a container of an image has, by its path without a slash before it."""
    modes: dict[str, int] = {}
    with tarfile.open(archive) as tar:
        listed = tar.extractfile("manifest.json")
        assert listed
        for name in json.load(listed)[0]["Layers"]:
            with tarfile.open(fileobj=tar.extractfile(_follow(tar, name))) as layer:
                entries = {one.name.removeprefix("./"): one.mode for one in layer if not one.isdir()}
            for gone in filter(None, map(_find_gone, entries)):
                modes = {path: mode for path, mode in modes.items() if not f"{path}/".startswith(gone)}
            modes |= {path: mode for path, mode in entries.items() if not _find_gone(path)}
    return modes


def _find_gone(path: str) -> str:
    """Find what a layer takes from those below it by this entry, with a slash at its end; nothing as a rule."""
    folder, _, name = path.rpartition("/")
    if not name.startswith(_WHITEOUT):
        return ""
    return "/".join(filter(None, (folder, name.removeprefix(_WHITEOUT)))).removesuffix(f"/{_WHITEOUT}.opq") + "/"


def read_layer_sizes(archive: Path) -> list[int]:
    """Read the size of each layer of a docker archive of one image, in bytes, the lowest layer first."""
    with tarfile.open(archive) as tar:
        listed = tar.extractfile("manifest.json")
        assert listed
        layers = json.load(listed)[0]["Layers"]
        return [_follow(tar, name).size for name in layers]


def _follow(tar: tarfile.TarFile, name: str) -> tarfile.TarInfo:
    entry = tar.getmember(name)
    return _follow(tar, str(PurePosixPath(name).parent / entry.linkname)) if entry.issym() else entry


def _list_folders(files: Mapping[str, Path]) -> list[str]:
    parents = {str(parent).lstrip("/") for place in files for parent in PurePosixPath(place).parents}
    return sorted((parents | {"tmp"}) - {""})


def _describe(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    """Describe an entry that belongs to root and has no date, so that its bytes depend on its content alone."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = kind, mode
    return entry


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = _describe(name, tarfile.REGTYPE, 0o644)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
