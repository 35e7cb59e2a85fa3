"""What the parts of the simulated Core pass to each other: a closed ledger, as peers and archives have it. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self


@dataclass(frozen=True)
class Header:
    """The header of a closed ledger.

    Attributes:
        num: its sequence number; genesis is 1.
        close_time: Unix seconds; 0 for genesis.
        previous_hash: of the ledger before it, 64 hexadecimal digits.
        transactions_hash: of the transactions that were applied in it.
        protocol: its version; 0 at genesis, until an upgrade is voted.
    """

    num: int
    close_time: int
    previous_hash: str
    transactions_hash: str
    protocol: int = 0
    base_fee: int = 100
    base_reserve: int = 100_000_000
    max_tx_set_size: int = 100

    @cached_property
    def hash(self) -> str:
        """The hash of all of it, 64 hexadecimal digits."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read it from JSON. Raises TypeError or KeyError for anything else."""
        return cls(**value)


@dataclass(frozen=True)
class ClosedLedger:
    """A closed ledger: its header, and the transaction envelopes that were applied in it, each as XDR."""

    header: Header
    transactions: tuple[bytes, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON, envelopes in hexadecimal digits."""
        return {"header": self.header.to_json(), "transactions": [one.hex() for one in self.transactions]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read it from JSON. Raises TypeError, KeyError or ValueError for anything else."""
        envelopes = tuple(bytes.fromhex(one) for one in value["transactions"])
        return cls(Header.from_json(value["header"]), envelopes)


def hash_transactions(transactions: tuple[bytes, ...]) -> str:
    """Hash the transactions of a ledger, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for one in transactions:
        digest.update(len(one).to_bytes(4, "big") + one)
    return digest.hexdigest()


GENESIS = Header(1, 0, "0" * 64, hash_transactions(()))
"""The first ledger of every network; which network it is, its state says: the root account's key is the network's."""
