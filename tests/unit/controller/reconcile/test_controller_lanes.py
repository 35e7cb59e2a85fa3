"""Which writes are readers' own, which wait for which, and what a plan says of objects that cannot be written."""

from dataclasses import replace
from typing import Any

import pytest

from controller.observed.failures import Failure
from controller.observed.observed import ObservedPool
from controller.plan.plan import Plan, plan_pool
from controller.reconcile.lanes import (
    are_readers_told,
    is_needed,
    list_needs,
    list_other_deletions,
    list_other_writes,
    list_reader_deletions,
    list_reader_writes,
    list_services,
)
from readpool.kubernetes.kinds import (
    CONFIG_MAP,
    ENDPOINT_SLICE,
    HTTP_ROUTE,
    NETWORK_POLICY,
    POD,
    PVC,
    SERVICE,
    STATEFUL_SET,
    Kind,
    ObjectKey,
)
from tests.unit.observed_pools import FRESH, LAGGING, NOW
from tests.unit.pool_world import PoolWorld, name_writes

ROUTED: dict[str, Any] = {"loadBalancing": {"enabled": True, "httpRoute": {"parentRefs": [{"name": "edge"}]}}}
NAME = "default"


def key(kind: Kind, name: str = "pool") -> ObjectKey:
    return ObjectKey(kind, NAME, name)


def plan_of(observed: ObservedPool) -> Plan:
    return plan_pool(observed, PoolWorld.make().settings, NOW)


def name(manifests: list[Any]) -> list[str]:
    return [f"{one['kind']} {one['metadata']['name']}" for one in manifests]


def lose(world: PoolWorld, *keys: ObjectKey) -> ObservedPool:
    for one in keys:
        del world.objects[one]
    return world.observe()


def test_slices_and_routes_are_of_the_readers_lane_and_all_else_is_not() -> None:
    world = PoolWorld.begin(FRESH, FRESH, **ROUTED)
    world.change(version="v23.0.0")
    world.say(FRESH, LAGGING)
    observed = world.observe()
    plan = plan_of(observed)
    readers = name(list_reader_writes(plan, observed))
    assert {one.split()[0] for one in readers} == {"EndpointSlice", "HTTPRoute"}
    assert sorted(readers + name(list_other_writes(plan))) == sorted(name_writes(plan))
    assert not are_readers_told(plan, observed)


def test_a_route_waits_for_the_services_that_it_leads_to_and_one_that_is_there_for_nothing() -> None:
    observed = lose(PoolWorld.begin(FRESH, **ROUTED), key(SERVICE, "pool-lagging"), key(HTTP_ROUTE))
    assert "HTTPRoute pool" in name_writes(plan_of(observed))
    assert name(list_reader_writes(plan_of(observed), observed)) == []
    world = PoolWorld.begin(FRESH, **ROUTED)
    world.change(loadBalancing={"enabled": True, "httpRoute": {"parentRefs": [{"name": "another"}]}})
    observed = lose(world, key(SERVICE, "pool-lagging"))
    assert name(list_reader_writes(plan_of(observed), observed)) == ["HTTPRoute pool"]


def test_a_new_slice_wants_to_know_whose_its_service_is_and_one_that_is_there_does_not() -> None:
    observed = lose(PoolWorld.begin(FRESH), key(SERVICE), key(ENDPOINT_SLICE, "pool-fresh-0"))
    (manifest,) = list_reader_writes(plan_of(observed), observed)
    assert list_services(manifest, observed) == {key(SERVICE)}
    assert list_services(manifest, PoolWorld.begin(FRESH).observe()) == set()


def test_a_slice_with_a_living_replica_stays_while_another_of_its_service_cannot_be_written() -> None:
    world = PoolWorld.begin(FRESH, LAGGING, **ROUTED)
    world.say(FRESH, FRESH)
    observed, gone = world.observe(), key(ENDPOINT_SLICE, "pool-lagging-0")
    assert gone in list_reader_deletions(plan_of(observed))
    fresh = key(ENDPOINT_SLICE, "pool-fresh-0")
    assert not is_needed(gone, observed, set())
    assert is_needed(gone, observed, {fresh})
    assert is_needed(gone, observed, {key(ENDPOINT_SLICE, "pool-fresh-1")}), "of one that is not there nobody knows"
    assert is_needed(gone, observed, {key(SERVICE)})
    assert not is_needed(gone, replace(observed, pods=observed.pods[:1]), {fresh})


def test_a_route_that_cannot_be_written_keeps_the_slices_that_it_leads_to_and_no_others() -> None:
    world = PoolWorld.begin(FRESH, LAGGING, **ROUTED)
    world.say(FRESH, FRESH)
    observed, route = world.observe(), key(HTTP_ROUTE)
    assert not is_needed(key(ENDPOINT_SLICE, "pool-lagging-0"), observed, {route})
    assert not is_needed(key(ENDPOINT_SLICE, "pool-lagging-0"), observed, {key(ENDPOINT_SLICE, "pool-fresh-fresh-0")})
    assert is_needed(key(ENDPOINT_SLICE, "pool-fresh-fresh-0"), observed, {route})


