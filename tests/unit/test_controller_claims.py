"""The volumes: what a StatefulSet makes them of, what has to be made before it does, and which of them grow."""

from typing import Any

import pytest

from controller.resources.claims import build_claim_template, build_grown_claims, build_new_claims
from tests.unit.observed_pools import build_pool


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
