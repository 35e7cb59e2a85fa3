"""The scalers and controllers that most end-to-end tests share, installed by helm from our chart as people do."""

from tests.cluster.access import Access
from tests.cluster.provided import ImageReferences
from tests.e2e.cluster.own_release import OwnRelease, install_own_release

NAMESPACE = "readpool"
POLL_SECONDS = 2
"""A ledger of the accelerated network takes 1 s; each second would leave a busy machine too little time to answer."""


def install_shared_release(access: Access, images: ImageReferences) -> OwnRelease:
    """Install scalers and controllers, or mend them where something is gone, and wait until they are ready."""
    access.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    controller = {"resources": {"requests": {"cpu": "10m"}}}
    return install_own_release(
        *(access, NAMESPACE, images.readpool, {"pollInterval": POLL_SECONDS}),
        controller=controller,
        crds={"install": True},
        gate={"image": images.gate or ""},
    )
