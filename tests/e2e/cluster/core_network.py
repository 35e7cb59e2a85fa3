"""Stellar Core in a cluster: manifests of a validator with its archive over HTTP, and of watchers that follow it.

The validator is the network; a StatefulSet of watchers behind a headless Service is a fleet as people have it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devtools.cluster.access import Access
from tests.e2e.cluster.core_configuration import (
    COMMAND_PORT,
    FOLDER,
    HISTORY_FOLDER,
    HISTORY_PORT,
    PEER_PORT,
    Network,
    build_validator_config,
    build_watcher_config,
)

Manifest = dict[str, Any]
VALIDATOR = "validator"
CORE = "core"
"""The container that runs stellar-core, in each pod."""
PASSPHRASE = "In-cluster Network ; readpool"  # noqa: S105 - a network's name, which Stellar calls so
READY_SECONDS = 120.0
_CONFIGURATION = "/etc/stellar-core"
_PREPARE = f"""\
set -e
mkdir -p {HISTORY_FOLDER}
[ -e {FOLDER}/stellar.db ] && exit 0
stellar-core --conf {_CONFIGURATION}/node.cfg new-db
"""
_PREPARE_ARCHIVE = f"stellar-core --conf {_CONFIGURATION}/node.cfg new-hist local\n"
_UPGRADE = f"""\
ask() {{ curl -sf -m 5 "http://127.0.0.1:{COMMAND_PORT}/$1"; }}
until ask info | grep -q 'Synced!'; do sleep 0.2; done
protocol=$(ask info | sed -n 's/.*"protocol_version" *: *\\([0-9]*\\).*/\\1/p')
ask "upgrades?mode=set&upgradetime=1970-01-01T00:00:00Z&protocolversion=$protocol"
"""
"""Genesis is of protocol 0: vote it to the newest that the binary knows."""


@dataclass(frozen=True, slots=True)
class CoreNetwork:
    """A private network that runs in a namespace of the cluster.

    Attributes:
        access: to the cluster.
        namespace: where its validator is.
        image: of stellar-core.
        network: what its members know of it.
        server_image: that has python3, which serves the archive.
    """

    access: Access
    namespace: str
    image: str
    network: Network
    server_image: str

    @property
    def validator_pod(self) -> str:
        """The pod without which no ledger closes."""
        return f"{VALIDATOR}-0"

    @property
    def reference(self) -> Manifest:
        """The validator as a pool's reference: it knows the newest ledger whatever becomes of the replicas."""
        return {"type": "core", "url": f"http://{self.network.validator_host}:{COMMAND_PORT}"}


def start_core_network(
    access: Access, namespace: str, image: str, server_image: str, *, is_accelerated: bool = True
) -> CoreNetwork:
    """Start the validator of a network in a namespace that is there, and wait until its archive has a checkpoint."""
    host = f"{VALIDATOR}.{namespace}.svc.cluster.local"
    images = image, server_image
    validator = build_validator(VALIDATOR, images, PASSPHRASE, is_open=True, is_accelerated=is_accelerated)
    access.apply(*validator, namespace=namespace)
    rollout = ("rollout", "status", f"statefulset/{VALIDATOR}", f"--namespace={namespace}")
    access.kubectl(*rollout, f"--timeout={READY_SECONDS:.0f}s", timeout=READY_SECONDS + 10)
    return CoreNetwork(access, namespace, image, Network(PASSPHRASE, host, is_accelerated), server_image)


def build_validator(
    name: str,
    images: tuple[str, str],
    passphrase: str,
    *,
    is_open: bool = False,
    is_accelerated: bool = True,
    labels: Mapping[str, str] | None = None,
) -> tuple[Manifest, ...]:
    """Build a lone validator with its archive, and a Service for both; of stellar-core's image and one with python3.

    With `is_open` and the labels of a fleet's Service it is a stranger in that fleet.
    """
    image, server_image = images
    own = {"app.kubernetes.io/name": name}
    ports = {"peer": PEER_PORT, "history": HISTORY_PORT}
    history = {
        "name": "history",
        "image": server_image,
        "command": ["python3", "-m", "http.server", str(HISTORY_PORT), "--directory", HISTORY_FOLDER],
        "ports": [{"name": "history", "containerPort": HISTORY_PORT}],
        "readinessProbe": {
            "httpGet": {"path": "/.well-known/stellar-history.json", "port": "history"},
            "periodSeconds": 1,
        },
    }
    core = _build_core(image) | {"lifecycle": {"postStart": {"exec": {"command": ["sh", "-c", _UPGRADE]}}}}
    pod = _build_pod(name, image, [core, history], prepare=_PREPARE + _PREPARE_ARCHIVE)
    pod["volumes"].append({"name": "data", "emptyDir": {}})
    return (
        _build_config_map(name, build_validator_config(passphrase, is_open=is_open, is_accelerated=is_accelerated)),
        _build_service(name, own, ports),
        _build_stateful_set(name, own | dict(labels or {}), pod, replicas=1, selector=own),
    )


