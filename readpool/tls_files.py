"""The files of a TLS server, as its flags name them; readpool.server_tls reads them. Nothing heavy comes in with it."""

from dataclasses import dataclass
from pathlib import Path

from readpool.host_port import SettingsError

_MOST_NAMES = 100
_MOST_CHARS = 253


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files, as a cert-manager Secret has them: tls.crt, tls.key; and ca.crt where clients must show one.

    `flags` is what the flags that name them begin with, for messages. `client_names` are those that a client's
    certificate may have, none given: any that the authority has signed.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None
    flags: str = "--tls"
    client_names: tuple[str, ...] = ()


def build_tls_files(
    certificate: Path | None,
    key: Path | None,
    client_ca: Path | None,
    flags: str = "--tls",
    client_names: tuple[str, ...] = (),
) -> TlsFiles | None:
    """Put the four TLS flags together; None where TLS is off.

    Raises:
        SettingsError: when a flag comes without the one it needs.
    """
    if client_names and client_ca is None:
        raise SettingsError(f"{flags}-client-names requires {flags}-client-ca")
    if certificate is None and key is None and client_ca is None:
        return None
    if certificate is None or key is None:
        given = f"{flags}-{'cert' if certificate else 'key' if key else 'client-ca'}"
        needed = ((f"{flags}-cert", certificate), (f"{flags}-key", key))
        missing = " and ".join(flag for flag, path in needed if path is None)
        raise SettingsError(f"{given} requires {missing}")
    return TlsFiles(certificate, key, client_ca, flags, client_names)


def parse_client_names(text: str) -> tuple[str, ...]:
    """Parse names of certificates with commas between them; an empty text means that every name is let in.

    Raises:
        SettingsError: for a name that no certificate can have.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if len(name) > _MOST_CHARS or not name.isascii() or not name.isprintable() or " " in name:
            raise SettingsError(f"{name!r} in {text!r} is not a certificate's name such as keda-operator.keda.svc")
    if len(names) > _MOST_NAMES:
        raise SettingsError(f"{len(names)} names given; at most {_MOST_NAMES} are allowed")
    return names
