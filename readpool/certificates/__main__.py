"""The command `certificates`: flags and environment to settings, then the process."""

import socket
from pathlib import Path
from typing import Any

import click

from readpool.certificates.settings import CertificateSettings
from readpool.certificates.wanted import (
    Lifetimes,
    parse_copy,
    parse_duration,
    parse_leaf,
    parse_secret,
)
from readpool.event_loop import run
from readpool.flags import Parsed, choice, option, starting
from readpool.host_port import parse_host_port
from readpool.telemetry.logging import LogFormat, LogLevel, configure_logging

_EXAMPLES = """Examples:

\b
  As the chart runs it with tls.mode=auto, here for a scaler and a controller:
    readpool certificates --namespace readpool --authority readpool-ca \\
        --server readpool-scaler-tls=readpool-scaler.readpool,readpool-scaler.readpool.svc \\
        --client readpool-controller-client-tls=readpool-controller.readpool.svc

\b
  As with tls.mode=certManager: what cert-manager has issued for KEDA, where KEDA reads it:
    readpool certificates --namespace readpool --copy readpool-keda-tls=keda/readpool.readpool-scaler
"""


@click.command(
    "certificates",
    epilog=_EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@option(
    "--kubeconfig",
    type=click.Path(path_type=Path),
    help="Kubeconfig of the cluster. Default: the cluster in which the pod runs.",
)
@option("--namespace", default="readpool", help="Namespace of Secrets that are given without one.")
@option("--authority", metavar="SECRET", help="Secret of the CA. If it is empty, a CA is created in it.")
@option("--authority-name", default="readpool", help="Common name of the CA.")
@option(
    "--server",
    "servers",
    metavar="SECRET=NAME,NAME",
    multiple=True,
    help="Issue a server certificate for these DNS names into the Secret. Repeatable.",
)
@option(
    "--client",
    "clients",
    metavar="SECRET=NAME,NAME",
    multiple=True,
    help="Issue a client certificate with these names into the Secret. Repeatable.",
)
@option(
    "--copy",
    "copies",
    metavar="SECRET=SECRET",
    multiple=True,
    help="Copy a certificate into another Secret, and keep it current. Repeatable.",
)
@option("--duration", type=Parsed("DURATION", parse_duration), default="168h", help="Validity of a certificate.")
@option(
    "--authority-duration",
    type=Parsed("DURATION", parse_duration),
    default="8760h",
    help="Validity of the CA. Certificates and CA are renewed after two thirds of their validity.",
)
@option(
    "--identity", default=socket.gethostname, show_default="the host's name", help="Name of this process in Events."
)
@option(
    "--telemetry-listen",
    type=Parsed("HOST:PORT", parse_host_port),
    default="[::]:8080",
    help="Address of /metrics, /healthz and /readyz. Port 0 selects a free port.",
)
@option("--log-format", type=choice(LogFormat), default="json", help="JSON lines or human-readable.")
@option("--log-level", type=choice(LogLevel), default="info", help="Minimum level to log.")
def certificates(
    namespace: str,
    authority: str | None,
    servers: tuple[str, ...],
    clients: tuple[str, ...],
    copies: tuple[str, ...],
    duration: float,
    authority_duration: float,
    **flags: Any,
) -> None:
    """Issue and renew the CA, server and client certificates of an installation.

    The Secrets must exist, empty at first; SECRET is NAME or NAMESPACE/NAME. It needs the verbs get and update on
    Secrets of these names, and create on Events where they are. Runs until SIGTERM.
    """
    with starting():
        settings = CertificateSettings(
            authority=parse_secret(authority, namespace) if authority else None,
            lifetimes=Lifetimes(duration, authority_duration),
            leaves=(
                *(parse_leaf(text, namespace, is_server=True) for text in servers),
                *(parse_leaf(text, namespace, is_server=False) for text in clients),
            ),
            copies=tuple(parse_copy(text, namespace) for text in copies),
            **flags,
        )
        configure_logging(settings.log_format, settings.log_level)
        _run(settings)


def _run(settings: CertificateSettings) -> None:
    from readpool.certificates.process import serve  # noqa: PLC0415 - `--help` and bad flags need no aiohttp

    run(serve(settings))


if __name__ == "__main__":
    certificates()
