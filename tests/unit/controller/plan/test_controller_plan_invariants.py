"""What holds of plans whatever the pool, its replicas and the scaler's word are."""

import random
import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from controller.observed.labels import parse_ordinal
from controller.plan.plan import Plan, plan_pool
from readpool.kubernetes.kinds import POD, PVC, Manifest
from readpool.pool.status import dump_status
from readpool.replica_class import ReplicaClass
from tests.unit.drawn_worlds import MOST_REPLICAS, TURNS, Turn, few, list_alive, worlds
from tests.unit.pool_world import STATEFUL_SET_KEY, PoolWorld


@few
@given(worlds())
def test_a_plan_that_is_carried_out_soon_leaves_nothing_to_do(world: PoolWorld) -> None:
    plans = world.rest()
    assert plans[-1].is_empty
    assert all(not plan.events for plan in plans[len(plans) - 1 :])


@few
@given(worlds(), st.data())
def test_wherever_it_is_ended_the_next_one_comes_to_the_same_end(world: PoolWorld, data: st.DataObject) -> None:
    whole, ended = world.copy(), world.copy()
    whole.rest()
    writes = ended.list_writes(ended.plan())
    for write in writes[: data.draw(st.integers(0, len(writes)))]:
        write()
    assert read_end(ended) == read_end(whole)


def read_end(world: PoolWorld) -> str:
    """Go on until all is done and everybody is back and fresh; read what there is then, but for which pods it took.

    Who is restarted first, and whether before or after a scale-in, may depend on who was there when somebody was ended.
    """
    for _ in range(4 * MOST_REPLICAS):
        if len(world.rest()) == 1 and world.is_settled():
            return OF_ONE_POD.sub("", world.dump())
        world.now += 31
        world.silent_since = None
        world.settle()
        for pod in world.pods.values():
            pod["status"]["conditions"][0]["status"] = "True"
        world.say(*[ReplicaClass.FRESH] * len(world.pods))
    raise AssertionError(f"no end: {world.status}")


OF_ONE_POD = re.compile(
    r'"(uid|generation|stellar\.org/applied|lastTransitionTime|lastUpdated|observedAt)": .*|10\.1\.\d+\.\d+'
)


@few
@given(worlds())
def test_readers_have_somewhere_to_go_after_each_single_write(world: PoolWorld) -> None:
    alive = list_alive(world)
    before = world.read_endpoints()
    was_served = any(alive.get(pod) == address for pod, (address, _) in before.items())
    for write in world.list_writes(world.plan()):
        write()
        served = [pod for pod, (address, _) in world.read_endpoints().items() if alive.get(pod) == address]
        assert served or not was_served
    assert bool(world.read_endpoints()) is bool(alive)


@few
@given(worlds())
def test_with_fresh_only_laggards_are_out_while_a_fresh_one_is_in_and_never_all(world: PoolWorld) -> None:
    world.change(loadBalancing={"enabled": True, "mode": "FreshOnly"}, paused=False)
    world.silent_since = None
    world.say(*(view.replica_class for view in world.fleet.replicas) if world.fleet else ())
    world.rest()
    classes = {one["replicaName"]: one["replicaClass"] for one in world.status["replicaWeights"]}
    alive, serving = list_alive(world), world.read_endpoints()
    assert bool(serving) is bool(alive)
    if any(classes[pod] == ReplicaClass.FRESH for pod in alive):
        assert not [pod for pod in serving if classes[pod] == ReplicaClass.LAGGING]


@few
@given(worlds())
def test_endpoints_are_of_pods_that_stay_and_their_weights_are_more_than_nothing(world: PoolWorld) -> None:
    alive = list_alive(world)  # one that is restarted leaves its slice with the next plan
    world.step()
    for pod, (address, weight) in world.read_endpoints().items():
        assert alive[pod] == address
        assert weight > 0
    told = {row["replicaName"]: row["weight"] for row in world.status["replicaWeights"]}
    assert told == dict.fromkeys(world.pods, 0) | {pod: weight for pod, (_, weight) in world.read_endpoints().items()}


@few
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_what_was_seen_never_matters(world: PoolWorld, chance: random.Random) -> None:
    observed = world.observe()
    fleet = observed.fleet
    shuffled = replace(
        observed,
        pods=tuple(chance.sample(observed.pods, len(observed.pods))),
        claims=tuple(chance.sample(observed.claims, len(observed.claims))),
        children=dict(chance.sample(list(observed.children.items()), len(observed.children))),
        fleet=None
        if fleet is None
        else replace(fleet, replicas=tuple(chance.sample(fleet.replicas, len(fleet.replicas)))),
    )
    assert read(plan_pool(shuffled, world.settings, world.now)) == read(plan_pool(observed, world.settings, world.now))


def read(plan: Plan) -> tuple[object, ...]:
    """Read a plan, with that part of it sorted whose order has no meaning."""
    grown: list[Manifest] = sorted(
        (one for one in plan.apply if one["kind"] == PVC.name), key=lambda one: str(one["metadata"]["name"])
    )
    others = [one for one in plan.apply if one["kind"] != PVC.name]
    return (others, grown, plan.delete, plan.status, plan.events, sorted(map(str, plan.pod_patches)), plan.replicas)


