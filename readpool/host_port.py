"""HOST:PORT as flags give it, and the error of a setting that cannot be worked with. Under the programs' settings."""

import ipaddress
from dataclasses import dataclass

_MAXIMUM_PORT = 65535


class SettingsError(ValueError):
    """A setting that cannot be worked with. The message names the flag, the value and what is allowed."""


class StartError(SettingsError):
    """The settings are right, and the program cannot start with them: an address in use, no cluster, a bad TLS file."""


@dataclass(frozen=True, slots=True)
class HostPort:
    """An address to listen on or to ask. An IPv6 host is kept without its brackets; port 0 takes a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        """Write it as it was given: brackets around IPv6."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_host_port(text: str) -> HostPort:
    """Parse HOST:PORT, with brackets around an IPv6 host; an empty host means all addresses.

    Raises:
        SettingsError: when the text is not of that form.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > _MAXIMUM_PORT:
        raise SettingsError(f"{text!r} is not HOST:PORT with a port of 0 to {_MAXIMUM_PORT}, such as 0.0.0.0:9090")
    if host.startswith("[") and host.endswith("]"):
        return HostPort(_parse_ipv6(host[1:-1], text), int(port))
    if ":" in host or "[" in host or "/" in host or any(character.isspace() for character in host):
        raise SettingsError(f"{text!r} is not HOST:PORT; an IPv6 address needs brackets, such as [::1]:9090")
    return HostPort(host or "::", int(port))


def _parse_ipv6(host: str, text: str) -> str:
    try:
        return str(ipaddress.IPv6Address(host))
    except ValueError:
        raise SettingsError(f"{host!r} in {text!r} is not an IPv6 address") from None
