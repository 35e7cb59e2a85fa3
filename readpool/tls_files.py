"""The files of a TLS server, as its flags name them; readpool.server_tls reads them. Nothing heavy comes in with it."""

from dataclasses import dataclass
from pathlib import Path

from readpool.host_port import SettingsError


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files, as a cert-manager Secret has them: tls.crt, tls.key; and ca.crt where clients must show one.

    `flags` is what the flags that name them begin with, for messages.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None
    flags: str = "--tls"


def build_tls_files(
    certificate: Path | None, key: Path | None, client_ca: Path | None, flags: str = "--tls"
) -> TlsFiles | None:
    """Put the three TLS flags together; None where TLS is off.

    Raises:
        SettingsError: when a flag comes without the one it needs.
    """
    if certificate is None and key is None and client_ca is None:
        return None
    if certificate is None or key is None:
        given = f"{flags}-{'cert' if certificate else 'key' if key else 'client-ca'}"
        needed = ((f"{flags}-cert", certificate), (f"{flags}-key", key))
        lacking = " and ".join(flag for flag, path in needed if path is None)
        raise SettingsError(f"{given} needs {lacking} as well: TLS takes a certificate and its key")
    return TlsFiles(certificate, key, client_ca, flags)
