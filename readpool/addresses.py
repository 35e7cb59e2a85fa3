"""Which addresses may be connected to on somebody else's word? Pure; the scaler and the controller both ask here.

Asked for the very address that is about to be connected to, after names are resolved, so that a name which changes its
mind between the check and the connection gains nothing.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from readpool.host_port import SettingsError

Network = IPv4Network | IPv6Network

_METADATA = tuple(
    ip_network(network)
    for network in (
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure's wire server
        "192.0.0.192",  # Oracle Cloud, classic
        "fd00:ec2::/32",  # AWS: ::254 metadata, ::23 EKS Pod Identity, ::253 DNS
        "fd20:ce::254",  # Google Cloud
        "fd00:c1::a9fe:a9fe",  # Oracle Cloud
        "fd00:42::42",  # Scaleway
        "fd00:a9fe:a9fe::1",  # Akamai (Linode)
    )
)
"""Servers of credentials at addresses that are neither link-local nor loopback."""

_HOLD_IPV4 = tuple(
    IPv6Network(network)
    for network in (
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64 of a network's own, RFC 8215
        "::ffff:0:0:0/96",  # translated, RFC 7915
        "::/96",  # compatible
    )
)
"""Prefixes of IPv6 addresses whose last 32 bits are an IPv4 address."""
_OWN_NAT64 = IPv6Network("64:ff9b:1::/48")
_SPLIT_PREFIXES = (48, 56, 64)
"""Lengths of prefixes of which the IPv4 address follows at once, around bits 64 to 71."""


@dataclass(frozen=True, slots=True)
class NetworkRules:
    """What an installation says of networks, beside what is refused always.

    Attributes:
        allowed: where any are given, addresses of these alone may be connected to.
        denied: addresses of these may not, also where they are within `allowed`.
    """

    allowed: tuple[Network, ...] = ()
    denied: tuple[Network, ...] = ()


ANY_NETWORK = NetworkRules()


def parse_networks(text: str) -> tuple[Network, ...]:
    """Parse networks with commas between them, such as 10.244.0.0/16,fd00:10:244::/56; an empty text means none.

    Raises:
        SettingsError: for the first that is not an address with the length of its prefix.
    """
    networks = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            networks.append(ip_network(part))
        except ValueError as error:
            raise SettingsError(f"{part!r} in {text!r} is not a network such as 10.244.0.0/16: {error}") from None
    return tuple(networks)


def is_address(host: str) -> bool:
    """Return whether a host is an IP address as Python writes it, rather than a name that must be resolved."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def explain_refusal(address: str, *, allow_loopback: bool = False, networks: NetworkRules = ANY_NETWORK) -> str | None:
    """Explain why an address is not allowed; None if it is.

    IPv4 addresses inside IPv6 ones (mapped, compatible, translated, NAT64, 6to4, Teredo) are judged as what they lead
    to.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return f"{address!r} is not an IP address"
    if isinstance(parsed, IPv6Address) and parsed.scope_id is not None:
        return f"{address} is not allowed: link-local, as an address with a zone is"
    inner = _list_inner_addresses(parsed)
    for kind in filter(None, map(_find_kind, inner)):
        if not (kind == "loopback" and allow_loopback):
            return f"{address} is not allowed: {kind}"
    if any(one in network for one in inner for network in networks.denied):
        return f"{address} is not allowed: it is in one of the denied networks"
    if networks.allowed and not any(inner[0] in network for network in networks.allowed):
        return f"{address} is not allowed: it is in none of the allowed networks"
    return None


def _find_inner_address(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if int(address) > 1 and any(address in network for network in _HOLD_IPV4):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _list_inner_addresses(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """List what an address may lead to: of a NAT64 of a network's own, in each place that RFC 6052 has for it."""
    inner = [_find_inner_address(address)]
    if isinstance(address, IPv6Address) and address in _OWN_NAT64:
        number = int(address)
        for prefix_bits in _SPLIT_PREFIXES:
            before = (number >> 64) & ((1 << (64 - prefix_bits)) - 1)
            after_bits = 32 - (64 - prefix_bits)
            after = (number >> (56 - after_bits)) & ((1 << after_bits) - 1)  # past the byte that is always 0
            inner.append(IPv4Address(before << after_bits | after))
    return [inner[0], *(one for one in inner[1:] if int(one) >> 24)]  # what begins with 0 is not in that place


def _find_kind(address: IPv4Address | IPv6Address) -> str | None:
    """Name the kind of address that no one outside this machine or this link can have; None for all others."""
    is_this_network = isinstance(address, IPv4Address) and int(address) >> 24 == 0
    kinds = {
        "metadata": any(address in network for network in _METADATA),
        "loopback": address.is_loopback,
        "link-local": address.is_link_local,
        "multicast": address.is_multicast,
        "unspecified": address.is_unspecified or is_this_network,
        "reserved": address.is_reserved,
    }
    return next((kind for kind, holds in kinds.items() if holds), None)
