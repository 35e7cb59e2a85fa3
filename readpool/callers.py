"""Who calls? The address of a gRPC peer, without the port that differs with each connection. Pure."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from urllib.parse import unquote

UNKNOWN = "unknown"


@lru_cache(maxsize=4096)
def read_caller(peer: str) -> str:
    """Read the address of a peer as gRPC names it: `ipv4:10.0.0.7:51234`, `ipv6:%5Bfd00::7%5D:51234`, `unix:`.

    An IPv4 address is the same caller whichever way it came in.
    """
    kind, _, rest = peer.partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return kind or UNKNOWN
    return read_address(unquote(rest).rpartition(":")[0].strip("[]"))


def read_address(host: str) -> str:
    """Read an address as a socket names it, likewise."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return UNKNOWN
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
