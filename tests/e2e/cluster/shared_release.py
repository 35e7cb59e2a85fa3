"""The scalers that most end-to-end tests share, installed by helm from our chart as people do."""

from tests.cluster.access import Access
from tests.e2e.cluster.own_release import OwnRelease, install_own_release

NAMESPACE = "readpool"
POLL_SECONDS = 2
"""A ledger of the accelerated network takes 1 s; each second would leave a busy machine too little time to answer."""


def install_shared_release(access: Access, image: str) -> OwnRelease:
    """Install it, or mend it where something of it is gone, and wait until it is ready."""
    access.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    return install_own_release(access, NAMESPACE, image, {"pollInterval": POLL_SECONDS})
