"""The command `controller`: flags and environment to settings, then the process. Nothing heavy comes in before that."""

import os
import socket
from pathlib import Path
from typing import Any

import click

from controller.observed.plan_settings import Grants, PlanSettings
from controller.settings import (
    ControllerSettings,
    build_eds_settings,
    build_scaler_tls,
    parse_gateway_namespaces,
    parse_namespaces,
    parse_scaler_address,
    parse_selector,
)
from readpool.addresses import NetworkRules, parse_networks
from readpool.event_loop import run
from readpool.flags import Parsed, choice, option, starting
from readpool.host_port import HostPort, parse_host_port
from readpool.telemetry.logging import LogFormat, LogLevel, configure_logging
from readpool.tls_files import parse_client_names

_EXAMPLES = """Examples:

\b
  In a cluster, as the chart runs it, two of them:
    readpool controller

\b
  For two teams' namespaces, beside another installation for the rest:
    readpool controller --namespaces payments,analytics \\
        --scaler readpool-scaler.payments.svc:9090 --scaler-namespace payments --lease-namespace payments

\b
  On a laptop, against the cluster of a kubeconfig, with a readable log and a scaler through a port-forward:
    readpool controller --kubeconfig ~/.kube/config --lease-namespace default \\
        --scaler localhost:9090 --telemetry-listen 127.0.0.1:8080 --log-format console

\b
  Where the scaler speaks TLS and wants certificates of its clients:
    readpool controller --scaler-ca /tls/ca.crt --scaler-cert /tls/tls.crt --scaler-key /tls/tls.key \\
        --scaler-authentication readpool-scaler
"""
_FILE = click.Path(path_type=Path)


