"""A pool whose Stellar Core is too old: what Fresh says, that it is told once, and that no volume goes for it."""

from dataclasses import replace

import pytest

from controller.replicas.replicas import read_replicas
from controller.status.core_age import explain_old_core
from readpool.cli.pools.explanation import explain_pool
from readpool.pool.spec import parse_pool
from readpool.public_networks import load_public_networks
from tests.unit.observed_pools import CATCHING_UP, FRESH, LAGGING, UNREACHABLE, build_fleet, build_pool, observe
from tests.unit.pool_world import PoolWorld, name_deleted

NETWORKS = load_public_networks()
OLD = {"core_protocol": 29, "is_core_too_old": True}


def explain(*classes: object, version: str = "29.0.0", network: int | None = 30, **fields: object) -> str:
    pool = build_pool(version=version, replicas=len(classes))
    observed = observe(pool, *classes, **fields)  # type: ignore[arg-type]
    fleet = build_fleet(pool, *classes, network_protocol=network)  # type: ignore[arg-type]
    return explain_old_core(pool.spec, read_replicas(observed), fleet, NETWORKS)


@pytest.mark.parametrize(
    ("version", "network", "told"),
    [
        ("v21.0.0", None, "Stellar Core v21.0.0 supports Protocol 21 at most, and Testnet is at Protocol 30: set"),
        ("29", 30, "Stellar Core 29 supports Protocol 29 at most"),
        ("29", 29, ""),
        ("30", None, ""),
        ("31.1.0", 30, ""),
        ("latest", 30, ""),
    ],
)
def test_where_nobody_is_fresh_the_version_says_it(version: str, network: int | None, told: str) -> None:
    said = explain(CATCHING_UP, UNREACHABLE, CATCHING_UP, version=version, network=network)
    assert said.startswith(told)
    assert bool(said) == bool(told)


def test_a_fresh_replica_shows_that_its_version_is_not_too_old() -> None:
    assert explain(FRESH, CATCHING_UP, CATCHING_UP, network=None) == ""


def test_a_network_of_one_s_own_has_a_protocol_that_nobody_knows() -> None:
    pool = build_pool(version="v21.0.0", network="Custom", networkPassphrase="mine", replicas=3)
    replicas = read_replicas(observe(pool, CATCHING_UP, CATCHING_UP, CATCHING_UP))
    assert explain_old_core(pool.spec, replicas, None, NETWORKS) == ""


def test_fresh_says_that_core_is_too_old_an_event_tells_it_once_and_explain_says_it() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, version="29.0.0")
    world.say(LAGGING, LAGGING, LAGGING, network_protocol=30)
    plan = world.plan()
    fresh = next(one for one in plan.status["conditions"] if one["type"] == "Fresh")
    assert (fresh["status"], fresh["reason"]) == ("False", "CoreTooOld")
    assert "set spec.version to 30 or newer" in fresh["message"]
    assert [one.is_warning for one in plan.events if one.reason == "CoreTooOld"] == [True]
    world.rest()
    assert not world.plan().events
    said = explain_pool(parse_pool(world.pool), None).sentences
    assert any(one.startswith("More replicas would not help (CoreTooOld): 0 of 3") for one in said)


def test_a_new_pool_of_an_old_version_is_told_so_at_once() -> None:
    world = PoolWorld.make(version="v21.0.0", replicas=3)
    world.rest()
    world.settle()
    world.say(CATCHING_UP, CATCHING_UP, CATCHING_UP)
    plans = world.rest()
    assert any(event.reason == "CoreTooOld" for plan in plans for event in plan.events)


def test_a_volume_is_not_replaced_for_a_core_that_is_too_old() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH, replacement={"enabled": True})
    world.say(FRESH, FRESH, LAGGING)
    assert name_deleted(world.plan())
    views = [replace(one, **OLD) if one.replica_class is LAGGING else one for one in world.fleet.replicas]  # type: ignore[union-attr]
    world.fleet = replace(world.fleet, replicas=tuple(views), network_protocol=30)  # type: ignore[type-var]
    assert not name_deleted(world.plan())


def test_each_replica_that_is_too_old_is_named() -> None:
    pool = build_pool(version="30", replicas=3)
    observed = observe(pool, FRESH, LAGGING, LAGGING)
    assert observed.fleet is not None
    views = [replace(one, **OLD) if one.replica_class is LAGGING else one for one in observed.fleet.replicas]  # type: ignore[arg-type]
    fleet = replace(observed.fleet, replicas=tuple(views), network_protocol=30)
    said = explain_old_core(pool.spec, read_replicas(replace(observed, fleet=fleet)), fleet, NETWORKS)
    assert said == (
        "Stellar Core of pool-1, pool-2 supports Protocol 29 at most, and Testnet is at Protocol 30; resolved when"
        " the rollout of 30 completes"
    )
