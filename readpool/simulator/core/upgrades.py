"""Upgrades of the network that a validator is armed with: parsed from /upgrades, shown, voted into a header. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Self

from readpool.simulator.core import PROTOCOL
from readpool.simulator.core.model import Header

HIGHEST = 2**32 - 1
ARGUMENTS = {
    "protocolversion": "version",
    "basefee": "fee",
    "maxtxsetsize": "maxtxsize",
    "basereserve": "reserve",
    "flags": "flags",
    "maxsorobantxsetsize": "maxsorobantxsetsize",
}
"""What each argument of mode=set is called in the answer of mode=get, in the order in which the status names them."""


class UpgradeError(Exception):
    """An argument that Core refuses; the message is what it answers."""


@dataclass(frozen=True, slots=True)
class Upgrades:
    """What is armed; None is not. `time` is Unix seconds from which on it is voted. Flags and Soroban are only kept."""

    time: int = 0
    protocolversion: int | None = None
    basefee: int | None = None
    maxtxsetsize: int | None = None
    basereserve: int | None = None
    flags: int | None = None
    maxsorobantxsetsize: int | None = None

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Self:
        """Read the arguments of mode=set. Raises UpgradeError."""
        values = {name: parse_number(name, query[name]) for name in ARGUMENTS if query.get(name)}
        protocol = values.get("protocolversion", 0)
        if protocol > PROTOCOL:
            raise UpgradeError(f"Protocol version error: supported is up to {PROTOCOL}, passed is {protocol}")
        return cls(time=_parse_time(query.get("upgradetime", "")), **values)

    def to_json(self) -> dict[str, object]:
        """Return it as mode=get answers it."""
        shown: dict[str, object] = {"configupgradesetkey": {"nullopt": True}, "time": self.time}
        for argument, name in ARGUMENTS.items():
            value = getattr(self, argument)
            shown[name] = {"nullopt": True} if value is None else {"data": value, "nullopt": False}
        return shown

    def describe(self) -> str | None:
        """Return the status text of a node that is armed; None when nothing is."""
        armed = [f"{name}={value}" for name in ARGUMENTS if (value := getattr(self, name)) is not None]
        if not armed:
            return None
        when = datetime.fromtimestamp(self.time, UTC)
        return "Armed with network upgrades: " + ", ".join([f"upgradetime={when:%Y-%m-%dT%H:%M:%SZ}", *armed])

    def vote(self, header: Header) -> Header:
        """Return the header with what is armed and due at its close time in force."""
        if header.close_time < self.time:
            return header
        return replace(
            header,
            protocol=header.protocol if self.protocolversion is None else max(header.protocol, self.protocolversion),
            base_fee=self.basefee or header.base_fee,
            base_reserve=self.basereserve or header.base_reserve,
            max_tx_set_size=header.max_tx_set_size if self.maxtxsetsize is None else self.maxtxsetsize,
        )

    def after(self, header: Header) -> Self:
        """Return what is still armed once `header` is closed: nothing that was due."""
        if header.close_time < self.time:
            return self
        return type(self)(time=self.time)


def parse_number(name: str, text: str) -> int:
    """Read the number of an argument. Raises UpgradeError."""
    if not text.isascii() or not text.isdigit() or int(text) > HIGHEST:
        raise UpgradeError(f"Failed to parse '{name}' argument")
    return int(text)


def _parse_time(text: str) -> int:
    try:
        when = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise UpgradeError("could not parse upgradetime") from None
    return int(when.timestamp())
