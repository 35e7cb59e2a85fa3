"""Manifests of light nodes: pods of our own image that answer GET /info as Core does, dozens of them within seconds.

They stand in for Core where a test is about numbers (25 replicas) or about what a node might claim (a lie, a foreign
network); what Core itself does is shown on real Core.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from tests.e2e.cluster.light_node_program import INFO_PORT, Settings

Manifest = dict[str, Any]
PYTHON = "/opt/readpool/bin/python"
PROGRAM_PATH = "/light/node.py"
CONTAINER = "node"
_PROGRAM = Path(__file__).with_name("light_node_program.py")
_CONFIG_MAP = "light-node-program"
_SCRIPT = (PYTHON, "-I", "-S", PROGRAM_PATH)
"""Without site packages and the environment: such a node starts in 30 ms and takes 11 MB."""


class _CanExec(Protocol):
    def exec(self, namespace: str, pod: str, *command: str, container: str | None = None) -> str: ...


def build_light_fleet(name: str, image: str, replicas: int, settings: Settings | None = None) -> list[Manifest]:
    """Build a StatefulSet of light nodes with its headless Service, both called `name`, and the program's ConfigMap.

    Pods carry the label `app: name`; the Service's port is called `http`. `settings` are those of the program.
    """
    labels = {"app": name}
    return [
        build_program(),
        build_headless_service(name, labels),
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "serviceName": name,
                "replicas": replicas,
                "podManagementPolicy": "Parallel",
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": _build_pod_spec(image, settings or {})},
            },
        },
    ]


def build_light_pod(name: str, image: str, labels: Mapping[str, str], settings: Settings) -> list[Manifest]:
    """Build one light node that joins whatever Service selects `labels`, and the program's ConfigMap."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": _build_pod_spec(image, settings),
    }
    return [build_program(), pod]


def build_program() -> Manifest:
    """Build the ConfigMap that the pods take the program from."""
    return build_script(_CONFIG_MAP, "node.py", _PROGRAM)


def build_script(name: str, key: str, path: Path) -> Manifest:
    """Build a ConfigMap `name` of one Python file."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {key: path.read_text("utf-8")}}


def build_headless_service(name: str, selector: Mapping[str, str]) -> Manifest:
    """Build a headless Service as the scaler wants it: pods that are not ready belong to it too."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": dict(selector),
            "ports": [{"name": "http", "port": INFO_PORT}],
        },
    }


def set_light_node(access: _CanExec, namespace: str, pod: str, values: Settings) -> Settings:
    """Change the settings of a running node, such as `lag_ledgers`, from inside its pod; return all that hold then."""
    words = [f"{name}={json.dumps(value)}" for name, value in values.items()]
    settings: Settings = json.loads(access.exec(namespace, pod, *_SCRIPT, "set", *words, container=CONTAINER))
    return settings


def build_secure_container(name: str, image: str, command: tuple[str, ...]) -> Manifest:
    """Build a container that may do nothing but run `command`: no root, no capabilities, nothing to write to."""
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(command),
        "resources": {"requests": {"cpu": "1m", "memory": "16Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def _build_pod_spec(image: str, settings: Settings) -> Manifest:
    words = tuple(f"{name}={json.dumps(value)}" for name, value in settings.items())
    container = build_secure_container(CONTAINER, image, (*_SCRIPT, "serve", *words))
    container["ports"] = [{"name": "http", "containerPort": INFO_PORT}]
    container["volumeMounts"] = [{"name": "program", "mountPath": str(Path(PROGRAM_PATH).parent)}]
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 2,
        "containers": [container],
        "volumes": [{"name": "program", "configMap": {"name": _CONFIG_MAP}}],
    }
