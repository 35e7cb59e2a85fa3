"""All images that the cluster and the tests on it run, as archives to import and as the references that pods name.

Nothing is pulled from a registry: ours comes from the real Dockerfile, the rest from one binary each.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.binary_images import (
    BINARY_IMAGES,
    build_binary_image,
    build_core_image,
    build_gate_image,
    name_image,
)
from tests.cluster.builds import Binaries
from tests.cluster.debian_base import build_base
from tests.cluster.progress import Progress
from tests.cluster.readpool_image import build_readpool_image
from tests.envoy_binary import EnvoyMissingError, find_envoy
from tests.stellar_core_binary import find_stellar_core


@dataclass(frozen=True, slots=True)
class Images:
    """What was built.

    Attributes:
        archives: docker archives, one an image, with the reference in each; those of the cluster itself come first.
        core: stellar-core's, with python3, curl and a shell beside it; None where no stellar-core was found.
        gate: Envoy's; None where there is no Envoy to be had.
    """

    archives: tuple[Path, ...]
    pause: str
    coredns: str
    keda_operator: str
    keda_adapter: str
    keda_webhooks: str
    readpool: str
    core: str | None
    gate: str | None


def build_images(binaries: Binaries, progress: Progress = print) -> Images:
    """Build every image, or those that the cache does not hold.

    Raises:
        UnmetNeedError: when root, a package or space is missing.
        CommandError: when a build fails.
        ImageTooLargeError: when ours adds too much to its base.
    """
    archives = [build_binary_image(binaries, name, progress) for name in BINARY_IMAGES]
    base = build_base(progress)
    readpool, archive = build_readpool_image(base, progress)
    archives.append(archive)
    gate, core = None, None
    with contextlib.suppress(EnvoyMissingError):
        gate, archive = build_gate_image(find_envoy(), base, progress)
        archives.append(archive)
    if found := find_stellar_core():
        core, archive = build_core_image(found, base, progress)
        archives.append(archive)
    references = {name.replace("-", "_"): name_image(binaries, name) for name in BINARY_IMAGES}
    return Images(archives=tuple(archives), readpool=readpool, core=core, gate=gate, **references)
