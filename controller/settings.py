"""What the controller was started with: parsed and without contradictions before anything runs.

Each flag of `readpool controller` ends up here; files are only named here, and read where they are used.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from controller.observed.plan_settings import ANY_NAMESPACE, Grants, PlanSettings
from readpool.addresses import ANY_NETWORK, NetworkRules
from readpool.alerts.rule import RUNBOOK_URL
from readpool.host_port import HostPort, SettingsError
from readpool.names import DNS_LABEL, DNS_SUBDOMAIN
from readpool.public_networks import load_public_networks
from readpool.telemetry.logging import LogFormat, LogLevel
from readpool.tls_files import TlsFiles, build_tls_files

MAX_WORKERS = 64
_TELEMETRY_LISTEN = HostPort("::", 8080)
_PROMETHEUS_LABEL = re.compile("[a-zA-Z_][a-zA-Z0-9_]*")
_WEB_ADDRESS = re.compile(r"https?://[^\s/]\S*")
_LABEL = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


@dataclass(frozen=True, slots=True)
class ScalerTls:
    """PEM files: the authority that the scaler's certificate is of, and for mTLS our own certificate with its key."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """Those that are given."""
        return tuple(path for path in (self.ca, self.key, self.certificate) if path is not None)


@dataclass(frozen=True, slots=True)
class EdsSettings:
    """Where Envoys are told of endpoints; `tls` is None where they are told in plain text."""

    listen: HostPort
    tls: TlsFiles | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerSettings:
    """All that one controller process is told.

    Attributes:
        namespaces: those whose pools are looked after; none given: all.
        scaler_address: HOST:PORT that KEDA and this process ask.
        scaler_tls: what is shown to the scaler and expected of it; None where it speaks plain text.
        lease_namespace, lease_name: the Lease by which replicas of the controller agree who writes.
        identity: this process's name in it.
        eds: where Envoy's endpoint discovery is served; None where it is not.
        grants: what pools may ask for beyond their own namespaces.
        networks: where history archives may be asked.
        allow_loopback_archives: they may be at loopback addresses too.
        check_seconds: how often the cluster is asked which optional kinds it serves; no flag sets it.

    Raises:
        SettingsError: when a value cannot be.
    """

    scaler_address: str
    scaler_namespace: str
    scaler_labels: tuple[tuple[str, str], ...]
    lease_namespace: str
    lease_name: str
    identity: str
    kubeconfig: Path | None = None
    namespaces: tuple[str, ...] = ()
    scaler_authentication: str | None = None
    scaler_tls: ScalerTls | None = None
    gate_image: str | None = None
    eds: EdsSettings | None = None
    grants: Grants = field(default_factory=Grants)
    scraper_namespaces: tuple[str, ...] = ()
    runbook_url: str = RUNBOOK_URL
    alert_labels: tuple[tuple[str, str], ...] = ()
    networks: NetworkRules = ANY_NETWORK
    allow_loopback_archives: bool = False
    telemetry_listen: HostPort = field(default=_TELEMETRY_LISTEN)
    workers: int = 8
    check_seconds: float = 10.0
    log_format: LogFormat = LogFormat.JSON
    log_level: LogLevel = LogLevel.INFO

    def __post_init__(self) -> None:
        """Reject invalid values."""
        if not 1 <= self.workers <= MAX_WORKERS:
            raise SettingsError(f"--workers {self.workers} is out of range: 1 to {MAX_WORKERS}")
        _check("--scaler-namespace", self.scaler_namespace, DNS_LABEL)
        _check("--lease-namespace", self.lease_namespace, DNS_LABEL)
        _check("--lease-name", self.lease_name, DNS_SUBDOMAIN)
        if self.scaler_authentication is not None:
            _check("--scaler-authentication", self.scaler_authentication, DNS_SUBDOMAIN)
        if not self.identity:
            raise SettingsError("--identity is empty; it must be a name that is unique among the controllers")

    @property
    def certificates(self) -> tuple[Path, ...]:
        """The files of this process's own certificates: for the scaler, and for Envoys."""
        served = self.eds.tls.certificate if self.eds is not None and self.eds.tls is not None else None
        shown = self.scaler_tls.certificate if self.scaler_tls is not None else None
        return tuple(path for path in (served, shown) if path is not None)

    def to_plan_settings(self) -> PlanSettings:
        """Return the settings that plans need."""
        return PlanSettings(
            networks=load_public_networks(),
            scaler_address=self.scaler_address,
            scaler_namespace=self.scaler_namespace,
            scaler_labels=dict(self.scaler_labels),
            scaler_authentication=self.scaler_authentication,
            gate_image=self.gate_image,
            grants=self.grants,
            scraper_namespaces=self.scraper_namespaces,
            runbook_url=self.runbook_url,
            alert_labels=dict(self.alert_labels),
        )


