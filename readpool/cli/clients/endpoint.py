"""Where a scaler listens and how to talk to it: the flags and the channel, the same for every client command."""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import grpc

from readpool.host_port import SettingsError, parse_host_port

Command = TypeVar("Command", bound=Callable[..., Any])
_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
_VARIABLES = "READPOOL_CLIENT_"
"""The environment may hold them, as in a scaler's pod. READPOOL_TLS_… is what the scaler serves with."""


def _option(flag: str, **attributes: Any) -> Callable[[Command], Command]:
    variable = _VARIABLES + flag.removeprefix("--").replace("-", "_").upper()
    return click.option(flag, envvar=variable, show_envvar=True, **attributes)


_TLS_OPTIONS = (
    _option("--tls-ca", type=_FILE, metavar="FILE", help="CA certificates to trust, PEM. Enables TLS."),
    _option("--tls-cert", type=_FILE, metavar="FILE", help="Client certificate, PEM, for mutual TLS."),
    _option("--tls-key", type=_FILE, metavar="FILE", help="Private key of the client certificate, PEM."),
    _option(
        "--tls-server-name",
        metavar="NAME",
        help="Name to expect in the scaler's certificate, if it differs from HOST, as with a port-forward.",
    ),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a scaler listens, and what to show and expect there when it speaks TLS."""

    address: str
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_server_name: str | None = None

    @property
    def is_secure(self) -> bool:
        """Whether anything of TLS was asked for."""
        return any((self.tls_ca, self.tls_cert, self.tls_key, self.tls_server_name))


def tls_options(command: Command) -> Command:
    """Add the flags of TLS to a command, which gets them as keywords, for `build_endpoint`."""
    for option in reversed(_TLS_OPTIONS):
        command = option(command)
    return command


def check_address(address: str, flag: str = "--scaler") -> None:
    """Check that an address is HOST:PORT; `flag` is what it was given as, for the message.

    Raises:
        click.UsageError: it is not.
    """
    try:
        is_address = parse_host_port(address).port > 0 and not address.startswith(":")
    except SettingsError:
        is_address = False
    if not is_address:
        raise click.UsageError(f"{flag} {address!r} is not HOST:PORT, such as readpool-scaler.readpool:9090.")


def build_endpoint(address: str, **tls: Path | str | None) -> Endpoint:
    """Put an address and the flags of TLS together.

    Raises:
        click.UsageError: an address that is not HOST:PORT, a certificate without its key, a file that is no PEM.
    """
    check_address(address)
    if (tls["tls_cert"] is None) != (tls["tls_key"] is None):
        raise click.UsageError("--tls-cert and --tls-key go together.")
    endpoint = Endpoint(address, **tls)  # type: ignore[arg-type]  # click's types per option are as Endpoint has them
    _check_files(endpoint)
    return endpoint


def _check_files(endpoint: Endpoint) -> None:
    """Refuse files that gRPC could not work with: it would log lines of its own and then report a lost connection."""
    context = ssl.create_default_context()
    if endpoint.tls_ca is not None:
        try:
            context.load_verify_locations(cadata=endpoint.tls_ca.read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            raise click.UsageError(f"--tls-ca {endpoint.tls_ca}: it contains no PEM certificate.") from error
    if endpoint.tls_cert is not None and endpoint.tls_key is not None:
        try:
            context.load_cert_chain(endpoint.tls_cert, endpoint.tls_key, password="")
        except (OSError, ValueError) as error:
            files = f"--tls-cert {endpoint.tls_cert}, --tls-key {endpoint.tls_key}"
            problem = "they are not a PEM certificate and its private key without a passphrase."
            raise click.UsageError(f"{files}: {problem}") from error


def open_channel(endpoint: Endpoint, options: Sequence[tuple[str, Any]] = ()) -> grpc.aio.Channel:
    """Open a channel, which connects with the first call.

    Raises:
        OSError: a certificate's file cannot be read.
    """
    if not endpoint.is_secure:
        return grpc.aio.insecure_channel(endpoint.address, options)
    files = (endpoint.tls_ca, endpoint.tls_key, endpoint.tls_cert)
    credentials = grpc.ssl_channel_credentials(*(path.read_bytes() if path else None for path in files))
    name = endpoint.tls_server_name
    named = [("grpc.ssl_target_name_override", name)] if name else []
    return grpc.aio.secure_channel(endpoint.address, credentials, [*options, *named])
