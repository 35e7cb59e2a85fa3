"""A pool whose volumes grow before they are full: what it asks for, what it runs for it, and what it says."""

from dataclasses import replace
from typing import Any

import pytest

from controller.gate.volume_watch import WATCH
from controller.observed.failures import Failure
from controller.plan.plan import plan_pool
from controller.resources.claims import build_new_claims
from readpool.kubernetes.kinds import PROMETHEUS_RULE, PVC, ObjectKey
from tests.unit.observed_pools import FRESH, SETTINGS, build_pool
from tests.unit.pool_world import STATEFUL_SET_KEY, PoolWorld, name_writes

GROWS: dict[str, Any] = {"autoGrow": {"maxSize": "150Gi"}}
GATED = replace(SETTINGS, gate_image="envoyproxy/envoy:distroless-v1.40.0")
CLAIM = ObjectKey(PVC, "default", "data-pool-1")


def begin(**storage: Any) -> PoolWorld:
    """Begin with three fresh replicas whose gates have told nothing of their volumes."""
    world = PoolWorld.make(minReplicas=1, targetReplicas=3, maxReplicas=5, replicas=3, storage=GROWS | storage)
    world.settings = GATED
    world.rest()
    world.settle()
    for claim in world.claims.values():
        claim["status"] = {"phase": "Bound", "capacity": {"storage": "100Gi"}}
    fill(world)
    return world


def fill(world: PoolWorld, *percent: int | None) -> None:
    """Make gates report how full the volumes are, by ordinal."""
    world.now += 60
    world.say(*[FRESH] * 3)
    assert world.fleet is not None
    told = (*percent, *[None] * 3)
    views = zip(world.fleet.replicas, told, strict=False)
    world.fleet = replace(world.fleet, replicas=tuple(replace(one, volume_used_percent=used) for one, used in views))
    world.rest()


def read_sizes(world: PoolWorld) -> list[str]:
    return [str(one["spec"]["resources"]["requests"]["storage"]) for _, one in sorted(world.claims.items())]


def finish(world: PoolWorld) -> None:
    """Make the volumes as large as they are asked to be."""
    for claim in world.claims.values():
        claim["status"]["capacity"] = dict(claim["spec"]["resources"]["requests"])


def read_message(world: PoolWorld) -> str:
    return next(str(one["message"]) for one in world.status["conditions"] if one["type"] == "VolumeSpace")


def test_a_volume_that_is_nearly_full_grows_step_by_step_up_to_its_bound() -> None:
    world = begin()
    assert world.read_condition("VolumeSpace") == ("Unknown", "UsageUnknown")
    fill(world, 50, 79, 20)
    assert world.read_condition("VolumeSpace") == ("True", "EnoughSpace")
    assert read_sizes(world) == ["100Gi"] * 3
    fill(world, 50, 80, 20)
    assert read_sizes(world) == ["100Gi", "128000Mi", "100Gi"]
    assert world.read_condition("VolumeSpace") == ("True", "VolumesGrowing")
    fill(world, 50, 95, 20)
    assert read_sizes(world)[1] == "128000Mi", "one step at a time"
    finish(world)
    fill(world, 50, 80, 20)
    assert read_sizes(world)[1] == "128000Mi", "the gate has not looked since"
    world.now += 600
    fill(world, 50, 64, 20)
    assert world.read_condition("VolumeSpace") == ("True", "EnoughSpace")
    fill(world, 50, 81, 20)
    assert read_sizes(world)[1] == "153600Mi"
    finish(world)
    world.now += 600
    fill(world, 50, 90, 20)
    assert world.read_condition("VolumeSpace") == ("False", "AtMaxSize")
    assert (
        read_message(world)
        == "pool-1 is 90 % full and already as large as storage.autoGrow.maxSize (150Gi); raise maxSize"
    )


def test_new_replicas_begin_as_large_as_the_largest() -> None:
    world = begin()
    fill(world, 50, 80, 20)
    world.change(replicas=4)
    world.rest()
    assert read_sizes(world)[3] == "128000Mi"


