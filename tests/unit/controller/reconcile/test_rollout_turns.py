"""A change of ours restarts replicas of a few pools at a time; a user's own waits for nobody."""

from dataclasses import replace

from controller.observed.observed import ObservedPool
from controller.observed.pool_keys import PoolKey
from controller.plan.plan import Plan, plan_pool
from controller.reconcile.rollout_turns import RolloutTurns
from readpool.kubernetes.kinds import POD
from tests.unit.observed_pools import FRESH, NOW, UNREACHABLE
from tests.unit.pool_world import WEIGHED, PoolWorld


def look(turns: RolloutTurns, key: PoolKey, world: PoolWorld) -> tuple[ObservedPool, Plan]:
    """Plan a pool as the controller does, and carry it out."""
    observed = world.observe()
    observed = replace(observed, may_restart=turns.may_restart(key, observed))
    plan = plan_pool(observed, world.settings, world.now)
    turns.note(key, observed, plan)
    for write in world.list_writes(plan):
        write()
    return observed, plan


def name_restarted(plan: Plan) -> list[str]:
    return [key.name for key in plan.delete if key.kind == POD]


def test_a_change_of_ours_is_tried_on_a_few_pools_first_and_then_on_all() -> None:
    turns = RolloutTurns(most=3)
    worlds = {PoolKey("default", f"pool-{number}"): PoolWorld.begin(FRESH, FRESH, **WEIGHED) for number in range(8)}
    for world in worlds.values():
        world.settings = replace(world.settings, gate_image="envoy:broken")
    begun: set[PoolKey] = set()
    for _ in range(6):
        for key, world in worlds.items():
            world.see_stateful_set()
            begun |= {key} if name_restarted(look(turns, key, world)[1]) else set()
            world.settle()
            world.say(FRESH, UNREACHABLE if key in begun else FRESH)
            if key in begun:
                world.pods["pool-1"]["status"]["conditions"][0]["status"] = "False"
    assert len(begun) == 3
    waiting = next(world for key, world in worlds.items() if key not in begun)
    told = next(one["message"] for one in waiting.status["conditions"] if one["type"] == "Reconciling")
    assert told.endswith("waiting for other pools: only a few are upgraded at a time")
    assert (waiting.plan().requeue_after_seconds or 0) <= 30
    for _ in range(12):
        for key, world in worlds.items():
            world.see_stateful_set()
            look(turns, key, world)
            world.settle()
            world.say(FRESH, FRESH)
            for pod in world.pods.values():
                pod["status"]["conditions"][0]["status"] = "True"
    assert all(
        pod["metadata"]["labels"]["controller-revision-hash"] == world.revision
        for world in worlds.values()
        for pod in world.pods.values()
    )


def test_a_change_of_the_users_own_waits_for_nobody() -> None:
    turns = RolloutTurns(most=0)
    key, world = PoolKey("default", "pool"), PoolWorld.begin(FRESH, FRESH, **WEIGHED)
    look(turns, key, world)
    world.change(version="v23.0.0")
    look(turns, key, world)
    world.see_stateful_set()
    assert name_restarted(look(turns, key, world)[1]) == ["pool-1"]


def test_one_that_is_gone_leaves_its_turn_to_others() -> None:
    turns = RolloutTurns(most=1)
    keys = [PoolKey("default", "a"), PoolKey("default", "b")]
    worlds = [PoolWorld.begin(FRESH, FRESH, **WEIGHED) for _ in keys]
    restarted = []
    for _ in range(4):
        for key, world in zip(keys, worlds, strict=True):
            world.settings = replace(world.settings, gate_image="envoy:2")
            restarted += [key.name] if name_restarted(look(turns, key, world)[1]) else []
            world.see_stateful_set()
    assert restarted == ["a"]
    turns.forget(keys[0])
    look(turns, keys[1], worlds[1])  # its configuration first
    assert name_restarted(look(turns, keys[1], worlds[1])[1]) == ["pool-1"]
    assert worlds[1].now == NOW