def parse_namespaces(text: str) -> tuple[str, ...]:
    """Parse names of namespaces with commas between them; an empty text means all.

    Raises:
        SettingsError: for the first that is no namespace's name.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        _check("--namespaces", name, DNS_LABEL)
    return tuple(dict.fromkeys(names))


def parse_scraper_namespaces(text: str) -> tuple[str, ...]:
    """Parse names of namespaces with commas between them; an empty text means none.

    Raises:
        SettingsError: for the first that is no namespace's name.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        _check("--scraper-namespaces", name, DNS_LABEL)
    return names


def parse_runbook_url(text: str) -> str:
    """Parse the address of the runbooks; without a slash at its end.

    Raises:
        SettingsError: when it is no http or https address.
    """
    if not _WEB_ADDRESS.fullmatch(text):
        raise SettingsError(f"--runbook-url {text!r} is not an http:// or https:// address, such as {RUNBOOK_URL}")
    return text.rstrip("/")


def parse_alert_label(text: str) -> tuple[str, str]:
    """Parse NAME=VALUE, a label of Prometheus.

    Raises:
        SettingsError: when the text is not of that form.
    """
    name, equals, value = text.partition("=")
    if not equals or not _PROMETHEUS_LABEL.fullmatch(name):
        raise SettingsError(f"--alert-label {text!r} is not NAME=VALUE with a Prometheus label, such as team=stellar")
    return name, value


def parse_gateway_namespaces(text: str) -> tuple[str, ...]:
    """Parse names of namespaces with commas between them, or * for all; an empty text means none.

    Raises:
        SettingsError: for the first that is no namespace's name.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name != ANY_NAMESPACE:
            _check("--gateway-namespaces", name, DNS_LABEL)
    return names


def parse_selector(text: str) -> tuple[tuple[str, str], ...]:
    """Parse labels as KEY=VALUE with commas between them, at least one.

    Raises:
        SettingsError: when the text is not of that form.
    """
    labels = []
    for part in text.split(","):
        key, equals, value = part.strip().partition("=")
        if not equals or not _LABEL.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise SettingsError(
                f"{part.strip()!r} in {text!r} is not KEY=VALUE, such as app.kubernetes.io/name=readpool"
            )
        labels.append((key, value))
    return tuple(labels)


def parse_scaler_address(text: str) -> str:
    """Parse HOST:PORT of the scaler, as KEDA takes it.

    Raises:
        SettingsError: when there is no host, or no port of 1 to 65535.
    """
    host, _, port = text.rpartition(":")
    is_port = port.isascii() and port.isdigit() and 0 < int(port) < 2**16
    if not host or not is_port or any(character.isspace() or character == "/" for character in text):
        raise SettingsError(f"{text!r} is not HOST:PORT, such as readpool-scaler.readpool.svc:9090")
    return text


def build_scaler_tls(ca: Path | None, certificate: Path | None, key: Path | None) -> ScalerTls | None:
    """Put the three TLS flags together; None where TLS is off.

    Raises:
        SettingsError: when a flag comes without the one it needs, or a file is not there.
    """
    if (certificate is None) != (key is None):
        given, lacking = ("--scaler-cert", "--scaler-key") if key is None else ("--scaler-key", "--scaler-cert")
        raise SettingsError(f"{given} needs {lacking} as well: a certificate and its key go together")
    tls = ScalerTls(ca, certificate, key)
    for flag, path in (("--scaler-ca", ca), ("--scaler-cert", certificate), ("--scaler-key", key)):
        if path is not None and not path.is_file():
            raise SettingsError(f"{flag} {path}: no such file")
    return tls if tls.files else None


def build_eds_settings(
    listen: HostPort | None,
    certificate: Path | None,
    key: Path | None,
    client_ca: Path | None,
    client_names: tuple[str, ...] = (),
) -> EdsSettings | None:
    """Put the five flags on endpoint discovery together; None where it is off.

    Raises:
        SettingsError: when a flag comes without the one it needs.
    """
    tls = build_tls_files(certificate, key, client_ca, "--eds-tls", client_names)
    if listen is None and tls is not None:
        raise SettingsError("--eds-tls-cert requires --eds-listen")
    return EdsSettings(listen, tls) if listen is not None else None


def _check(flag: str, value: str, pattern: re.Pattern[str]) -> None:
    if not pattern.fullmatch(value):
        raise SettingsError(f"{flag} {value!r} is not a Kubernetes name: lower-case letters, digits and hyphens")