@few
@given(worlds(), st.booleans(), TURNS)
def test_at_most_one_pod_is_deleted_and_never_the_last_fresh_one_of_several(
    world: PoolWorld, is_new_version: bool, turn: Turn
) -> None:
    if is_new_version:
        world.change(version="v24.0.0", coreConfigOverride="", paused=False)
        world.step()
        world.see_stateful_set()
        turn.play(world)
    replicas = world.spec["replicas"] or len(world.pods)
    plan = world.plan()
    deleted = [key.name for key in plan.delete if key.kind == POD]
    claims = [key.name for key in plan.delete if key.kind == PVC]
    assert len(deleted) <= 1
    assert claims in ([], [f"data-{name}" for name in deleted])
    views = world.fleet.replicas if world.fleet is not None else ()
    fresh = {view.name for view in views if view.replica_class is ReplicaClass.FRESH} & list_alive(world).keys()
    for name in deleted:
        assert not world.spec.get("paused")
        assert plan.uids[next(key for key in plan.delete if key.kind == POD)] == world.pods[name]["metadata"]["uid"]
        is_heard = world.silent_since is None or world.now - world.silent_since < 15
        if is_heard and name in fresh and replicas > 1:
            assert len(fresh) > 1
            assert not claims


def read_weights_of_the_living(world: PoolWorld) -> dict[str, int]:
    """Read the weights in slices of pods that are alive; a slice may still have the pod before, of the same name."""
    alive = {name: pod["metadata"]["uid"] for name, pod in world.pods.items() if name in list_alive(world)}
    return {
        endpoint["targetRef"]["name"]: int(manifest["metadata"]["annotations"]["stellar.org/weight"])
        for manifest in world.list_slices()
        for endpoint in manifest["endpoints"]
        if alive.get(endpoint["targetRef"]["name"]) == endpoint["targetRef"]["uid"]
    }


@few
@given(worlds())
def test_a_pause_changes_neither_size_nor_weights(world: PoolWorld) -> None:
    world.change(paused=True)
    before, named = read_weights_of_the_living(world), world.read_endpoints().keys()
    size = world.objects[STATEFUL_SET_KEY]["spec"]["replicas"] if STATEFUL_SET_KEY in world.objects else None
    plan = world.step()
    assert [key for key in plan.delete if key.kind in (POD, PVC)] == []
    after = {pod: weight for pod, (_, weight) in world.read_endpoints().items()}
    if before:  # a pod that has taken the place of another may be served now
        assert after.keys() <= named
        assert {pod: after.get(pod) for pod in before} == before
    if size is not None:
        assert world.objects[STATEFUL_SET_KEY]["spec"]["replicas"] == size


@few
@given(worlds(), st.sampled_from([15.0, 60.0, 299.0]))
def test_weights_stay_while_the_scaler_is_silent_and_then_are_all_alike(world: PoolWorld, seconds: float) -> None:
    world.change(paused=False)
    world.silent_since = world.now - seconds
    kept = read_weights_of_the_living(world)
    world.rest()
    after = {pod: weight for pod, (_, weight) in world.read_endpoints().items()}
    # One may be restarted meanwhile; and whoever is scaled away has weights only where nobody who stays can serve.
    gone = list_surplus(world)
    kept = {pod: weight for pod, weight in kept.items() if pod in list_alive(world).keys() - gone}
    assert {pod: weight for pod, weight in after.items() if pod not in gone} == kept or not kept
    proven = world.read_endpoints().keys() | list_heard(world)
    world.now += 300
    world.rest()
    staying = list_alive(world).keys()
    ready = {name for name in staying if world.pods[name]["status"]["conditions"][0]["status"] == "True"}
    gone = list_surplus(world)
    assert world.read_endpoints().keys() - gone == (ready & proven or ready or staying) - gone
    assert len({weight for _, weight in world.read_endpoints().values()}) <= 1


def list_heard(world: PoolWorld) -> set[str]:
    """List the pods that the scaler has heard to have ledgers, at the address that they have."""
    views = world.fleet.replicas if world.fleet is not None else ()
    heard = {
        view.name for view in views if view.ledger and view.address.startswith(f"{list_alive(world).get(view.name)}:")
    }
    return heard & list_alive(world).keys()


def list_surplus(world: PoolWorld) -> set[str]:
    """List the pods that the StatefulSet ends for being too many."""
    size = world.objects[STATEFUL_SET_KEY]["spec"]["replicas"] if STATEFUL_SET_KEY in world.objects else 0
    return {name for name in world.pods if (parse_ordinal("pool", name) or 0) >= size}


@few
@given(worlds())
def test_times_of_conditions_change_with_their_status_alone(world: PoolWorld) -> None:
    for _ in range(2):
        generation = world.pool["metadata"]["generation"]
        before = {one["type"]: one for one in world.status["conditions"]}
        world.step()
        for after in world.status["conditions"]:
            assert after["observedGeneration"] == generation
            last = before.get(after["type"])
            if last is not None and last["status"] == after["status"]:
                assert after["lastTransitionTime"] == last["lastTransitionTime"]


@few
@given(worlds())
def test_the_status_can_be_read_back_as_it_was_written(world: PoolWorld) -> None:
    world.rest()
    assert world.observe().pool.status.observed_generation == world.pool["metadata"]["generation"]
    assert dump_status(world.observe().pool.status) == world.status
