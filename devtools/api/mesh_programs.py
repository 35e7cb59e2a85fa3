"""Istio in a network of a test's own: a real istiod, and the pinned Envoy as a reader's sidecar that it drives.

Without certificates: no mutual TLS, and Envoy speaks to istiod in plain text over loopback. Connections from readers to
Services are redirected to the sidecar, as istio-init does it, so no kube-proxy may be beside it: its rules come first.
"""

import contextlib
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from devtools.api.api_server import ApiServer
from devtools.api.network_programs import ADMIN_SOCKET, LOOPBACK, Programs, build_envoy, build_relay, run_logged
from devtools.cluster.builds import Binaries
from devtools.cluster.parts import Part
from devtools.envoy.own_network import NODE_ADDRESS, READER_NETWORK, OwnNetwork
from devtools.machine.needs import UnmetNeedError

_MODULE = "istio.io/istio"
_CHART_FILES = "manifests/charts/base/files"
ISTIO = Part(
    "istio",
    _MODULE,
    {f"{_MODULE}/pilot/cmd/pilot-discovery": "pilot-discovery"},
    folders={_CHART_FILES: _CHART_FILES},
    pins_folder=Path(__file__).resolve().parent / "pins",
)
"""Not among the parts of the cluster: it takes eight minutes of a processor to build, and one stage needs it."""
DEFINITIONS = f"{_CHART_FILES}/crd-all.gen.yaml"
"""Below the folder of the built programs."""
SYSTEM_NAMESPACE = "istio-system"
_SERVICE_NETWORK = "10.96.0.0/16"
_OUTBOUND_PORT = 15001
_XDS_PORT = 15010
_FREE_PORTS = {"httpAddr": 15011, "httpsAddr": 15012, "monitoringAddr": 15013}
_MESH_CONFIG = """\
enableAutoMtls: false
enablePrometheusMerge: false
enableTracing: false
defaultProviders: {}
"""
"""Telemetry would be filters that only Istio's own Envoy has."""
_ISTIOD_SETTINGS = {
    "ENABLE_CA_SERVER": "false",
    "INJECTION_WEBHOOK_CONFIG_NAME": "",
    "PILOT_CERT_PROVIDER": "none",
    "PILOT_ENABLE_ALPN_FILTER": "false",
    "PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER": "false",
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",
    "POD_NAME": "istiod-0",
    "POD_NAMESPACE": SYSTEM_NAMESPACE,
    "VALIDATION_WEBHOOK_CONFIG_NAME": "",
}


@contextlib.contextmanager
def run_mesh_programs(
    network: OwnNetwork, server: ApiServer, binaries: Binaries, envoy: Path, folder: Path
) -> Iterator[Programs]:
    """Run istiod and a reader's sidecar for the block; they need not be ready when it begins."""
    with contextlib.ExitStack() as stack:
        programs = Programs(folder, {})

        def start(name: str, command: Sequence[str], **options: Sequence[int]) -> None:
            programs.running[name] = stack.enter_context(run_logged(command, folder / f"{name}.log", **options))

        _redirect_readers(network)
        port = urlsplit(server.url).port or 0
        listener = stack.enter_context(network.listen(LOOPBACK, port))
        start("api-relay", build_relay(listener.fileno(), port), pass_fds=[listener.fileno()])
        start("istiod", [*network.place, *_build_istiod(binaries.path("pilot-discovery"), server, folder)])
        bootstrap = json.dumps(_build_bootstrap())
        start("envoy", [*network.place, *build_envoy(envoy, "--config-yaml", bootstrap)])
        yield programs


def _redirect_readers(network: OwnNetwork) -> None:
    """Lead what readers send to Services to the sidecar."""
    rule = ["-A", "OUTPUT", "-p", "tcp", "-s", READER_NETWORK, "-d", _SERVICE_NETWORK]
    command = [*network.place, "iptables", "-t", "nat", *rule, "-j", "REDIRECT", "--to-ports", str(_OUTBOUND_PORT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise UnmetNeedError(f"Connections cannot be redirected here: {done.stderr.strip()}")


def _build_istiod(program: Path, server: ApiServer, folder: Path) -> list[str]:
    settings = folder / "mesh.yaml"
    settings.write_text(_MESH_CONFIG)
    return [
        "env",
        *(f"{name}={value}" for name, value in _ISTIOD_SETTINGS.items()),
        str(program),
        "discovery",
        f"--kubeconfig={server.kubeconfig}",
        f"--namespace={SYSTEM_NAMESPACE}",
        f"--meshConfig={settings}",
        f"--grpcAddr={LOOPBACK}:{_XDS_PORT}",
        "--secureGRPCAddr=",
        "--ctrlz_port=0",
        *(f"--{flag}={LOOPBACK}:{port}" for flag, port in _FREE_PORTS.items()),
    ]


def _build_bootstrap() -> Mapping[str, Any]:
    """Build what the sidecar starts with: who it is, and where istiod is."""
    http2 = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    address = {"socket_address": {"address": LOOPBACK, "port_value": _XDS_PORT}}
    istiod = {
        "name": "xds-grpc",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": "xds-grpc",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
    }
    by_stream = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
    return {
        "node": {
            "id": f"sidecar~{NODE_ADDRESS}~reader-0.default~default.svc.cluster.local",
            "cluster": "reader.default",
            "metadata": {
                "CLUSTER_ID": "Kubernetes",
                "INSTANCE_IPS": NODE_ADDRESS,
                "INTERCEPTION_MODE": "REDIRECT",
                "ISTIO_VERSION": "1.31.0",
                "LABELS": {"app": "reader"},
                "NAMESPACE": "default",
            },
        },
        "admin": {"address": {"pipe": {"path": ADMIN_SOCKET}}},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "grpc_services": [
                    {
                        "envoy_grpc": {
                            "cluster_name": "xds-grpc",
                            "retry_policy": {"retry_back_off": {"base_interval": "0.1s", "max_interval": "1s"}},
                        }
                    }
                ],
            },
            "cds_config": by_stream,
            "lds_config": by_stream,
        },
        "static_resources": {"clusters": [istiod]},
    }
