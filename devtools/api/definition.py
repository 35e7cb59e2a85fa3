"""The definition of ReadOnlyPool on an API server, applied as kubectl's users do."""

from devtools.api.api_server import ApiServer
from devtools.cluster.waiting import wait_for
from readpool.pool.crd import render_crd


def install_crd(server: ApiServer) -> None:
    """Apply the definition as kubectl's users do, and return when pools can be made."""
    server.access.kubectl("apply", "-f", "-", stdin=render_crd())
    # `kubectl wait` for Established fails where there is no status yet, and says too little where there is: it comes
    # before each part of the API server has heard of the new kind.
    wait_for("ReadOnlyPools to be served", lambda: _is_served(server), seconds=30, every=0.1)


def _is_served(server: ApiServer) -> bool:
    return "readonlypools" in server.access.kubectl(
        "api-resources", "--api-group=stellar.org", "--cached=false", "-o", "name"
    )
