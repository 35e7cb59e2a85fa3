"""Which addresses may be polled? The rules are readpool.addresses'; here answers are kept, since each poll asks."""

from functools import lru_cache

from readpool import addresses
from readpool.addresses import ANY_NETWORK, NetworkRules

_KEPT_ANSWERS = 32_768
"""Each poll asks, nearly always about an address that was asked about before."""


@lru_cache(maxsize=_KEPT_ANSWERS)
def is_address(host: str) -> bool:
    """Return whether a host is an IP address as Python writes it, rather than a name that must be resolved."""
    return addresses.is_address(host)


@lru_cache(maxsize=_KEPT_ANSWERS)
def explain_refusal(address: str, *, allow_loopback: bool, networks: NetworkRules = ANY_NETWORK) -> str | None:
    """Explain why an address may not be polled; None if it may."""
    return addresses.explain_refusal(address, allow_loopback=allow_loopback, networks=networks)
