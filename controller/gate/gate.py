"""Who opens Core's ports to the network, and which are they? The one place that knows whether a gate is there.

With the gate Core stays on localhost, and the gate lets out GET /info and the query server (gate.gate_listeners).
Without one, Core opens its ports and the NetworkPolicy guards them.
"""

from dataclasses import dataclass
from typing import Any

from controller.core_config.core_config import CorePorts
from controller.core_config.core_config_version import has_query_server
from controller.gate.gate_config import GateSettings, write_gate_config
from controller.gate.gate_listeners import DRAIN_PATH, DRAIN_SECONDS, LEAVE_PATH, READY_PATH, SERVING_PATH, GatePorts
from controller.gate.volume_watch import SPACE_FILE, build_space_mount
from readpool.pool.spec import PoolSpec

GATE_PORTS = GatePorts()
INFO_PORT = GATE_PORTS.info
READ_PORT = GATE_PORTS.read
CORE_PORTS = CorePorts()
GATE = "gate"

__all__ = [
    "CORE_PORTS",
    "DRAIN_SECONDS",
    "INFO_PORT",
    "READ_PORT",
    "PodPorts",
    "build_drain",
    "build_gate",
    "build_wait",
    "choose_ports",
    "has_gate",
]


@dataclass(frozen=True, slots=True)
class PodPorts:
    """Where a pod answers: `peer` to its network, `info` to the scaler (GET /info), `read` to readers.

    `stats` is where the gate tells the scaler of its readers; None where there is no gate.
    """

    peer: int
    info: int
    read: int
    stats: int | None = None


def build_gate(spec: PoolSpec, default_image: str | None) -> dict[str, Any] | None:
    """Build the gate's container; None where the pool wants none, and where no one has named an image of Envoy.

    It is ready while Core's query server answers through it, where this version of Core has one.
    """
    image = spec.gate.image or default_image
    if not spec.gate.enabled or image is None:
        return None
    is_watching = spec.storage.auto_grow is not None
    space_file = SPACE_FILE if is_watching else None
    named = {"info": GATE_PORTS.info, "read": GATE_PORTS.read, "stats": GATE_PORTS.stats}
    serving = SERVING_PATH if has_query_server(spec.version) else READY_PATH
    alive, ready = (
        {"httpGet": {"path": path, "port": GATE_PORTS.stats}, "timeoutSeconds": 5} for path in (READY_PATH, serving)
    )
    return {
        "name": GATE,
        "image": image,
        "imagePullPolicy": str(spec.image_pull_policy),
        "terminationMessagePolicy": "FallbackToLogsOnError",  # so that status can say why it ended
        "command": ["envoy"],
        "args": [
            *("--config-yaml", write_gate_config(GateSettings(GATE_PORTS, CORE_PORTS, space_file=space_file))),
            *("--concurrency", "1"),
            *("--log-level", "warning"),
            "--disable-hot-restart",  # and with it the memory that processes of Envoy share
        ],
        "ports": [{"name": name, "containerPort": number, "protocol": "TCP"} for name, number in named.items()],
        "readinessProbe": ready | {"initialDelaySeconds": 1, "periodSeconds": 5, "failureThreshold": 2},
        "livenessProbe": alive | {"periodSeconds": 10, "failureThreshold": 12},
        "lifecycle": build_drain(LEAVE_PATH),
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    } | ({"volumeMounts": [build_space_mount()]} if is_watching else {})


def build_wait() -> dict[str, Any]:
    """Build the lifecycle of Core without a gate: its image has a shell's tools, as its preparation needs them too."""
    return {"preStop": {"exec": {"command": ["sleep", str(DRAIN_SECONDS)]}}}


def build_drain(path: str = DRAIN_PATH) -> dict[str, Any]:
    """Build the lifecycle of a container behind the gate: it ends only when readers have gone elsewhere."""
    return {"preStop": {"httpGet": {"path": path, "port": GATE_PORTS.stats}}}


def has_gate(spec: PoolSpec, default_image: str | None) -> bool:
    """Return whether a gate stands before Core's ports."""
    return spec.gate.enabled and (spec.gate.image or default_image) is not None


def choose_ports(spec: PoolSpec, default_image: str | None) -> PodPorts:
    """Return the ports of a pod of this pool."""
    if has_gate(spec, default_image):
        return PodPorts(CORE_PORTS.peer, GATE_PORTS.info, GATE_PORTS.read, GATE_PORTS.stats)
    return PodPorts(CORE_PORTS.peer, CORE_PORTS.command, CORE_PORTS.query)
