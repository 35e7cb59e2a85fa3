"""Which pools an object concerns, what it is looked up by, and what is kept of it."""

from typing import Any

import pytest

from controller.cluster.trims import trim, trim_pod
from controller.observed.pool_keys import PoolKey, find_index_keys, find_pool_keys, index_by_label, index_by_target
from readpool.kubernetes.kinds import CONFIG_MAP, POD, POOL, SCALED_OBJECT, Kind

POOL_OWNER = {"kind": "ReadOnlyPool", "name": "owner", "uid": "u-1"}
TARGET = {"apiVersion": "stellar.org/v1alpha1", "kind": "ReadOnlyPool", "name": "target"}


def build(spec: Any = None, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "n", "name": "it"} | metadata, **({"spec": spec} if spec is not None else {})}


CASES: dict[str, tuple[Kind, dict[str, Any], set[str]]] = {
    "a pool itself": (POOL, build(), {"it"}),
    "by its label": (POD, build(labels={"stellar.org/pool": "labelled"}), {"labelled"}),
    "by its owner": (CONFIG_MAP, build(ownerReferences=[POOL_OWNER]), {"owner"}),
    "by both": (
        CONFIG_MAP,
        build(ownerReferences=[POOL_OWNER], labels={"stellar.org/pool": "labelled"}),
        {"owner", "labelled"},
    ),
    "owned by another kind": (POD, build(ownerReferences=[POOL_OWNER | {"kind": "StatefulSet"}]), set()),
    "scales a pool": (SCALED_OBJECT, build({"scaleTargetRef": TARGET}), {"target"}),
    "scales something else": (SCALED_OBJECT, build({"scaleTargetRef": TARGET | {"kind": "Deployment"}}), set()),
    "scales a kind of that name elsewhere": (
        SCALED_OBJECT,
        build({"scaleTargetRef": TARGET | {"apiVersion": "example.com/v1"}}),
        set(),
    ),
    "nothing of ours": (CONFIG_MAP, build(), set()),
}


@pytest.mark.parametrize(("kind", "manifest", "names"), CASES.values(), ids=CASES.keys())
def test_an_object_concerns(kind: Kind, manifest: dict[str, Any], names: set[str]) -> None:
    assert find_pool_keys(kind, manifest) == {PoolKey("n", name) for name in names}


def test_an_object_is_found_by_owner_label_and_target() -> None:
    manifest = build({"scaleTargetRef": TARGET}, ownerReferences=[POOL_OWNER], labels={"stellar.org/pool": "labelled"})
    key = PoolKey("n", "labelled")
    assert set(find_index_keys(manifest)) == {"u-1", index_by_label(key), index_by_target(PoolKey("n", "target"))}


def test_of_an_object_its_content_is_kept_and_its_history_is_not() -> None:
    applied = "kubectl.kubernetes.io/last-applied-configuration"
    manifest = build(
        {"a": 1},
        managedFields=[{}],
        uid="u",
        annotations={applied: "{}", "mine": "x"},
        resourceVersion="1",
        selfLink="/",
    )
    kept = trim(manifest | {"apiVersion": "v1", "kind": "ConfigMap", "data": {"b": "2"}})
    metadata = {"namespace": "n", "name": "it", "uid": "u", "annotations": {"mine": "x"}, "resourceVersion": "1"}
    assert kept == {"metadata": metadata, "spec": {"a": 1}, "data": {"b": "2"}}


def test_of_a_pod_little_is_kept() -> None:
    status = {"phase": "Running", "podIP": "10.0.0.1", "conditions": [], "hostIP": "10.9.0.1"}
    kept = trim_pod(build({"nodeName": "node", "containers": [{}]}) | {"status": status})
    assert kept["spec"] == {"nodeName": "node", "containers": []}
    assert kept["status"] == {"phase": "Running", "podIP": "10.0.0.1", "conditions": []}
