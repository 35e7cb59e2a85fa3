"""All images that the cluster and the tests on it run, as archives to import and as the references that pods name.

Nothing is pulled from a registry: ours comes from the real Dockerfile, the rest from one binary each.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from devtools.cluster.binary_images import (
    BINARY_IMAGES,
    build_binary_image,
    build_core_image,
    build_gate_image,
    name_image,
)
from devtools.cluster.builds import Binaries
from devtools.cluster.debian_base import build_base
from devtools.cluster.readpool_image import build_readpool_image, build_simulated_core_image
from devtools.core.core_under_test import is_real, require_core
from devtools.envoy.envoy_binary import EnvoyMissingError, find_envoy
from devtools.machine.progress import Progress


@dataclass(frozen=True, slots=True)
class Images:
    """What was built.

    Attributes:
        archives: docker archives, one an image, with the reference in each; those of the cluster itself come first.
        core: of the Stellar Core that tests run on, the simulated one as a rule, with curl and a shell beside it.
        gate: Envoy's; None where there is no Envoy to be had.
    """

    archives: tuple[Path, ...]
    pause: str
    coredns: str
    keda_operator: str
    keda_adapter: str
    keda_webhooks: str
    readpool: str
    core: str
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
    build_core = build_core_image if is_real() else build_simulated_core_image
    core, archive = build_core(require_core(), base, progress)
    archives.append(archive)
    gate = None
    with contextlib.suppress(EnvoyMissingError):
        gate, archive = build_gate_image(find_envoy(), base, progress)
        archives.append(archive)
    references = {name.replace("-", "_"): name_image(binaries, name) for name in BINARY_IMAGES}
    return Images(archives=tuple(archives), readpool=readpool, core=core, gate=gate, **references)
