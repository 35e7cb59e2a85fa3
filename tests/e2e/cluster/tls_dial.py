"""A caller's own look at a scaler's TLS: is one with these certificates served by this pod now?"""

import contextlib
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.component.certificates import Pair
from tests.e2e.cluster.own_release import OwnRelease

_ANSWER_SECONDS = 10.0


def is_served(release: OwnRelease, pod: str, authorities: bytes, client: Pair) -> bool:
    """Dial one scaler anew, trusting `authorities` and showing a client's certificate; tell whether it answers."""
    credentials = grpc.ssl_channel_credentials(authorities, client.key, client.certificate)
    options = [("grpc.ssl_target_name_override", release.host), ("grpc.use_local_subchannel_pool", 1)]
    with (
        release.access.port_forward(release.namespace, f"pod/{pod}", 9090) as address,
        contextlib.closing(grpc.secure_channel(address, credentials, options)) as channel,
    ):
        health: Any = health_pb2_grpc.HealthStub(channel)  # the library's types know of no methods
        try:
            health.Check(health_pb2.HealthCheckRequest(), timeout=_ANSWER_SECONDS)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return False
    return True


def is_served_by_all(release: OwnRelease, authorities: bytes, client: Pair) -> bool:
    """Return whether every scaler of the release serves such a caller."""
    return all(is_served(release, pod, authorities, client) for pod in release.pods())
