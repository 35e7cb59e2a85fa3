"""The scalers and controllers that most end-to-end tests share, installed by helm from our chart as people do."""

from pathlib import Path
from typing import Any

from devtools.cluster.access import Access
from devtools.cluster.provided import ImageReferences
from tests.e2e.cluster.own_release import CHART, OwnRelease, build_values, install_own_release

NAMESPACE = "readpool"
POLL_SECONDS = 2
"""A ledger of the accelerated network takes 1 s; each second would leave a busy machine too little time to answer."""


def install_shared_release(
    access: Access, images: ImageReferences, *, chart: Path = CHART, **others: Any
) -> OwnRelease:
    """Install scalers and controllers, or mend them where something is gone, and wait until they are ready.

    Endpoint discovery is served whoever wants it, so that a router in the other values restarts no controller. Pools
    may name references, so that all replicas of one can lag.
    """
    access.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    return install_own_release(access, NAMESPACE, images.readpool, chart=chart, **_shared(images), **others)


def build_shared_values(images: ImageReferences) -> dict[str, Any]:
    """Build the values of the shared release, for whoever installs it in another way and means to leave it there."""
    return build_values(images.readpool, **_shared(images))


def _shared(images: ImageReferences) -> dict[str, Any]:
    return {
        "scaler": {"pollInterval": POLL_SECONDS, "allowStaticNodes": True},
        "controller": {"resources": {"requests": {"cpu": "10m"}}, "eds": {"enabled": True}},
        "crds": {"install": True},
        "gate": {"image": images.gate or ""},
    }
