"""The image of the simulated Core, as `make image TARGET=simulated-core` builds it: laid out as Stellar Core's own is.

All pools of these tests run it; here it is run as somebody would who has nothing but its name.
"""

from typing import Any

from devtools.cluster.binary_images import CORE_PLACE
from devtools.cluster.provided import ProvidedCluster
from devtools.cluster.waiting import wait_for
from devtools.core.core_under_test import is_real
from devtools.strictness import skip_where_impossible

POD = "core"
ENDED_SECONDS = 60.0
LOOK = "id -u; pwd; touch mine && echo writable; command -v curl; command -v stellar-core"


def test_it_is_started_by_its_name_alone_by_nobody_in_a_folder_of_its_own(
    cluster: ProvidedCluster, namespace: str
) -> None:
    if is_real() or not cluster.is_ours:
        skip_where_impossible("look into an image that somebody else built")
    image = cluster.images.core
    containers: list[dict[str, Any]] = [
        {"name": "version", "image": image, "args": ["version"]},
        {"name": "look", "image": image, "command": ["sh", "-c", LOOK]},
    ]
    spec = {"restartPolicy": "Never", "securityContext": {"runAsNonRoot": True}, "containers": containers}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD}, "spec": spec}
    cluster.access.apply(pod, namespace=namespace)

    def read_phase() -> str:
        return str((cluster.access.get("pod", POD, namespace) or {}).get("status", {}).get("phase"))

    wait_for("both to end", lambda: read_phase() in {"Succeeded", "Failed"}, ENDED_SECONDS)
    said = {name: cluster.access.logs(namespace, POD, name).splitlines() for name in ("version", "look")}
    assert read_phase() == "Succeeded", said
    assert "v22.4.1-simulated" in said["version"]
    assert said["look"] == ["65532", "/data", "writable", "/usr/bin/curl", CORE_PLACE]