def build_watchers(
    name: str, network: CoreNetwork, replicas: int, *, storage_class: str | None = None
) -> tuple[Manifest, ...]:
    """Build a fleet: a StatefulSet of watchers and their headless Service, both called `name`.

    With a `storage_class` each has a volume of its own, which outlives its pod; otherwise each starts with nothing.
    The Service takes in whoever carries `fleet_labels(name)`.
    """
    own = {"app.kubernetes.io/name": name}
    core = _build_core(network.image) | {
        "readinessProbe": {"httpGet": {"path": "/info", "port": "http"}, "periodSeconds": 2, "timeoutSeconds": 1}
    }
    pod = _build_pod(name, network.image, [core], prepare=_PREPARE)
    stateful_set = _build_stateful_set(name, own | fleet_labels(name), pod, replicas=replicas, selector=own)
    if storage_class is None:
        pod["volumes"].append({"name": "data", "emptyDir": {}})
    else:
        stateful_set["spec"]["volumeClaimTemplates"] = [_build_claim(storage_class)]
        # What a fleet leaves behind is of no use to anyone: its namespace goes with it.
        stateful_set["spec"]["persistentVolumeClaimRetentionPolicy"] = {"whenDeleted": "Delete", "whenScaled": "Delete"}
    return (
        _build_config_map(name, build_watcher_config(network.network)),
        _build_service(name, fleet_labels(name), {"peer": PEER_PORT, "http": COMMAND_PORT}),
        stateful_set,
    )


def fleet_labels(name: str) -> dict[str, str]:
    """Label the pods that a fleet's Service takes in, whoever owns them."""
    return {"readpool.test/fleet": name}


def _build_core(image: str) -> Manifest:
    return {
        "name": CORE,
        "image": image,
        "command": ["stellar-core", "--conf", f"{_CONFIGURATION}/node.cfg", "run"],
        "workingDir": FOLDER,
        "ports": [{"name": "peer", "containerPort": PEER_PORT}, {"name": "http", "containerPort": COMMAND_PORT}],
        "resources": {"requests": {"cpu": "5m", "memory": "40Mi"}, "limits": {"memory": "256Mi"}},
    }


def _build_pod(name: str, image: str, containers: list[Manifest], *, prepare: str) -> Manifest:
    """Build a pod whose containers share the folder `data`, prepared by a script before they start."""
    init = {"name": "prepare", "image": image, "command": ["sh", "-c", prepare], "workingDir": FOLDER}
    shared = {
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "data", "mountPath": FOLDER},
            {"name": "configuration", "mountPath": _CONFIGURATION, "readOnly": True},
        ],
    }
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        "shareProcessNamespace": True,  # on clusters of others a process is stopped from inside its pod
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532},
        "initContainers": [init | shared],
        "containers": [container | shared for container in containers],
        "volumes": [{"name": "configuration", "configMap": {"name": name}}],
    }


def _build_stateful_set(
    name: str, labels: Mapping[str, str], pod: Manifest, *, replicas: int, selector: Mapping[str, str]
) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name},
        "spec": {
            "serviceName": name,
            "replicas": replicas,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": dict(selector)},
            "template": {"metadata": {"labels": dict(labels)}, "spec": pod},
        },
    }


def _build_service(name: str, selector: Mapping[str, str], ports: Mapping[str, int]) -> Manifest:
    """Build a headless Service: pods meet by their own addresses.

    Behind an address of the Service, with sources translated, a validator takes its watchers for one and tells one.
    """
    spec = {
        "clusterIP": "None",
        "selector": dict(selector),
        "publishNotReadyAddresses": True,
        "ports": [{"name": port, "port": number, "targetPort": number} for port, number in ports.items()],
    }
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def _build_config_map(name: str, text: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"node.cfg": text}}


def _build_claim(storage_class: str) -> Manifest:
    return {
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": "64Mi"}},
        },
    }
