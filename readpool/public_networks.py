"""Reads networks.toml, the facts of the public networks that are part of the product.

Parsing is the part of readpool.networks, which does no I/O.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources

from readpool.networks import NetworkFacts, parse_networks


@cache
def load_public_networks() -> Mapping[str, NetworkFacts]:
    """Load the public networks by name: Mainnet, Testnet, Futurenet."""
    return parse_networks(resources.files("readpool").joinpath("networks.toml").read_text(encoding="utf-8"))


def list_protocols() -> Mapping[str, int]:
    """List the protocols that the public networks are at, by passphrase."""
    networks = load_public_networks().values()
    return {one.passphrase: one.protocol.number for one in networks if one.protocol is not None}
