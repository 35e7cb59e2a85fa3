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
    parse_alert_label,
    parse_gateway_namespaces,
    parse_namespaces,
    parse_runbook_url,
    parse_scaler_address,
    parse_scraper_namespaces,
    parse_selector,
)
from readpool.addresses import NetworkRules, parse_networks
from readpool.alerts.rule import RUNBOOK_URL
from readpool.event_loop import run
from readpool.flags import Parsed, choice, option, starting
from readpool.host_port import HostPort, parse_host_port
from readpool.telemetry.logging import LogFormat, LogLevel, configure_logging
from readpool.tls_files import parse_client_names

_EXAMPLES = """Examples:

\b
  In a cluster, as the chart runs it, with two replicas:
    readpool controller

\b
  For the namespaces of two teams, next to another installation for the rest:
    readpool controller --namespaces payments,analytics \\
        --scaler readpool-scaler.payments.svc:9090 --scaler-namespace payments --lease-namespace payments

\b
  On a workstation, with a kubeconfig, a readable log and a port-forwarded scaler:
    readpool controller --kubeconfig ~/.kube/config --lease-namespace default \\
        --scaler localhost:9090 --telemetry-listen 127.0.0.1:8080 --log-format console

\b
  With a scaler that uses TLS and requires client certificates:
    readpool controller --scaler-ca /tls/ca.crt --scaler-cert /tls/tls.crt --scaler-key /tls/tls.key \\
        --scaler-authentication readpool-scaler
"""
_FILE = click.Path(path_type=Path)


@click.command(
    "controller",
    epilog=_EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@option("--kubeconfig", type=_FILE, help="Kubeconfig of the cluster. Default: the cluster in which the pod runs.")
@option(
    "--namespaces",
    type=Parsed("A,B", parse_namespaces),
    default="",
    show_default="all",
    help="Reconcile pools in these namespaces only.",
)
@option(
    "--scaler",
    "scaler_address",
    type=Parsed("HOST:PORT", parse_scaler_address),
    default=PlanSettings(networks={}).scaler_address,
    help="Address of the scaler, written to each ScaledObject and used for the Observer stream.",
)
@option(
    "--scaler-namespace", default="readpool", help="Namespace of the scaler's pods, for the NetworkPolicy of each pool."
)
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
    help="ClusterTriggerAuthentication for each ScaledObject, if the scaler uses TLS.",
)
@option(
    "--scaler-ca",
    type=_FILE,
    help="CA of the scaler's certificate, PEM. Enables TLS to the scaler. Reloaded when it changes.",
)
@option(
    "--scaler-cert",
    type=_FILE,
    help="Client certificate for the scaler, PEM, if it requires one. Reloaded when it changes.",
)
@option("--scaler-key", type=_FILE, help="Private key of --scaler-cert, PEM, without a passphrase.")
@option(
    "--allow-cluster-authentication",
    is_flag=True,
    help="Allow ClusterTriggerAuthentications in autoscaling.triggers. Authors of pools can then make KEDA send those "
    "credentials to any server.",
)
@option(
    "--allow-other-scalers",
    is_flag=True,
    help="Allow any autoscaling.scalerAddress. KEDA authenticates there with --scaler-authentication.",
)
@option(
    "--gateway-namespaces",
    type=Parsed("A,B", parse_gateway_namespaces),
    default="",
    show_default="none",
    help="Allow HTTPRoutes to attach to Gateways in these namespaces, besides the pool's own. * allows all.",
)
@option(
    "--gate-image",
    metavar="IMAGE",
    help="Envoy image for the gate of pools without gate.image. Default: such pools have no gate.",
)
@option(
    "--runbook-url",
    type=Parsed("URL", parse_runbook_url),
    default=RUNBOOK_URL,
    help="Address of the runbooks, for the alerts of pools with alerting: true. /NAME.md follows.",
)
@option(
    "--alert-label",
    "alert_labels",
    metavar="NAME=VALUE",
    type=Parsed("NAME=VALUE", parse_alert_label),
    multiple=True,
    help="Label for the alerts of pools with alerting: true, such as team=stellar. Repeatable.",
)
@option(
    "--scraper-namespaces",
    type=Parsed("A,B", parse_scraper_namespaces),
    default="",
    show_default="none",
    help="Allow pods in these namespaces to read the statistics of gates, besides the scaler: Prometheus' namespace.",
)
@option(
    "--allow-networks",
    type=Parsed("CIDR,CIDR", parse_networks),
    default="",
    show_default="all",
    help="Fetch history archives (of pools with strategy LedgerRange) in these networks only.",
)
@option(
    "--deny-networks",
    type=Parsed("CIDR,CIDR", parse_networks),
    default="",
    show_default="none",
    help="Never fetch history archives in these networks, such as the cluster's own. Loopback, link-local and metadata "
    "addresses are always denied.",
)
@option("--allow-loopback-archives", is_flag=True, help="Also fetch archives at loopback addresses. For tests.")
@option(
    "--eds-listen",
    type=Parsed("HOST:PORT", parse_host_port),
    help="Address on which every controller serves endpoint discovery (EDS) for Envoy, such as [::]:18000. Disabled if "
    "unset.",
)
@option(
    "--eds-tls-cert",
    type=_FILE,
    help="Certificate chain of --eds-listen, PEM. Enables TLS. Reloaded when it changes, as are the next two.",
)
@option("--eds-tls-key", type=_FILE, help="Private key of --eds-tls-cert, PEM, without a passphrase.")
@option("--eds-tls-client-ca", type=_FILE, help="Require a client certificate of this CA from every Envoy, PEM.")
@option(
    "--eds-tls-client-names",
    type=Parsed("A,B", parse_client_names),
    default="",
    show_default="any",
    help="Accept only client certificates with one of these subject alternative or common names.",
)
@option(
    "--lease-namespace",
    default="readpool",
    help="Namespace of the Lease for leader election.",
)
@option("--lease-name", default="readpool-controller", help="Name of the Lease. Each installation needs its own.")
@option(
    "--identity",
    default=socket.gethostname,
    show_default="the host's name",
    help="Name of this process in the Lease and in Events. Must be unique.",
)
@option(
    "--telemetry-listen",
    type=Parsed("HOST:PORT", parse_host_port),
    default="[::]:8080",
    help="Address of /metrics, /healthz and /readyz. Port 0 selects a free port.",
)
@option("--workers", type=int, default=8, help="Number of pools to reconcile at the same time, 1 to 64.")
@option("--log-format", type=choice(LogFormat), default="json", help="JSON lines, or a format for people.")
@option("--log-level", type=choice(LogLevel), default="info", help="Minimum level to log.")
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
    """Reconcile ReadOnlyPools.

    Creates and updates each pool's StatefulSet, Services, weighted EndpointSlices, ConfigMap, PodDisruptionBudget,
    NetworkPolicy and ScaledObject from its spec and from the scaler's observations, and writes its status. Run several
    controllers for availability: one is the leader, and another takes over within 20 seconds. On SIGTERM it finishes
    the current write and releases the Lease.
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
