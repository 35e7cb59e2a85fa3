"""Which claims the cluster's provisioner serves, and which volumes it removes."""

from typing import Any

import pytest

from devtools.cluster.storage import CLASS, NODE_ANNOTATION, PROVISIONER, build_volume, find_released, find_unserved


def build_claim(**fields: Any) -> dict[str, Any]:
    """Build a claim of a pod that has a node."""
    claim: dict[str, Any] = {
        "metadata": {"name": "v-0", "namespace": "n", "uid": "u1", "annotations": {NODE_ANNOTATION: "node1"}},
        "spec": {
            "storageClassName": CLASS,
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    for part, change in fields.items():
        claim[part] = {**claim[part], **change}
    return claim


def build_released(**fields: Any) -> dict[str, Any]:
    """Build a volume of ours whose claim is gone."""
    return {**build_volume(build_claim(), "/volumes/pvc-u1"), "status": {"phase": "Released"}, **fields}


@pytest.mark.parametrize(
    ("claim", "is_served"),
    [
        pytest.param(build_claim(), True, id="its pod has a node"),
        pytest.param(build_claim(metadata={"annotations": {}}), False, id="its pod has none yet"),
        pytest.param(build_claim(spec={"storageClassName": "fast"}), False, id="of another class"),
        pytest.param(build_claim(spec={"volumeName": "by-hand"}), False, id="asks for a volume by name"),
    ],
)
def test_a_claim_is_served_once_the_node_of_its_pod_is_known(claim: dict[str, Any], is_served: bool) -> None:
    assert find_unserved([claim], []) == ([claim] if is_served else [])


def test_a_claim_is_served_once_even_before_it_is_bound() -> None:
    claim = build_claim()
    assert find_unserved([claim], [build_volume(claim, "/volumes/pvc-u1")]) == []


@pytest.mark.parametrize(
    ("volume", "is_removed"),
    [
        pytest.param(build_released(), True, id="its claim is gone"),
        pytest.param(build_released(status={"phase": "Bound"}), False, id="in use"),
        pytest.param(build_released(status={}), False, id="just made"),
        pytest.param(build_released(metadata={"name": "by-hand"}), False, id="not ours"),
        pytest.param(
            build_released(spec={"persistentVolumeReclaimPolicy": "Retain"}), False, id="kept for somebody's eyes"
        ),
    ],
)
def test_a_volume_is_removed_when_its_claim_is_gone(volume: dict[str, Any], is_removed: bool) -> None:
    assert find_released([volume]) == ([volume] if is_removed else [])


def test_a_volume_is_bound_to_its_claim_alone_on_the_node_of_the_pod() -> None:
    spec = build_volume(build_claim(), "/volumes/pvc-u1")
    assert spec["metadata"] == {
        "name": "pvc-u1",
        "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER},
    }
    assert spec["spec"]["claimRef"]["uid"] == "u1"
    assert spec["spec"]["local"] == {"path": "/volumes/pvc-u1"}
    assert spec["spec"]["capacity"] == {"storage": "1Gi"}
    assert "'values': ['node1']" in str(spec["spec"]["nodeAffinity"])
