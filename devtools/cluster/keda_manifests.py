"""KEDA's own manifests, of the version that was built, with the images of our build in them."""

import os
import re
from collections.abc import Mapping

from devtools.cluster.binary_images import name_image
from devtools.cluster.builds import Binaries
from devtools.machine.progress import run_reported

# How KEDA's config/ calls the images of its registry.
IMAGES: Mapping[str, str] = {
    "keda": "keda-operator",
    "keda-metrics-apiserver": "keda-adapter",
    "keda-admission-webhooks": "keda-webhooks",
}
_IMAGE = re.compile(r"^(\s*-? *image: )ghcr\.io/kedacore/([a-z-]+):\S+$", re.MULTILINE)


def render_keda(binaries: Binaries) -> str:
    """Render config/default of KEDA by kustomize; the namespace is `keda`.

    Raises:
        CommandError: when kubectl refuses it.
        KeyError: when it names an image that is not built.
    """
    config = binaries.path("config").resolve()
    command = [os.fspath(binaries.path("kubectl")), "kustomize", os.fspath(config / "default")]
    return name_images(run_reported(command, "rendering KEDA", lambda _: None), binaries)


def name_images(manifests: str, binaries: Binaries) -> str:
    """Put our images in place of KEDA's, never to be pulled."""
    named = _IMAGE.sub(lambda found: found[1] + name_image(binaries, IMAGES[found[2]]), manifests)
    return re.sub(r"imagePullPolicy: \w+", "imagePullPolicy: Never", named)
