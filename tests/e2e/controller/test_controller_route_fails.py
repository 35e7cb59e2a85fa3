"""A route that often cannot be written holds up no reader of the pool's Service, whatever changes in which order."""

import asyncio
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from devtools.api.small_api import Refusal, Write
from devtools.api.small_cluster import SmallCluster, run_small_cluster
from readpool.kubernetes.kinds import HTTP_ROUTE, POD, ObjectKey
from tests.e2e.controller.test_controller_each_object import spoil

pytestmark = pytest.mark.timeout(180)
POOL_NAME = "route"
ROUNDS = 30


def set_route(cluster: SmallCluster, chance: random.Random) -> None:
    """Set whether the route can be written, or mostly not at all."""
    fails = chance.random() < 0.8

    async def meddle(write: Write) -> None:
        if fails and write.verb == "apply" and write.key.kind == HTTP_ROUTE:
            await asyncio.sleep(chance.choice((0.1, 0.3, 1.5)))
            raise Refusal(504, "the test says no", "Timeout")

    cluster.api.meddle = meddle


def list_changes(cluster: SmallCluster, chance: random.Random) -> list[Callable[[], None]]:
    """List what may happen to a pool of two, in random order; not always all of it."""

    def classify(replica: str) -> None:
        cluster.classes[replica] = chance.choice(("fresh", "lagging"))

    def end_one() -> None:
        key = ObjectKey(POD, "default", f"{POOL_NAME}-{chance.randrange(2)}")
        if key in cluster.api.objects:
            cluster.api.drop(key)

    changes: list[Callable[[], None]] = [partial(classify, f"{POOL_NAME}-{ordinal}") for ordinal in range(2)]
    changes += [end_one, partial(spoil, cluster, POOL_NAME)]
    return chance.sample(changes, chance.randint(1, len(changes)))


@pytest.mark.parametrize("seed", [1, 2])
async def test_readers_follow_every_change_while_a_route_fails(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    async with run_small_cluster(tmp_path) as cluster:
        cluster.make(POOL_NAME)
        await cluster.until(partial(cluster.is_served_by_the_fresh, POOL_NAME), "readers at first")
        for number in range(ROUNDS):
            set_route(cluster, chance)
            for change in list_changes(cluster, chance):
                change()
                await asyncio.sleep(chance.choice((0, 0, 0.01, 0.1)))
            if cluster.list_fresh(POOL_NAME):
                served = partial(cluster.is_served_by_the_fresh, POOL_NAME)
                await cluster.until(served, f"readers after change {number}")
