"""Where a scaler listens and how it is spoken to there: the flags for it and the channel, the same for every client."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import grpc

Command = TypeVar("Command", bound=Callable[..., Any])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_TLS_OPTIONS = (
    click.option("--tls-ca", type=_FILE, help="Authorities trusted to sign."),
    click.option("--tls-cert", type=_FILE, help="Our certificate, for mTLS."),
    click.option("--tls-key", type=_FILE, help="The key that goes with it."),
    click.option(
        "--tls-server-name", metavar="NAME", help="The name in the scaler's certificate, where HOST is another."
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
    """Give a command the flags of TLS; it gets them as keywords, for `build_endpoint`."""
    for option in reversed(_TLS_OPTIONS):
        command = option(command)
    return command


def build_endpoint(address: str, **tls: Path | str | None) -> Endpoint:
    """Put an address and the flags of TLS together.

    Raises:
        click.UsageError: a certificate without its key, or the other way round.
    """
    if (tls["tls_cert"] is None) != (tls["tls_key"] is None):
        raise click.UsageError("--tls-cert and --tls-key go together.")
    return Endpoint(address, **tls)  # type: ignore[arg-type]  # click's types per option are as Endpoint has them


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
