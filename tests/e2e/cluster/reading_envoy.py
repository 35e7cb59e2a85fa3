"""A reader's own Envoy in a pod of one cluster, which knows the pools of two: its manifest, and whom it asks."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from devtools.cluster.access import Access
from tests.e2e.cluster.core_network import READY_SECONDS, Manifest

BOOTSTRAP = Path(__file__).resolve().parents[3] / "examples" / "envoy-two-clusters.yaml"
NAME = "reader"
_READ_PORT, _ADMIN_PORT = 8080, 9901
_COUNTED = "upstream_rq_total"


@dataclass(frozen=True, slots=True)
class ReadingEnvoy:
    """Where readers reach it from here, and where its figures are."""

    address: str
    admin: str

    def count_requests(self) -> tuple[int, int]:
        """Count the requests that it has sent to the pool of its own cluster, and to that of the other."""
        answer = httpx.get(f"http://{self.admin}/stats", params={"filter": f"\\.{_COUNTED}$", "format": "json"})
        counted = {one["name"]: one["value"] for one in answer.json()["stats"] if "name" in one}
        return tuple(int(counted.get(f"cluster.{pool}.{_COUNTED}", 0)) for pool in ("here", "there"))  # type: ignore[return-value]


@contextlib.contextmanager
def run_reading_envoy(access: Access, namespace: str, image: str, pool: str, there: str) -> Iterator[ReadingEnvoy]:
    """Run it before the pool `pool` of this namespace in either cluster; `there` is the other's endpoint discovery."""
    access.apply(*_build_reader(image, _build_config(f"{namespace}/{pool}", there)), namespace=namespace)
    wait = ("wait", f"pod/{NAME}", "--for=condition=Ready", f"--namespace={namespace}")
    access.kubectl(*wait, f"--timeout={READY_SECONDS:.0f}s", timeout=READY_SECONDS + 10)
    with (
        access.port_forward(namespace, f"pod/{NAME}", _READ_PORT) as address,
        access.port_forward(namespace, f"pod/{NAME}", _ADMIN_PORT) as admin,
    ):
        yield ReadingEnvoy(address, admin)


def _build_config(pool: str, there: str) -> dict[str, Any]:
    """Build the example's bootstrap for this pool, with an administration port that tests reach."""
    config: dict[str, Any] = yaml.safe_load(BOOTSTRAP.read_text(encoding="utf-8"))
    config["admin"]["address"] = {"socket_address": {"address": "0.0.0.0", "port_value": _ADMIN_PORT}}  # noqa: S104
    for cluster in config["static_resources"]["clusters"]:
        if discovery := cluster.get("eds_cluster_config"):
            discovery["service_name"] = pool
        if cluster["name"] == "readpool-there":
            (endpoint,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
            endpoint["endpoint"]["address"]["socket_address"]["address"] = there
    return config


def _build_reader(image: str, config: dict[str, Any]) -> tuple[Manifest, Manifest]:
    container = {
        "name": "envoy",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["envoy"],
        "args": ["--config-path", "/etc/envoy/envoy.yaml", "--concurrency", "1", "--disable-hot-restart"],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": _ADMIN_PORT}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/envoy", "readOnly": True}],
    }
    spec = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532},
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": NAME}}],
    }
    return (
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME},
            "data": {"envoy.yaml": json.dumps(config)},
        },
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": NAME}, "spec": spec},
    )
