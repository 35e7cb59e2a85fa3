"""Deployments of pods that answer as recorded Stellar RPCs and Horizons do: workloads that no pool owns."""

from pathlib import Path
from typing import Any

from devtools.cluster.access import Access
from tests.e2e.cluster.light_node_program import KNOWN
from tests.e2e.cluster.light_nodes import CONTAINER, PYTHON, build_secure_container
from tests.e2e.cluster.light_reader_program import LAG, PORT, RECORDINGS
from tests.recorded.horizon_answers import FOLDER, NETWORK

Manifest = dict[str, Any]
CORE_NETWORK = str(KNOWN["network"])
READERS_NETWORK = NETWORK
_PROGRAM = Path(__file__).with_name("light_reader_program.py")
_MOUNT = "/light"


def build_light_readers(kind: str, image: str, replicas: int) -> list[Manifest]:
    """Build a Deployment called `kind`, rpc or horizon, with the ConfigMap of its program and recordings."""
    labels = {"app": kind}
    files = {"node.py": _PROGRAM.read_text("utf-8")}
    files |= {f"{name}.json": (FOLDER / f"{name}.json").read_text("utf-8") for name in RECORDINGS}
    container = build_secure_container(CONTAINER, image, (PYTHON, "-I", "-S", f"{_MOUNT}/node.py", kind))
    container["ports"] = [{"name": kind, "containerPort": PORT}]
    container["readinessProbe"] = {"tcpSocket": {"port": PORT}, "periodSeconds": 1}
    container["volumeMounts"] = [
        {"name": "program", "mountPath": _MOUNT},
        {"name": "state", "mountPath": str(LAG.parent)},
    ]
    pod = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 2,
        "containers": [container],
        "volumes": [
            {"name": "program", "configMap": {"name": f"light-{kind}"}},
            {"name": "state", "emptyDir": {}},
        ],
    }
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"light-{kind}"}, "data": files},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": kind},
            "spec": {
                "replicas": replicas,
                "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
    ]


def set_lag(access: Access, namespace: str, pod: str, ledgers: int) -> None:
    """Make a running pod fall behind, or catch up."""
    code = f"open('{LAG}', 'w').write('{ledgers}')"
    access.exec(namespace, pod, PYTHON, "-I", "-S", "-c", code, container=CONTAINER)


def build_pool_before(name: str, kind: str, workload: str, network: str, **spec: Any) -> Manifest:
    """Build a pool before a workload; `spec` goes over it, field by field."""
    ports: dict[str, Any] = {"core": 11626, "rpc": "rpc", "horizon": PORT}
    read: Manifest = {"port": 11628} if kind == "core" else {}
    ours: Manifest = {
        "network": "Custom",
        "networkPassphrase": network,
        "workloadRef": {"apiVersion": "apps/v1", "kind": workload, "name": kind},
        "probe": {"type": kind, "port": ports[kind]},
        "minReplicas": 1,
        "targetReplicas": 2,
        "maxReplicas": 4,
        "autoscaling": {"enabled": False, "sustainSeconds": 10, "scaleDownStabilizationSeconds": 10},
        "loadBalancing": {"enabled": True, "lagThreshold": 20, "updateIntervalSeconds": 5, **read},
    }
    return {
        "apiVersion": "stellar.org/v1alpha1",
        "kind": "ReadOnlyPool",
        "metadata": {"name": name},
        "spec": ours | spec,
    }
