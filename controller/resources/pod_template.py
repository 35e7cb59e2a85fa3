"""The pod of a replica: Stellar Core on its own volume and configuration, without privileges, on a read-only root.

The pool's own template is merged over it, lists by the keys that the API server merges them by.
"""

from collections.abc import Mapping
from typing import Any

from controller.core_config.core_config import CoreSettings
from controller.gate.gate import CORE_PORTS, DRAIN_SECONDS, build_drain, build_gate, build_wait, choose_ports, has_gate
from controller.gate.volume_watch import build_space_volume, build_volume_watch
from controller.observed.labels import VOLUME, build_labels, build_selector, checkpoint_name, config_map_name
from controller.observed.list_map_keys import POD_LIST_KEYS, index_items
from controller.observed.plan_settings import PlanSettings
from controller.resources.checkpoint import CHECKPOINT_KEY
from controller.resources.config_map import config_key
from controller.resources.pod_state import CORE
from controller.resources.start_command import PREPARE, REACH_LEDGERS, STALLED_SECONDS, START
from readpool.pool.spec import ReadOnlyPool

NOBODY = 65532
TERMINATION_SECONDS = 60
"""Core closes its database on SIGTERM within seconds, and within a minute while it applies buckets."""
DATA_FOLDER = CoreSettings().data_folder
CONFIG_FOLDER = "/etc/stellar"
SHARD_FOLDER = "/etc/readpool"
CHECKPOINT_FOLDER = "/etc/readpool-checkpoint"
_BOUNDS = (str(STALLED_SECONDS), str(REACH_LEDGERS))
_CONFIG = f"{CONFIG_FOLDER}/{config_key('$(POD_NAME)')}"


def build_pod_template(pool: ReadOnlyPool, settings: PlanSettings) -> dict[str, Any]:
    """Build the template; what spec.template says goes over ours, but for the labels that the selector stands on."""
    gate = build_gate(pool.spec, settings.gate_image)
    ours: dict[str, Any] = {
        "metadata": {"labels": build_labels(pool.name)},
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": TERMINATION_SECONDS + DRAIN_SECONDS,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": NOBODY,
                "runAsGroup": NOBODY,
                "fsGroup": NOBODY,
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "imagePullSecrets": [{"name": secret.name} for secret in pool.spec.image_pull_secrets],
            "topologySpreadConstraints": [_build_spread(pool, key) for key in _SPREAD_OVER],
            "initContainers": [*_build_watch(pool, settings), _build_prepare(pool)],
            "containers": [_build_core(pool, settings), *([] if gate is None else [gate])],
            "volumes": _build_volumes(pool, settings),
        },
    }
    merged = merge_template(ours, {name: part for name, part in pool.spec.template.items() if part is not None})
    labels = merged["metadata"].get("labels")
    kept = dict(labels) if isinstance(labels, Mapping) else {}
    return {**merged, "metadata": {**merged["metadata"], "labels": kept | build_selector(pool.name)}}


