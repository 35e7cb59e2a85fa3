"""Manifests of the proxy that stands between KEDA and the scaler and knows only KEDA's contract before floats."""

from pathlib import Path
from typing import Any

from tests.e2e.cluster.light_nodes import PYTHON, build_script, build_secure_container

Manifest = dict[str, Any]
NAME = "old-contract"
PORT = 9090
_PROGRAM = Path(__file__).with_name("float_stripping_proxy.py")
_FOLDER = "/proxy"


def build_proxy(image: str, scaler_address: str) -> list[Manifest]:
    """Build the proxy's pod, its program and its Service, which is called NAME; it passes on to `scaler_address`."""
    labels = {"app": NAME}
    command = (PYTHON, f"{_FOLDER}/proxy.py", f"[::]:{PORT}", scaler_address)
    container = build_secure_container("proxy", image, command)
    container["readinessProbe"] = {"tcpSocket": {"port": PORT}, "periodSeconds": 1}
    container["volumeMounts"] = [{"name": "program", "mountPath": _FOLDER}]
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 2,
        "containers": [container],
        "volumes": [{"name": "program", "configMap": {"name": NAME}}],
    }
    return [
        build_script(NAME, "proxy.py", _PROGRAM),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": NAME},
            "spec": {"selector": labels, "ports": [{"name": "grpc", "port": PORT}]},
        },
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": NAME, "labels": labels}, "spec": pod},
    ]


def build_proxy_address(namespace: str) -> str:
    """Build what to write as scalerAddress for the proxy of this namespace."""
    return f"{NAME}.{namespace}.svc.cluster.local:{PORT}"
