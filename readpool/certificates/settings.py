"""What the program was started with: parsed and without contradictions before anything runs."""

from dataclasses import dataclass, field
from pathlib import Path

from readpool.certificates.wanted import Copy, Leaf, Lifetimes, SecretName
from readpool.host_port import HostPort, SettingsError
from readpool.telemetry.logging import LogFormat, LogLevel

_TELEMETRY_LISTEN = HostPort("::", 8080)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSettings:
    """All that the program is told.

    Attributes:
        authority: where its key and certificate are; None where nothing is issued, and only copied.
        authority_name: its common name.
        identity: this process's name in Events.

    Raises:
        SettingsError: when there is nothing to do, or two things to do with one Secret.
    """

    authority: SecretName | None
    authority_name: str
    identity: str
    lifetimes: Lifetimes
    leaves: tuple[Leaf, ...] = ()
    copies: tuple[Copy, ...] = ()
    kubeconfig: Path | None = None
    telemetry_listen: HostPort = field(default=_TELEMETRY_LISTEN)
    log_format: LogFormat = LogFormat.JSON
    log_level: LogLevel = LogLevel.INFO

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not self.leaves and not self.copies:
            raise SettingsError("no Secret is given; set --server, --client or --copy")
        if self.leaves and self.authority is None:
            raise SettingsError("--server and --client require --authority, the Secret of the CA")
        written = [leaf.secret for leaf in self.leaves] + [copy.target for copy in self.copies]
        written += [self.authority] if self.authority is not None else []
        for secret in written:
            if written.count(secret) > 1:
                raise SettingsError(f"{secret} is given twice; each Secret holds one certificate")
