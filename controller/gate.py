"""Who opens Core's ports to the network, and which are they? The one place that knows whether a gate is there.

With the gate Core stays on localhost, and the gate lets out GET /info and the query server. The container does not
exist yet: build_gate is its seam, and until it gives one, Core opens its ports and the NetworkPolicy guards them.
"""

from dataclasses import dataclass
from typing import Any

from controller.core_config import CorePorts
from readpool.pool.spec import PoolSpec

INFO_PORT = 11627
READ_PORT = 11628
CORE_PORTS = CorePorts()


@dataclass(frozen=True, slots=True)
class PodPorts:
    """Where a pod answers: `peer` to its network, `info` to the scaler (GET /info), `read` to readers."""

    peer: int
    info: int
    read: int


def build_gate(spec: PoolSpec, default_image: str | None) -> dict[str, Any] | None:  # noqa: ARG001 - what it will need
    """Build the gate's container; None where the pool wants none, and for as long as there is none to be had."""
    return None


def has_gate(spec: PoolSpec, default_image: str | None) -> bool:
    """Tell whether a gate stands before Core's ports."""
    return build_gate(spec, default_image) is not None


def choose_ports(spec: PoolSpec, default_image: str | None) -> PodPorts:
    """Say where a pod of this pool answers."""
    if has_gate(spec, default_image):
        return PodPorts(CORE_PORTS.peer, INFO_PORT, READ_PORT)
    return PodPorts(CORE_PORTS.peer, CORE_PORTS.command, CORE_PORTS.query)
