"""A pool that takes snapshots, with whoever makes them and the volumes that come of them."""

from typing import Any

from readpool.kubernetes.kinds import VOLUME_SNAPSHOT
from tests.unit.api_answers import write_time
from tests.unit.observed_pools import FRESH
from tests.unit.pool_world import PoolWorld

TAKES: dict[str, Any] = {"snapshots": {"enabled": True, "interval": "1h", "keep": 2}}
ALL = [FRESH] * 3


def begin(**storage: Any) -> PoolWorld:
    """Begin with three fresh replicas, at most five, in a pool that takes snapshots."""
    return PoolWorld.begin(*ALL, maxReplicas=5, storage=TAKES | storage)


def list_snapshots(world: PoolWorld) -> list[dict[str, Any]]:
    """List the snapshots that are there, the oldest first."""
    found = [one for key, one in world.objects.items() if key.kind == VOLUME_SNAPSHOT]
    return sorted(found, key=lambda one: str(one["metadata"]["name"]))


def make_ready(world: PoolWorld, after_seconds: float = 1.0, **status: Any) -> None:
    """Make the newest one ready, so long after it was asked for."""
    newest = list_snapshots(world)[-1]
    cut_at = write_time(world.now + after_seconds)
    newest["status"] = {"readyToUse": True, "creationTime": cut_at, "restoreSize": "100Gi"} | status


def take(world: PoolWorld) -> str:
    """Make a snapshot that is ready, and return its name."""
    world.rest()
    make_ready(world)
    world.now += 60
    world.say(*ALL)
    world.rest()
    return str(list_snapshots(world)[-1]["metadata"]["name"])


def read_message(world: PoolWorld, kind: str = "Snapshots") -> str:
    return next(str(one["message"]) for one in world.status["conditions"] if one["type"] == kind)


def grow(world: PoolWorld, replicas: int = 4) -> dict[str, Any]:
    """Scale to so many replicas, and return the claim of the last one."""
    world.change(replicas=replicas)
    world.rest()
    world.settle()
    return world.claims[f"data-pool-{replicas - 1}"]