def test_replicas_end_though_a_route_that_cannot_be_deleted_keeps_its_slices() -> None:
    observed = PoolWorld.begin(FRESH, **ROUTED).observe()
    doomed = (key(HTTP_ROUTE), key(ENDPOINT_SLICE, "pool-fresh-fresh-0"), key(POD, "pool-1"))
    assert not are_readers_told(Plan({}, delete=doomed), observed)
    failing = replace(observed, failing={key(HTTP_ROUTE): Failure("no", is_permanent=False, count=2, since=NOW)})
    assert are_readers_told(Plan({}, delete=doomed), failing)
    read = (key(HTTP_ROUTE), key(ENDPOINT_SLICE, "pool-fresh-0"), key(POD, "pool-1"))
    assert not are_readers_told(Plan({}, delete=read), failing)


def test_replicas_and_volumes_end_only_once_readers_have_been_told() -> None:
    doomed = (key(HTTP_ROUTE), key(SERVICE, "pool-fresh"), key(PVC, "data-pool-1"), key(POD, "pool-1"))
    observed = PoolWorld.begin(FRESH).observe()
    plan = Plan({}, delete=doomed)
    assert list_other_deletions(plan, observed) == []
    assert list_other_deletions(replace(plan, delete=doomed[1:]), observed) == list(doomed[1:])
    failing = replace(observed, failing={key(HTTP_ROUTE): Failure("no", is_permanent=False, count=2, since=NOW)})
    assert list_other_deletions(plan, failing) == list(doomed[2:])


@pytest.mark.parametrize(("is_guarded", "kinds"), [(True, {CONFIG_MAP}), (False, {CONFIG_MAP, NETWORK_POLICY})])
def test_a_stateful_set_needs_its_configuration_and_without_a_gate_its_network_policy(
    is_guarded: bool, kinds: set[Kind]
) -> None:
    observed = PoolWorld.make(replicas=1).observe()
    needs = list_needs(key(STATEFUL_SET), plan_of(observed), observed, is_guarded=is_guarded)
    assert {one.kind for one in needs} == kinds
    assert list_needs(key(SERVICE), plan_of(observed), observed, is_guarded=is_guarded) == set()


def test_a_route_needs_the_first_slice_of_a_class_that_it_is_to_send_readers_to() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, **ROUTED)
    world.say(FRESH, LAGGING, LAGGING)
    observed = world.observe()
    needs = list_needs(key(HTTP_ROUTE), plan_of(observed), observed, is_guarded=True)
    assert needs == {key(ENDPOINT_SLICE, "pool-lagging-lagging-0")}
    new = lose(world, key(HTTP_ROUTE))
    assert list_needs(key(HTTP_ROUTE), plan_of(new), new, is_guarded=True) == set(), "it leads nobody anywhere yet"


def test_a_route_needs_no_slice_of_a_class_in_which_somebody_is() -> None:
    world = PoolWorld.begin(FRESH, LAGGING, LAGGING, **ROUTED)
    world.say(FRESH, FRESH, LAGGING)
    observed = world.observe()
    plan = plan_of(observed)
    assert "EndpointSlice pool-fresh-fresh-0" in name(list_reader_writes(plan, observed))
    assert list_needs(key(HTTP_ROUTE), plan, observed, is_guarded=True) == set()


@pytest.mark.parametrize("kind", [STATEFUL_SET, CONFIG_MAP], ids=lambda kind: kind.name)
@pytest.mark.parametrize("is_permanent", [True, False], ids=["refused", "failing"])
def test_while_replicas_cannot_be_written_nobody_who_should_go_loses_readers(kind: Kind, is_permanent: bool) -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, loadBalancing={"enabled": True})
    world.change(replicas=2, targetReplicas=2)
    held = key(kind, "pool-config" if kind == CONFIG_MAP else "pool")
    told = Failure("no", is_permanent=is_permanent, count=2, since=NOW)
    observed = replace(world.observe(), refused={held: "no"}) if is_permanent else world.observe()
    plan = plan_of(observed if is_permanent else replace(observed, failing={held: told}))
    assert {one["weight"] for one in plan.status["replicaWeights"]} == {100}


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(59, ("Reconciling", "True", "Retrying")), (60, ("Stalled", "True", "WriteFailed"))],
    ids=["at first", "after a minute"],
)
def test_a_write_that_fails_is_named_and_is_a_persons_matter_after_a_minute(
    seconds: float, told: tuple[str, str, str]
) -> None:
    world = PoolWorld.begin(FRESH)
    failure = Failure("the webhook is down", is_permanent=False, count=9, since=NOW - seconds)
    observed = lose(world, key(NETWORK_POLICY))
    plan = plan_of(replace(observed, failing={key(NETWORK_POLICY): failure}))
    said = {(one["type"], one["status"], one["reason"]): one["message"] for one in plan.status["conditions"]}
    assert "NetworkPolicy pool: the webhook is down" in said[told]


def test_a_spec_that_cannot_be_read_moves_readers_and_neither_size_nor_version() -> None:
    world = PoolWorld.begin(FRESH, FRESH, loadBalancing={"enabled": True, "laggingNodeWeight": 0})
    world.change(version="v23.0.0", replicas=1)
    world.say(FRESH, LAGGING)
    observed = replace(world.observe(), misread="spec.a: no")
    plan = plan_of(observed)
    assert name(list_reader_writes(plan, observed)) == ["EndpointSlice pool-fresh-0"]
    assert not [one for one in plan.delete if one.kind == POD]
    stalled = next(one for one in plan.status["conditions"] if one["type"] == "Stalled")
    assert (stalled["reason"], stalled["message"]) == ("InvalidSpec", "spec.a: no")
