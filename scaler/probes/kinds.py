"""What kinds of node there are to ask."""

from enum import StrEnum


class ProbeKind(StrEnum):
    """What kind of node a fleet or a reference is made of."""

    CORE = "core"
    RPC = "rpc"
    HORIZON = "horizon"
    ARCHIVE = "archive"
    """A reference only."""
    GATE = "gate"
    """Beside a node, telling of its readers: neither a fleet nor a reference is made of it."""


FLEET_KINDS = (ProbeKind.CORE, ProbeKind.RPC, ProbeKind.HORIZON)
"""What the replicas of a fleet can be."""
REFERENCE_KINDS = (ProbeKind.CORE, ProbeKind.RPC, ProbeKind.HORIZON, ProbeKind.ARCHIVE)
"""What can be evidence of the tip."""
