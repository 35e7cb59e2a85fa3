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
    """The kind of a reference, which decides how it is polled."""

    CORE = "core"
    HORIZON = "horizon"
    RPC = "rpc"
    ARCHIVE = "archive"


class Reference(Part):
    """A node that is trusted to report the network's newest ledger."""

    type: ReferenceType
    """core (polled by GET /info), horizon (GET /), rpc (getHealth) or archive (the archive's root state file)."""
    url: Url
    """URL of the node, such as http://core.example.com:11626."""
