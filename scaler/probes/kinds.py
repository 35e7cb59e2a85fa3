"""What kinds of node there are to ask."""

from enum import StrEnum


class ProbeKind(StrEnum):
    """What kind of node a fleet or a reference is made of."""

    CORE = "core"
    RPC = "rpc"
    HORIZON = "horizon"
    ARCHIVE = "archive"
    """A reference only."""
