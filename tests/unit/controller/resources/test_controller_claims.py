"""The volumes: what a StatefulSet makes them of, what has to be made before it does, and which of them grow."""

from typing import Any

import pytest

from controller.resources.claims import build_claim_template, build_grown_claims, build_new_claims
from tests.unit.observed_pools import FRESH, build_pool
from tests.unit.pool_world import STATEFUL_SET_KEY, PoolWorld, name_writes


def claim(ordinal: int, size: str = "100Gi", **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": f"data-pool-{ordinal}", "uid": f"uid-{ordinal}"} | metadata,
        "spec": {"resources": {"requests": {"storage": size}}},
    }


def names(claims: list[dict[str, Any]]) -> list[str]:
    return [one["metadata"]["name"] for one in claims]


@pytest.mark.parametrize(
    ("storage", "spec"),
    [
        pytest.param({}, {"resources": {"requests": {"storage": "100Gi"}}}, id="the least"),
        pytest.param(
            {"storageClass": "fast", "size": "1Ti"},
            {"storageClassName": "fast", "resources": {"requests": {"storage": "1Ti"}}},
            id="a class and a size",
        ),
        pytest.param(
            {"dataSource": {"kind": "VolumeSnapshot", "name": "weekly"}},
            {
                "resources": {"requests": {"storage": "100Gi"}},
                "dataSource": {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "weekly"},
            },
            id="a snapshot to start from",
        ),
        pytest.param(
            {"dataSource": {"kind": "PersistentVolumeClaim", "name": "golden"}},
            {
                "resources": {"requests": {"storage": "100Gi"}},
                "dataSource": {"kind": "PersistentVolumeClaim", "name": "golden"},
            },
            id="a claim to start from",
        ),
    ],
)
def test_a_volume_is_as_storage_says(storage: dict[str, Any], spec: dict[str, Any]) -> None:
    template = build_claim_template(build_pool(storage=storage))
    assert template["spec"] == {"accessModes": ["ReadWriteOnce"]} | spec
    assert template["metadata"]["labels"]["stellar.org/pool"] == "pool"


SNAPSHOT = {"dataSource": {"kind": "VolumeSnapshot", "name": "weekly"}}
NEW: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "nothing changed": ({}, {}, []),
    "the same size written otherwise": ({"size": "1Ti"}, {"size": "1024Gi"}, []),
    "larger than the template": ({}, {"size": "200Gi"}, ["data-pool-1"]),
    "a snapshot that came later": ({}, SNAPSHOT, ["data-pool-1"]),
    "a snapshot that is gone": (SNAPSHOT, {}, ["data-pool-1"]),
    "another snapshot": (SNAPSHOT, {"dataSource": {"kind": "VolumeSnapshot", "name": "new"}}, ["data-pool-1"]),
}


@pytest.mark.parametrize(("before", "after", "made"), NEW.values(), ids=NEW.keys())
def test_claims_are_made_beforehand_where_the_template_would_make_others(
    before: dict[str, Any], after: dict[str, Any], made: list[str]
) -> None:
    template = build_claim_template(build_pool(storage=before))
    pool = build_pool(storage=after)
    built = build_new_claims(pool, template, 2, [claim(0), claim(7)])
    assert names(built) == made
    assert all(one["spec"] == build_claim_template(pool)["spec"] for one in built)
    assert all("ownerReferences" not in one["metadata"] for one in built), "the StatefulSet says whether they stay"


def test_claims_grow_of_replicas_that_are_wanted_and_of_no_others() -> None:
    pool = build_pool(storage={"size": "200Gi"})
    claims = [
        claim(0),
        claim(1, "200Gi"),
        claim(2, "0.5Ti"),
        claim(3, deletionTimestamp="2026-01-01T00:00:00Z"),
        claim(9),
    ]
    (grown,) = build_grown_claims(pool, 5, claims)
    assert grown["metadata"]["name"] == "data-pool-0"
    assert grown["spec"] == {"resources": {"requests": {"storage": "200Gi"}}}


def test_a_pool_does_not_grow_over_a_volume_that_is_still_going() -> None:
    old, new = ({"dataSource": {"kind": "VolumeSnapshot", "name": name}} for name in ("old", "new"))
    world = PoolWorld.begin(*[FRESH] * 4, minReplicas=1, targetReplicas=3, storage=old)
    world.change(storage=new)
    world.change(replicas=3)
    world.rest()
    world.settle()
    world.claims["data-pool-3"]["metadata"]["deletionTimestamp"] = "2023-11-14T22:13:20Z"
    world.change(replicas=4)
    world.rest()
    assert world.objects[STATEFUL_SET_KEY]["spec"]["replicas"] == 3
    told = next(one["message"] for one in world.status["conditions"] if one["type"] == "Reconciling")
    assert told == "3 replicas exist; 4 required; waiting for the previous volume of pool-3 to be deleted"
    del world.claims["data-pool-3"]
    written = name_writes(world.step())
    assert written.index("PersistentVolumeClaim data-pool-3") < written.index("StatefulSet pool")
    assert world.claims["data-pool-3"]["spec"]["dataSource"]["name"] == "new"
    assert world.objects[STATEFUL_SET_KEY]["spec"]["replicas"] == 4
