"""Which addresses may be polled. A trigger must not make the scaler fetch what only the scaler's own machine can reach.

Asked by the fetch for every address that it is about to connect to, after names are resolved, so that a name which
changes its mind between the check and the connection gains nothing.
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_METADATA = frozenset(
    ip_address(address)
    for address in (
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure's wire server
        "192.0.0.192",  # Oracle Cloud, classic
        "fd00:ec2::254",  # AWS
        "fd20:ce::254",  # Google Cloud
        "fd00:c1::a9fe:a9fe",  # Oracle Cloud
    )
)
"""Servers of credentials at addresses that are neither link-local nor loopback."""

_KEPT_ANSWERS = 32_768
"""Each poll asks, nearly always about an address that was asked about before."""

_NAT64 = IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE = IPv6Network("::/96")


@lru_cache(maxsize=_KEPT_ANSWERS)
def is_address(host: str) -> bool:
    """Tell whether a host is an IP address as Python writes it, rather than a name that must be resolved."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=_KEPT_ANSWERS)
def explain_refusal(address: str, *, allow_loopback: bool) -> str | None:
    """Say why an address may not be polled; None when it may.

    IPv4 addresses inside IPv6 ones (mapped, compatible, NAT64, 6to4) are judged as what they lead to.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return f"{address!r} is not an IP address"
    kind = _kind_of(_inner_address(parsed))
    if kind is None or (kind == "loopback" and allow_loopback):
        return None
    return f"{address} is no address that a replica may have: {kind}"


def _inner_address(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64 or (address in _IPV4_COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _kind_of(address: IPv4Address | IPv6Address) -> str | None:
    """Name the kind of address that nobody outside this machine or this link can have; None for all others."""
    is_this_network = isinstance(address, IPv4Address) and int(address) >> 24 == 0
    kinds = {
        "metadata": address in _METADATA,
        "loopback": address.is_loopback,
        "link-local": address.is_link_local,
        "multicast": address.is_multicast,
        "unspecified": address.is_unspecified or is_this_network,
        "reserved": address.is_reserved,
    }
    return next((kind for kind, holds in kinds.items() if holds), None)
