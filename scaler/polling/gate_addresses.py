"""Where does the gate beside each member tell of its readers? At the member's own address, and a port of its own."""

from collections.abc import Mapping
from urllib.parse import urlsplit


def place_gates(members: Mapping[str, str], port: int) -> dict[str, str]:
    """Place the gates of members, name to base URL, at one port of them all."""
    return {name: _replace_port(url, port) for name, url in members.items()}


def match_gates(members: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """Match gates that DNS named with the members of the same name or, where that is another, of the same address.

    Members that were found by a port's number may be known by their addresses. A gate of no member is left out.
    """
    by_host = {urlsplit(url).hostname: url for url in found.values()}
    matched = {name: found.get(name) or by_host.get(urlsplit(url).hostname) for name, url in members.items()}
    return {name: url for name, url in matched.items() if url is not None}


def _replace_port(url: str, port: int) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts._replace(netloc=f"[{host}]:{port}" if ":" in host else f"{host}:{port}").geturl()