@pytest.mark.parametrize("is_permanent", [True, False])
def test_storage_that_does_not_grow_is_said_in_its_words(is_permanent: bool) -> None:
    world = begin()
    fill(world, 50, 80, 20)
    world.claims["data-pool-1"]["spec"]["resources"]["requests"]["storage"] = "100Gi"
    said = "only dynamically provisioned pvc can be resized"
    observed = world.observe()
    if is_permanent:
        observed = replace(observed, refused={CLAIM: said})
    else:
        observed = replace(observed, failing={CLAIM: Failure(said, is_permanent=False, count=3, since=world.now)})
    plan = plan_pool(observed, GATED, world.now)
    condition = next(one for one in plan.status["conditions"] if one["type"] == "VolumeSpace")
    assert (condition["status"], condition["reason"]) == ("False", "CannotGrow")
    assert condition["message"] == f"pool-1 is 80 % full and cannot be expanded: {said}"
    assert "PersistentVolumeClaim data-pool-1" in name_writes(plan), "it is asked again"
    assert [one.reason for one in plan.events if one.is_warning and one.reason == "CannotGrow"] == ["CannotGrow"]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (
            {"conditions": [{"type": "ControllerResizeError", "status": "True", "message": "quota\n exceeded"}]},
            "quota exceeded",
        ),
        ({"allocatedResourceStatuses": {"storage": "ControllerResizeInfeasible"}}, "the storage driver reports"),
    ],
)
def test_a_growth_that_the_storage_cannot_carry_out_is_said(status: dict[str, Any], said: str) -> None:
    world = begin()
    fill(world, 50, 80, 20)
    world.claims["data-pool-1"]["status"] |= status
    fill(world, 50, 85, 20)
    assert world.read_condition("VolumeSpace") == ("False", "CannotGrow")
    assert said in read_message(world)


def test_a_pause_lets_nothing_grow() -> None:
    world = begin()
    world.change(paused=True)
    fill(world, 50, 95, 20)
    assert read_sizes(world) == ["100Gi"] * 3
    assert world.read_condition("VolumeSpace") == ("False", "Paused")


def test_without_a_gate_nobody_knows() -> None:
    world = begin()
    world.settings = SETTINGS
    fill(world, None, None, None)
    assert world.read_condition("VolumeSpace") == ("Unknown", "UsageUnknown")
    pod = world.objects[STATEFUL_SET_KEY]["spec"]["template"]["spec"]
    assert WATCH not in [one["name"] for one in pod["initContainers"]]


def test_what_replicas_run_is_the_same_where_nothing_is_to_grow() -> None:
    world = PoolWorld.make(storage={})
    world.settings = GATED
    world.rest()
    pod = world.objects[STATEFUL_SET_KEY]["spec"]["template"]["spec"]
    assert [one["name"] for one in pod["initContainers"]] == ["prepare"]
    assert "injected_resource" not in pod["containers"][1]["args"][1]
    assert "volumeMounts" not in pod["containers"][1]


def test_who_reads_the_volume_may_not_write_it_and_has_no_port() -> None:
    pod = begin().objects[STATEFUL_SET_KEY]["spec"]["template"]["spec"]
    watch, _ = pod["initContainers"]
    core, gate = pod["containers"]
    assert watch["restartPolicy"] == "Always"
    assert watch["securityContext"] == core["securityContext"]
    assert watch["volumeMounts"][0]["readOnly"] is True
    assert not {"ports", "env", "envFrom"} & watch.keys()
    assert gate["volumeMounts"] == [{"name": "space", "mountPath": "/var/run/readpool", "readOnly": True}]
    assert "injected_resource" in gate["args"][1]


def test_an_alert_comes_before_a_volume_is_full() -> None:
    world = begin()
    world.change(alerting=True)
    world.rest()
    (group,) = world.objects[ObjectKey(PROMETHEUS_RULE, "default", "pool")]["spec"]["groups"]
    (rule,) = [one for one in group["rules"] if one["alert"] == "ReadPoolVolumeAlmostFull"]
    assert rule["expr"] == 'max by (fleet) (readpool_max_volume_used_ratio{fleet="default/pool"}) >= 0.9'


def test_a_claim_that_we_made_keeps_what_it_was_made_with() -> None:
    pool = build_pool(storage={"size": "100Gi", "storageClass": "fast"})
    world = begin()
    made = build_new_claims(build_pool(storage=GROWS | {"size": "120Gi"}), {"spec": made_of(pool)}, 1, [])[0]
    made["metadata"]["annotations"] = {"stellar.org/applied": "x", "stellar.org/restored-from": "pool-1"}
    world.claims["data-pool-0"] = made | {"status": {"phase": "Bound", "capacity": {"storage": "120Gi"}}}
    fill(world, 90, 20, 20)
    grown = world.claims["data-pool-0"]
    assert grown["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert grown["metadata"]["annotations"]["stellar.org/restored-from"] == "pool-1"


def made_of(pool: Any) -> dict[str, Any]:
    return {"resources": {"requests": {"storage": pool.spec.storage.size}}}
