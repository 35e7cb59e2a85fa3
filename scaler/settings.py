"""What the scaler was started with: parsed, within bounds, and without contradictions before anything runs.

Each flag of `readpool scaler` ends up here; files are only named here and read where they are needed.
"""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from readpool.addresses import ANY_NETWORK, NetworkRules
from readpool.host_port import HostPort, SettingsError, parse_host_port
from readpool.names import DNS_LABEL
from readpool.telemetry.logging import LogFormat, LogLevel
from readpool.tls_files import TlsFiles
from scaler.probes.kinds import REFERENCE_KINDS, ProbeKind
from scaler.triggers.fleet_spec import Reference
from scaler.triggers.node_urls import ALLOWED_URL, is_node_url

POLL_INTERVAL_SECONDS = (0.05, 300.0)
DRAIN_SECONDS = (0.0, 600.0)
STREAMS_PER_CALLER = (10, 8_000)
FLEETS_PER_NAMESPACE = (1, 10_000)
NODES_PER_NAMESPACE = (1, 20_000)
_LISTEN = HostPort("::", 9090)
_TELEMETRY_LISTEN = HostPort("::", 8080)


@dataclass(frozen=True, slots=True)
class PoolAccess:
    """How ReadOnlyPools are read: by a kubeconfig, else as the pod that this runs in; of all namespaces or of some."""

    kubeconfig: Path | None = None
    namespaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalerSettings:
    """All that one scaler process is told.

    Raises:
        SettingsError: when a value is out of its bounds.
    """

    listen: HostPort = _LISTEN
    telemetry_listen: HostPort = _TELEMETRY_LISTEN
    poll_interval_seconds: float = 5.0
    allow_static_nodes: bool = False
    allow_loopback_nodes: bool = False
    networks: NetworkRules = ANY_NETWORK
    references: tuple[Reference, ...] = ()
    pools: PoolAccess | None = None
    tls: TlsFiles | None = None
    dns_server: HostPort | None = None
    cluster_domain: str = "cluster.local"
    log_format: LogFormat = LogFormat.JSON
    log_level: LogLevel = LogLevel.INFO
    drain_seconds: float = 10.0
    streams_per_caller: int = 4_000
    fleets_per_namespace: int = 1_000
    nodes_per_namespace: int = 5_000

    def __post_init__(self) -> None:
        """Refuse what is out of bounds."""
        _check_within("--poll-interval", self.poll_interval_seconds, POLL_INTERVAL_SECONDS)
        _check_within("--drain-seconds", self.drain_seconds, DRAIN_SECONDS)
        _check_count("--streams-per-caller", self.streams_per_caller, STREAMS_PER_CALLER)
        _check_count("--fleets-per-namespace", self.fleets_per_namespace, FLEETS_PER_NAMESPACE)
        _check_count("--nodes-per-namespace", self.nodes_per_namespace, NODES_PER_NAMESPACE)
        if not all(DNS_LABEL.fullmatch(label) for label in self.cluster_domain.split(".")):
            raise SettingsError(
                f"--cluster-domain {self.cluster_domain!r} is not a domain name such as cluster.local "
                "(labels of lower-case letters, digits and hyphens, separated by dots)"
            )


def build_pool_access(
    kubeconfig: Path | None, namespaces: tuple[tuple[str, ...], ...], *, pools: bool
) -> PoolAccess | None:
    """Put the three flags on pools together; None where pools are not read.

    Raises:
        SettingsError: when a flag comes without the one it needs.
    """
    given = "--kubeconfig" if kubeconfig else "--namespaces" if namespaces else None
    if not pools and given:
        raise SettingsError(f"{given} requires --pools")
    every = (name for names in namespaces for name in names)
    return PoolAccess(kubeconfig, tuple(dict.fromkeys(every))) if pools else None


def parse_dns_server(text: str) -> HostPort:
    """Parse the address of a DNS server: an IP address, since a name would need a DNS server to be found.

    Raises:
        SettingsError: when it is not an IP address with a port of at least 1.
    """
    server = parse_host_port(text)
    try:
        ipaddress.ip_address(server.host)
    except ValueError:
        raise SettingsError(f"{text!r} must be an IP address with a port, such as 10.96.0.10:53") from None
    if server.port == 0:
        raise SettingsError(f"{text!r} must include the port that the server listens on, such as {server.host}:53")
    return server


def parse_reference(text: str) -> Reference:
    """Parse KIND=URL, such as horizon=https://horizon.stellar.org.

    Raises:
        SettingsError: when the kind is unknown or the URL is not one that a node may have.
    """
    kind, equals, url = text.partition("=")
    kinds = ", ".join(REFERENCE_KINDS)
    if not equals or kind not in REFERENCE_KINDS:
        raise SettingsError(f"{text!r} must be KIND=URL, where KIND is one of {kinds}")
    if not is_node_url(url):
        raise SettingsError(f"{url!r} in {text!r} is not {ALLOWED_URL}")
    return Reference(ProbeKind(kind), url)


def parse_namespaces(text: str) -> tuple[str, ...]:
    """Parse namespaces with commas between them; an empty text means all.

    Raises:
        SettingsError: when one of them is no name of a namespace.
    """
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if not DNS_LABEL.fullmatch(name):
            raise SettingsError(
                f"{name!r} in {text!r} is not a namespace: 1 to 63 lower-case letters, digits and hyphens"
            )
    return names


def _check_within(flag: str, value: float, bounds: tuple[float, float]) -> None:
    lowest, highest = bounds
    if not lowest <= value <= highest:  # NaN is within nothing
        raise SettingsError(f"{flag} {value:g} is out of range; allowed are {lowest:g} to {highest:g} seconds")


def _check_count(flag: str, value: int, bounds: tuple[int, int]) -> None:
    lowest, highest = bounds
    if not lowest <= value <= highest:
        raise SettingsError(f"{flag} {value} is out of range; allowed are {lowest} to {highest}")
