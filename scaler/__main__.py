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
  In a cluster, for triggers that name headless Services:
    readpool scaler

\b
  On a laptop, with nodes at fixed addresses and a human-readable log:
    readpool scaler --allow-static-nodes --allow-loopback-nodes \\
        --listen 127.0.0.1:9090 --telemetry-listen 127.0.0.1:8080 --log-format console

\b
  With the controller, for triggers that name ReadOnlyPools:
    readpool scaler --pools

\b
  With TLS from a mounted cert-manager Secret, for clients of its CA only:
    readpool scaler --tls-cert /tls/tls.crt --tls-key /tls/tls.key --tls-client-ca /tls/ca.crt

\b
  With a reference outside the cluster:
    readpool scaler --reference horizon=https://horizon.stellar.org
"""


_HOST_PORT = Parsed("HOST:PORT", parse_host_port)
_FILE = click.Path(path_type=Path)


@click.command(
    "scaler",
    epilog=_EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@option(
    "--listen",
    type=_HOST_PORT,
    default="[::]:9090",
    help="gRPC address for KEDA and the Observer API. Port 0 selects a free port.",
)
@option(
    "--telemetry-listen",
    type=_HOST_PORT,
    default="[::]:8080",
    help="HTTP address of the live page, /metrics, /healthz and /readyz.",
)
@option(
    "--poll-interval",
    "poll_interval_seconds",
    type=float,
    default=5.0,
    metavar="SECONDS",
    help="Interval between polls of a node. A ledger closes about every 5 seconds.",
)
@option(
    "--allow-static-nodes",
    is_flag=True,
    help="Accept `nodes` and `references` with URLs in triggers. Off by default, because it lets anyone who can write "
    "a ScaledObject make the scaler fetch any address.",
)
@option(
    "--allow-networks",
    type=Parsed("CIDR,CIDR", parse_networks),
    default="",
    show_default="all",
    help="Poll only nodes, and references of triggers, in these networks, such as the pod network.",
)
@option(
    "--deny-networks",
    type=Parsed("CIDR,CIDR", parse_networks),
    default="",
    show_default="none",
    help="Never poll addresses in these networks, such as the Service and node networks. Loopback, link-local and "
    "metadata addresses are always denied.",
)
@option("--allow-loopback-nodes", is_flag=True, help="Also poll nodes at loopback addresses. For demos and tests.")
@option(
    "--reference",
    "references",
    type=Parsed("KIND=URL", parse_reference),
    multiple=True,
    help="A trusted node that helps to determine the network's tip, for all fleets. KIND is core, rpc, horizon or "
    "archive. Repeatable; separated by spaces in the environment variable.",
)
@option(
    "--pools",
    is_flag=True,
    help="Accept triggers that name a `pool`, and read ReadOnlyPools from the API server.",
)
@option(
    "--kubeconfig",
    type=_FILE,
    help="With --pools: kubeconfig file for the API server. The pod's service account if unset.",
)
@option(
    "--namespaces",
    type=Parsed("NAME,NAME", parse_namespaces),
    multiple=True,
    help="With --pools: read ReadOnlyPools only in these namespaces. Repeatable.  [default: all]",
)
@option(
    "--tls-cert",
    type=_FILE,
    help="Certificate chain, PEM. TLS is off if unset. All TLS files are reloaded when they change.",
)
@option("--tls-key", type=_FILE, help="Private key of the certificate, PEM, without passphrase.")
@option(
    "--tls-client-ca",
    type=_FILE,
    help="Require client certificates signed by this CA, PEM (KEDA's tlsClientCert and tlsClientKey).",
)
@option(
    "--tls-client-names",
    type=Parsed("A,B", parse_client_names),
    default="",
    show_default="any",
    help="Accept only client certificates with one of these subject alternative or common names. Use it if the CA "
    "also signs for others.",
)
@option("--dns-server", type=Parsed("IP:PORT", parse_dns_server), help="DNS server to use. The system's if unset.")
@option("--cluster-domain", default="cluster.local", help="DNS domain of the cluster.")
@option(
    "--log-format",
    type=choice(LogFormat),
    default="json",
    help="JSON lines or human-readable.",
)
@option(
    "--log-level",
    type=choice(LogLevel),
    default="info",
    help="Minimum level to log.",
)
@option(
    "--drain-seconds",
    type=float,
    default=10.0,
    metavar="SECONDS",
    help="Time for calls in flight to finish after SIGTERM.",
)
@option(
    "--streams-per-caller",
    type=int,
    default=4000,
    metavar="COUNT",
    help="Maximum streams per client address. KEDA opens two per trigger of type external-push; the controller opens "
    "one per pool, which counts as two.",
)
@option(
    "--fleets-per-namespace",
    type=int,
    default=1000,
    metavar="COUNT",
    help="Maximum fleets (distinct triggers) per namespace.",
)
@option(
    "--nodes-per-namespace",
    type=int,
    default=5000,
    metavar="COUNT",
    help="Maximum polled nodes per namespace.",
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
    """Observe Stellar Core fleets and tell KEDA how many replicas they need.

    Polls every node of every fleet that a trigger names, determines the network's tip, classifies each replica, and
    answers KEDA's external scaler calls. Runs until SIGTERM, then drains.
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
