"""What a pool says of its network: which one, and who is trusted on its newest ledger. Under readpool.pool.spec."""

from enum import StrEnum

from readpool.pool.rules import Part
from readpool.pool.scalars import Url


class Network(StrEnum):
    """The Stellar network that a pool follows."""

    MAINNET = "Mainnet"
    TESTNET = "Testnet"
    FUTURENET = "Futurenet"
    CUSTOM = "Custom"


class ReferenceType(StrEnum):
    """What a reference is, and so how it is asked."""

    CORE = "core"
    HORIZON = "horizon"
    RPC = "rpc"
    ARCHIVE = "archive"


class Reference(Part):
    """A node whose word on the network's newest ledger is trusted."""

    type: ReferenceType
    """core (GET /info), horizon (GET /), rpc (getHealth) or archive (the archive's root state file)."""
    url: Url
    """Where it answers, as in http://core.example.com:11626."""