@click.command(
    "controller",
    epilog=_EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@option("--kubeconfig", type=_FILE, help="The cluster to work on. Without it: the one that this runs in as a pod.")
@option(
    "--namespaces",
    type=Parsed("A,B", parse_namespaces),
    default="",
    show_default="all",
    help="Look after the pools of these namespaces only.",
)
@option(
    "--scaler",
    "scaler_address",
    type=Parsed("HOST:PORT", parse_scaler_address),
    default=PlanSettings(networks={}).scaler_address,
    help="The scaler of this installation: KEDA is told this address, and what it sees is heard from there.",
)
@option("--scaler-namespace", default="readpool", help="Where the scaler's pods are; they alone may ask replicas.")
@option(
    "--scaler-selector",
    "scaler_labels",
    type=Parsed("K=V,K=V", parse_selector),
    default="app.kubernetes.io/component=scaler",
    help="Labels of the scaler's pods, for the NetworkPolicy of each pool.",
)
@option(
    "--scaler-authentication",
    metavar="NAME",
    help="A ClusterTriggerAuthentication with KEDA's certificates, where the scaler wants TLS of KEDA.",
)
@option(
    "--scaler-ca",
    type=_FILE,
    help="Authority of the scaler's certificate, PEM; turns TLS on. Read again as it changes.",
)
@option(
    "--scaler-cert", type=_FILE, help="Our certificate for the scaler, PEM, where it wants one. Read again as well."
)
@option("--scaler-key", type=_FILE, help="Its private key, PEM, without passphrase.")
@option(
    "--allow-cluster-authentication",
    is_flag=True,
    help="Let pools name ClusterTriggerAuthentications in further triggers. Off, since whoever writes pools can then "
    "have KEDA show those credentials to a server of their choice.",
)
@option(
    "--allow-other-scalers",
    is_flag=True,
    help="Let pools name another scaler, to which KEDA shows the certificate of --scaler-authentication.",
)
@option(
    "--gateway-namespaces",
    type=Parsed("A,B", parse_gateway_namespaces),
    default="",
    show_default="none",
    help="Let routes of pools be attached to Gateways of these namespaces, beside those of their own. * is all.",
)
@option("--gate-image", metavar="IMAGE", help="Envoy's image, for the gate of pools that name none themselves.")
@option(
    "--allow-networks",
    type=Parsed("CIDR,CIDR", parse_networks),
    default="",
    show_default="all",
    help="Ask the history archives of pools with ledger ranges in these networks only.",
)
@option(
    "--deny-networks",
    type=Parsed("CIDR,CIDR", parse_networks),
    default="",
    show_default="none",
    help="Ask none in these, such as the cluster's own where archives are public. Loopback, link-local and metadata "
    "addresses are never asked.",
)
@option("--allow-loopback-archives", is_flag=True, help="Ask archives at loopback addresses too. For tests.")
@option(
    "--eds-listen",
    type=Parsed("HOST:PORT", parse_host_port),
    help="Serve endpoint discovery for Envoy here, from every controller, such as [::]:18000. Without it: nowhere.",
)
@option("--eds-tls-cert", type=_FILE, help="Its certificate chain, PEM. It and the next two are read as they change.")
@option("--eds-tls-key", type=_FILE, help="Its private key, PEM, without passphrase.")
@option("--eds-tls-client-ca", type=_FILE, help="Demand a certificate of this authority from every Envoy, PEM.")
@option(
    "--eds-tls-client-names",
    type=Parsed("A,B", parse_client_names),
    default="",
    show_default="any",
    help="And let in only certificates with one of these names, subject alternative or common.",
)
@option(
    "--lease-namespace",
    default="readpool",
    help="Where the Lease is by which several controllers agree who writes.",
)
@option("--lease-name", default="readpool-controller", help="The Lease's name; one for each installation.")
@option(
    "--identity",
    default=socket.gethostname,
    show_default="the host's name",
    help="This process's name in the Lease and in Events. No two may have the same.",
)
@option(
    "--telemetry-listen",
    type=Parsed("HOST:PORT", parse_host_port),
    default="[::]:8080",
    help="Where /metrics, /healthz and /readyz are. Port 0: any.",
)
@option("--workers", type=int, default=8, help="How many pools are worked on at a time.")
@option("--log-format", type=choice(LogFormat), default="json", help="An object a line, or lines for people.")
@option("--log-level", type=choice(LogLevel), default="info", help="From where on events are logged.")
def controller(
    scaler_ca: Path | None,
    scaler_cert: Path | None,
    scaler_key: Path | None,
    eds_listen: HostPort | None,
    eds_tls_cert: Path | None,
    eds_tls_key: Path | None,
    eds_tls_client_ca: Path | None,
    **flags: Any,
) -> None:
    """Look after ReadOnlyPools: everything that they stand for in the cluster, and their status.

    Makes and keeps each pool's StatefulSet, Services, weighted EndpointSlices, configuration, budget, policy and
    ScaledObject, from the pool's spec and from what the scaler sees. Of several controllers one writes, and another
    follows within 20 seconds. Runs until SIGTERM, then finishes what it is writing and lets another go on.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # its own lines go past our log
    with starting():
        settings = ControllerSettings(
            scaler_tls=build_scaler_tls(scaler_ca, scaler_cert, scaler_key),
            grants=Grants(
                flags.pop("allow_cluster_authentication"),
                flags.pop("allow_other_scalers"),
                flags.pop("gateway_namespaces"),
            ),
            networks=NetworkRules(flags.pop("allow_networks"), flags.pop("deny_networks")),
            eds=build_eds_settings(
                eds_listen, eds_tls_cert, eds_tls_key, eds_tls_client_ca, flags.pop("eds_tls_client_names")
            ),
            **flags,
        )
        configure_logging(settings.log_format, settings.log_level)
        _run(settings)


def _run(settings: ControllerSettings) -> None:
    from controller.process import serve  # noqa: PLC0415 - `--help` and bad flags need no gRPC

    run(serve(settings))


if __name__ == "__main__":
    controller()