def merge_template(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Merge a partial template over ours: objects by field, list-maps by key, everything else and hooks replaced.

    Of a union, such as the handlers of a probe, theirs takes the place of ours; null takes a field away.
    """
    merged = {name: part for name, part in ours.items() if not _is_displaced(name, theirs)}
    for name, part in theirs.items():
        found = merged.get(name)
        if part is None:
            merged.pop(name, None)
        elif isinstance(found, Mapping) and isinstance(part, Mapping) and name not in _ONE_OF_SEVERAL:
            merged[name] = merge_template(found, part)
        elif isinstance(found, list) and isinstance(part, list) and name in POD_LIST_KEYS:
            merged[name] = _merge_items(found, part, POD_LIST_KEYS[name])
        else:
            merged[name] = _leave_out_null(part)
    return merged


_ONE_OF_SEVERAL = ("preStop", "postStart", "valueFrom")
"""Of exec, httpGet and sleep a hook has one, and a variable one source: theirs beside ours would be refused."""
_HANDLERS = frozenset({"exec", "httpGet", "tcpSocket", "grpc"})
_VALUES = frozenset({"value", "valueFrom"})
_SOURCES = frozenset({"configMap", "downwardAPI", "emptyDir", "secret", "persistentVolumeClaim", "projected", "csi"})
_OTHER_SOURCES = frozenset(
    {
        *("ephemeral", "hostPath", "image", "nfs", "iscsi", "fc", "local", "rbd", "cephfs", "glusterfs", "flexVolume"),
        *("gitRepo", "azureDisk", "azureFile", "awsElasticBlockStore", "gcePersistentDisk", "cinder", "flocker"),
        *("portworxVolume", "quobyte", "scaleIO", "storageos", "vsphereVolume", "photonPersistentDisk"),
    }
)
_UNIONS = (_HANDLERS, _VALUES, _SOURCES | _OTHER_SOURCES)


def _is_displaced(name: str, theirs: Mapping[str, Any]) -> bool:
    """Return whether a field of ours is a member of a union of which theirs brings another."""
    return any(
        name in union and any(theirs[other] is not None for other in union & theirs.keys() - {name})
        for union in _UNIONS
    )


def _leave_out_null(part: Any) -> Any:
    """Leave out of what only they say the fields that they take away from nothing."""
    if isinstance(part, Mapping):
        return {name: _leave_out_null(one) for name, one in part.items() if one is not None}
    return [_leave_out_null(one) for one in part] if isinstance(part, list) else part


def _merge_items(ours: list[Any], theirs: list[Any], keys: tuple[str, ...]) -> list[Any]:
    found, parts = index_items(ours, keys), index_items(theirs, keys)
    if found is None or parts is None:
        return [*ours, *theirs]  # the API server says what is wrong with it
    merged = [merge_template(item, parts[key]) if key in parts else item for key, item in found.items()]
    return merged + [_leave_out_null(part) for key, part in parts.items() if key not in found]


_SPREAD_OVER = ("topology.kubernetes.io/zone", "kubernetes.io/hostname")


def _build_spread(pool: ReadOnlyPool, key: str) -> dict[str, Any]:
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": build_selector(pool.name)},
    }


def _build_container(pool: ReadOnlyPool, name: str) -> dict[str, Any]:
    """Build what Core and its preparation have in common."""
    resources = pool.spec.resources.model_dump(mode="json")
    return {
        "name": name,
        "image": f"{pool.spec.image}:{pool.spec.version}",
        "imagePullPolicy": str(pool.spec.image_pull_policy),
        "workingDir": DATA_FOLDER,
        "terminationMessagePolicy": "FallbackToLogsOnError",  # so that status can say why it ended
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "resources": {name: part for name, part in resources.items() if part},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": VOLUME, "mountPath": DATA_FOLDER},
            {"name": "config", "mountPath": CONFIG_FOLDER, "readOnly": True},
            {"name": "shard", "mountPath": SHARD_FOLDER, "readOnly": True},
            {"name": "checkpoint", "mountPath": CHECKPOINT_FOLDER, "readOnly": True},
        ],
    }


def _build_prepare(pool: ReadOnlyPool) -> dict[str, Any]:
    command = ["sh", "-c", PREPARE, "prepare", _CONFIG, DATA_FOLDER]
    return _build_container(pool, "prepare") | {"command": command}


def _build_core(pool: ReadOnlyPool, settings: PlanSettings) -> dict[str, Any]:
    """Build Core's container. It has no liveness probe: Core blocks for up to a minute at times, and recovers."""
    ports = choose_ports(pool.spec, settings.gate_image)
    is_gated = has_gate(pool.spec, settings.gate_image)
    named = {"peer": ports.peer} | ({} if is_gated else {"info": ports.info, "read": ports.read})
    told = f"{CHECKPOINT_FOLDER}/{CHECKPOINT_KEY}"
    return _build_container(pool, CORE) | {
        "lifecycle": build_drain() if is_gated else build_wait(),
        "command": ["sh", "-c", START, "start", _CONFIG, DATA_FOLDER, told, str(CORE_PORTS.command), *_BOUNDS],
        "ports": [{"name": name, "containerPort": number, "protocol": "TCP"} for name, number in named.items()],
        "readinessProbe": {
            "httpGet": {"path": "/info", "port": ports.info},
            "periodSeconds": 5,
            "timeoutSeconds": 5,
            "failureThreshold": 3,
        },
    }


def _watches_volume(pool: ReadOnlyPool, settings: PlanSettings) -> bool:
    return pool.spec.storage.auto_grow is not None and has_gate(pool.spec, settings.gate_image)


def _build_watch(pool: ReadOnlyPool, settings: PlanSettings) -> list[dict[str, Any]]:
    return [build_volume_watch(_build_container(pool, CORE))] if _watches_volume(pool, settings) else []


def _build_volumes(pool: ReadOnlyPool, settings: PlanSettings) -> list[dict[str, Any]]:
    annotations = {"fieldRef": {"fieldPath": "metadata.annotations"}, "path": "annotations"}
    return [
        {"name": "config", "configMap": {"name": config_map_name(pool.name)}},
        {"name": "shard", "downwardAPI": {"items": [annotations]}},
        # Read at the start alone; a replica starts without it as well.
        {"name": "checkpoint", "configMap": {"name": checkpoint_name(pool.name), "optional": True}},
        *([build_space_volume()] if _watches_volume(pool, settings) else []),
    ]
