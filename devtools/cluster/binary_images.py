"""Images of one program each: the static ones of the cluster on nothing, stellar-core and Envoy on a Debian base.

Their tags come from what is in them, so that a node never mistakes an older one for this.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from devtools.cluster.builds import Binaries
from devtools.cluster.debian_base import BASE_PATH
from devtools.cluster.image_archive import NEXT, Layer, write_archive, write_layer
from devtools.cluster.parts import PARTS, read_version
from devtools.machine.cache import compute_key, find_cache_folder, forget_older, make_once
from devtools.machine.progress import Progress

TAG_DIGITS = 8
CORE_PLACE = "/usr/bin/stellar-core"
_RECIPE = "1"  # raise it when the images are put together in another way


@dataclass(frozen=True, slots=True)
class BinaryImage:
    """An image of one static binary: the part that it is built in, and where it lies in the image."""

    part: str
    binary: str
    place: str


BINARY_IMAGES: Mapping[str, BinaryImage] = {
    "pause": BinaryImage("pause", "pause", "/pause"),
    "coredns": BinaryImage("coredns", "coredns", "/coredns"),
    # Where KEDA's own manifests look for them.
    "keda-operator": BinaryImage("keda", "keda-operator", "/keda"),
    "keda-adapter": BinaryImage("keda", "keda-adapter", "/keda-adapter"),
    "keda-webhooks": BinaryImage("keda", "keda-webhooks", "/keda-admission-webhooks"),
}


def name_image(binaries: Binaries, name: str) -> str:
    """Name the image of a binary, with the version and the key of its build as the tag."""
    image = BINARY_IMAGES[name]
    outputs = binaries.path(image.binary).resolve().parent.name
    key = compute_key([_RECIPE, outputs, image.place])[:TAG_DIGITS]
    return f"localhost/{name}:{read_version(PARTS[image.part])}-{key}"


def build_binary_image(binaries: Binaries, name: str, progress: Progress) -> Path:
    """Return the archive of a static binary's image, written unless the cache has it."""
    image, reference = BINARY_IMAGES[name], name_image(binaries, name)
    return _keep(reference, partial(_write, reference, {image.place: binaries.path(image.binary)}, ()), progress)


def build_core_image(binary: Path, base: Layer, progress: Progress) -> tuple[str, Path]:
    """Return the reference and the archive of the image of a real stellar-core, written unless the cache has it.

    It is laid out as the official image: the program on PATH as stellar-core, which is the entry point.
    """
    reference = f"localhost/stellar-core:{_compute_tag(binary, base, NEXT)}"
    write = partial(_write, reference, {CORE_PLACE: binary}, (base,), also=(reference + NEXT,))
    return reference, _keep(reference, write, progress)


def build_gate_image(envoy: Path, base: Layer, progress: Progress) -> tuple[str, Path]:
    """Return the reference and the archive of the image of an Envoy, written unless the cache has it."""
    reference = f"localhost/envoy:{_compute_tag(envoy, base)}"
    return reference, _keep(reference, partial(_write, reference, {"/usr/local/bin/envoy": envoy}, (base,)), progress)


def _compute_tag(binary: Path, base: Layer, *more: str) -> str:
    with binary.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return compute_key([_RECIPE, *more, digest, base.digest])[:TAG_DIGITS]


def _keep(reference: str, write: partial[None], progress: Progress) -> Path:
    images = find_cache_folder() / "images"
    name, tag = reference.removeprefix("localhost/").split(":")
    folder = make_once(images / f"{name}-{tag}", write, progress)
    forget_older(images, f"{name}-", 2)
    return folder / "image.tar"


def _write(
    reference: str, files: Mapping[str, Path], below: tuple[Layer, ...], folder: Path, also: tuple[str, ...] = ()
) -> None:
    (place,) = files
    layer = write_layer(folder / "layer.tar", files)
    settings = {"Entrypoint": [place], "Env": [f"PATH={BASE_PATH}"]}
    write_archive(folder / "image.tar", reference, [*below, layer], settings, also)
    layer.path.unlink()
