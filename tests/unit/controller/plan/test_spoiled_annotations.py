"""Annotations of ours that somebody has overwritten: whatever they say, a pool is planned and keeps its readers."""

from functools import cache
from typing import Any

import pytest

from controller.observed.labels import (
    CLOSED_ANNOTATION,
    CONFIG_ANNOTATION,
    NOT_FRESH_BEFORE_ANNOTATION,
    SHARD_ANNOTATION,
    WEIGHT_ANNOTATION,
)
from controller.resources.claims import GROWN_ANNOTATION, SEED_ANNOTATION
from controller.snapshots.volume_snapshot import FRESH_ANNOTATION, JUDGED_ANNOTATION, VERDICT_ANNOTATION
from readpool.kubernetes.kinds import ENDPOINT_SLICE, PDB, STATEFUL_SET, VOLUME_SNAPSHOT, Kind
from tests.unit.observed_pools import FRESH
from tests.unit.pool_world import WEIGHED, PoolWorld
from tests.unit.snapshot_worlds import ALL, TAKES, take

VALUES = {
    "nothing": "",
    "a word": "yes",
    "a number below 0": "-1",
    "a number that is none": "nan",
    "more digits than int takes": "9" * 5000,
    "a digit of another script": "²",
    "a date that is none": "2023-13-77",
    "a date without an end": "9999-12-31T23:59:59.999999+00:00",
}
WHERE: dict[str, tuple[Kind | str, str]] = {
    "the weight of a slice": (ENDPOINT_SLICE, WEIGHT_ANNOTATION),
    "since when a budget is shut": (PDB, CLOSED_ANNOTATION),
    "ordinals that a rollout noted": (STATEFUL_SET, NOT_FRESH_BEFORE_ANNOTATION),
    "since when a donor was fresh": (VOLUME_SNAPSHOT, FRESH_ANNOTATION),
    "when a snapshot was judged": (VOLUME_SNAPSHOT, JUDGED_ANNOTATION),
    "what a snapshot was judged": (VOLUME_SNAPSHOT, VERDICT_ANNOTATION),
    "when a volume grew": ("claims", GROWN_ANNOTATION),
    "what a volume was made of": ("claims", SEED_ANNOTATION),
    "what a replica runs": ("pods", CONFIG_ANNOTATION),
    "a replica's shard": ("pods", SHARD_ANNOTATION),
}


@cache
def begin() -> PoolWorld:
    """Begin with a pool that uses everything that is noted in annotations."""
    storage = TAKES | {"autoGrow": {"maxSize": "500Gi"}}
    world = PoolWorld.begin(*ALL, **WEIGHED, maxReplicas=5, storage=storage, gate={"image": "envoy:v1"})
    take(world)
    return world


def list_objects(world: PoolWorld, where: Kind | str) -> list[dict[str, Any]]:
    if isinstance(where, Kind):
        return [one for key, one in world.objects.items() if key.kind == where]
    return [*(world.pods if where == "pods" else world.claims).values()]


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
@pytest.mark.parametrize(("where", "annotation"), WHERE.values(), ids=WHERE.keys())
def test_a_spoiled_annotation_keeps_nobody_from_planning(where: Kind | str, annotation: str, value: str) -> None:
    world = begin().copy()
    readers = world.read_endpoints()
    found = list_objects(world, where)
    assert found
    for one in found:
        one["metadata"]["annotations"] = {**one["metadata"].get("annotations", {}), annotation: value}
    world.step()
    world.say(*ALL)
    world.step()
    kept = {name for name, (address, _) in world.read_endpoints().items() if readers[name][0] == address}
    assert kept <= readers.keys()
    assert len(kept) >= (len(readers) - 1 if annotation == CONFIG_ANNOTATION else len(readers))  # it is restarted


def test_a_weight_beyond_all_is_not_kept_through_a_pause() -> None:
    world = PoolWorld.begin(FRESH, FRESH, **WEIGHED)
    for one in list_objects(world, ENDPOINT_SLICE):
        one["metadata"]["annotations"][WEIGHT_ANNOTATION] = "5000000"
    world.change(paused=True)
    world.rest()
    assert {weight for _, weight in world.read_endpoints().values()} == {1000}
