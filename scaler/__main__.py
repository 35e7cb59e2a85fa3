"""The command `scaler`: flags and environment to settings, then the process. Nothing heavy is imported before that."""

import os
from pathlib import Path
from typing import Any

import click

from readpool.addresses import NetworkRules, parse_networks
from readpool.event_loop import run
from readpool.flags import Parsed, choice, option, starting
from readpool.host_port import parse_host_port
from readpool.telemetry.logging import LogFormat, LogLevel, configure_logging
from readpool.tls_files import build_tls_files, parse_client_names
from scaler.settings import (
    ScalerSettings,
    build_pool_access,
    parse_dns_server,
    parse_namespaces,
    parse_reference,
)

_EXAMPLES = """Examples:

\b
  In a cluster, where KEDA's triggers name headless Services:
    readpool scaler

\b
  On a laptop, with nodes at fixed addresses and a readable log:
    readpool scaler --allow-static-nodes --allow-loopback-nodes \\
        --listen 127.0.0.1:9090 --telemetry-listen 127.0.0.1:8080 --log-format console

\b
  Beside the controller, where triggers name ReadOnlyPools:
    readpool scaler --pools

\b
  With TLS from a mounted cert-manager Secret, and only for clients of its CA:
    readpool scaler --tls-cert /tls/tls.crt --tls-key /tls/tls.key --tls-client-ca /tls/ca.crt

\b
  With evidence of the network's tip from outside the cluster:
    readpool scaler --reference horizon=https://horizon.stellar.org
"""


_HOST_PORT = Parsed("HOST:PORT", parse_host_port)
_FILE = click.Path(path_type=Path)


@click.command(
    "scaler",
    epilog=_EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@option("--listen", type=_HOST_PORT, default="[::]:9090", help="Where KEDA and observers call, by gRPC. Port 0: any.")
@option(
    "--telemetry-listen",
    type=_HOST_PORT,
    default="[::]:8080",
    help="Where the live page, /metrics, /healthz and /readyz are.",
)
@option(
    "--poll-interval",
    "poll_interval_seconds",
    type=float,
    default=5.0,
    metavar="SECONDS",
    help="How often each node is asked. A ledger closes about each 5 seconds.",
)
@option(
    "--allow-static-nodes",
    is_flag=True,
    help="Accept triggers that name `nodes` and `references` by URL. Off, since it lets whoever writes a ScaledObject "
    "make the scaler fetch addresses of their choice.",
)
@option(
    "--allow-networks",
    type=Parsed("CIDR,CIDR", parse_networks),
    default="",
    show_default="all",
    help="Poll nodes, and references of triggers, in these networks only, such as those of the cluster's pods.",
)
@option(
    "--deny-networks",
    type=Parsed("CIDR,CIDR", parse_networks),
    default="",
    show_default="none",
    help="Poll none in these, such as the networks of Services and of machines. Loopback, link-local and metadata "
    "addresses are never polled.",
)
@option("--allow-loopback-nodes", is_flag=True, help="Poll nodes at loopback addresses too. For demos and tests.")
@option(
    "--reference",
    "references",
    type=Parsed("KIND=URL", parse_reference),
    multiple=True,
    help="A trusted node as evidence of the network's tip, for every fleet: core, rpc, horizon or archive. Repeatable; "
    "in the environment, separated by blanks.",
)
@option(
    "--pools",
    is_flag=True,
    help="Accept triggers that name a `pool`, and read ReadOnlyPools from the API server for them.",
)
@option("--kubeconfig", type=_FILE, help="With --pools: how the API server is reached; else as the pod this runs in.")
@option(
    "--namespaces",
    type=Parsed("NAME,NAME", parse_namespaces),
    multiple=True,
    help="With --pools: read the pools of these namespaces only. Repeatable.  [default: all]",
)
@option("--tls-cert", type=_FILE, help="Certificate chain, PEM. It and the two below are read again as they change.")
@option("--tls-key", type=_FILE, help="Its private key, PEM, without passphrase.")
@option(
    "--tls-client-ca",
    type=_FILE,
    help="Demand a certificate of this authority from every client, PEM (KEDA's tlsClientCert and tlsClientKey).",
)
@option(
    "--tls-client-names",
    type=Parsed("A,B", parse_client_names),
    default="",
    show_default="any",
    help="Let in only certificates with one of these names, subject alternative or common, where the authority signs "
    "for others too.",
)
@option("--dns-server", type=Parsed("IP:PORT", parse_dns_server), help="Ask this DNS server, not the system's.")
@option("--cluster-domain", default="cluster.local", help="Last part of the DNS names of Services.")
@option(
    "--log-format",
    type=choice(LogFormat),
    default="json",
    help="An object a line, or lines for people.",
)
@option(
    "--log-level",
    type=choice(LogLevel),
    default="info",
    help="From where on events are logged.",
)
@option(
    "--drain-seconds",
    type=float,
    default=10.0,
    metavar="SECONDS",
    help="How long calls in flight may take to finish after SIGTERM.",
)
@option(
    "--streams-per-caller",
    type=int,
    default=4000,
    metavar="COUNT",
    help="How many streams one address may hold: KEDA opens two for each trigger of type external-push, and the "
    "controller one, which counts twice, for each pool.",
)
@option(
    "--fleets-per-namespace",
    type=int,
    default=1000,
    metavar="COUNT",
    help="How many fleets, triggers that differ, are watched for one namespace.",
)
@option(
    "--nodes-per-namespace",
    type=int,
    default=5000,
    metavar="COUNT",
    help="How many nodes are polled for one namespace.",
)
def scaler(
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_client_ca: Path | None,
    pools: bool,
    kubeconfig: Path | None,
    namespaces: tuple[tuple[str, ...], ...],
    **flags: Any,
) -> None:
    """Watch Stellar Core fleets and tell KEDA how many replicas they should have.

    Polls every node of every fleet that a trigger names, knows the network's tip, classes each replica, and answers
    KEDA's external scaler calls from what it saw. Runs until SIGTERM, then drains.
    """
    # Else gRPC writes lines past our log: one a connection of a port scan, one a second without descriptors.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    with starting():
        settings = ScalerSettings(
            tls=build_tls_files(tls_cert, tls_key, tls_client_ca, client_names=flags.pop("tls_client_names")),
            pools=build_pool_access(kubeconfig, namespaces, pools=pools),
            networks=NetworkRules(flags.pop("allow_networks"), flags.pop("deny_networks")),
            **flags,
        )
        configure_logging(settings.log_format, settings.log_level)
        _run(settings)


def _run(settings: ScalerSettings) -> None:
    from scaler.server import serve  # noqa: PLC0415 - `--help` and bad flags need no gRPC

    run(serve(settings))


if __name__ == "__main__":
    scaler()
