"""What a real API server refuses for good, in its own words: the rest is made, and status says so."""

from typing import Any

import pytest

from devtools.api.controller_stage import USER, ControllerStage
from devtools.api.running_pool import BALANCED, has_replicas, running_pool
from readpool.kubernetes.kinds import CONFIG_MAP, POOL, SCALED_OBJECT, SERVICE
from tests.e2e.api.open_definitions import defined

pytestmark = pytest.mark.timeout(120)
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a field that the schema lacks": ({"toleration": []}, "field not declared in schema"),
    "a key twice": (
        {"containers": [{"name": "stellar-core", "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}]},
        "A",
    ),
    "a value that is none": ({"restartPolicy": "Sometimes"}, "restartPolicy"),
}


@pytest.mark.parametrize(("template", "words"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_bad_template_is_refused_in_the_servers_words_and_the_rest_is_made(
    stage: ControllerStage, template: dict[str, Any], words: str
) -> None:
    async with stage.controller():
        await stage.apply(**BALANCED, template={"spec": template})
        condition = await stage.until_condition("Stalled", status="True", reason="Refused")
        assert words in condition["message"]
        assert condition["message"].startswith("StatefulSet pool: ")
        for kind, name in ((SERVICE, "pool"), (SERVICE, "pool-nodes"), (CONFIG_MAP, "pool-config")):
            await stage.until_there(kind, name)
        pool = await stage.read(POOL, "pool")
        assert pool["spec"]["replicas"] == 5
        assert pool["status"]["observedGeneration"] == condition["observedGeneration"]
        await stage.client.merge(POOL, stage.namespace, "pool", {"spec": {"template": None}}, manager=USER)
        await stage.until(lambda: has_replicas(stage, 5), "a StatefulSet once the template is right")
        await stage.until_condition("Stalled", status="False")


async def test_a_typo_in_the_template_of_a_running_pool_leaves_no_dead_address(stage: ControllerStage) -> None:
    async with running_pool(stage):
        await stage.client.merge(
            POOL, stage.namespace, "pool", {"spec": {"template": {"spec": {"toleration": []}}}}, manager=USER
        )
        await stage.until_condition("Stalled", status="True", reason="Refused")
        await stage.cluster.end_pod("pool-3")
        await stage.until_weights({f"pool-{ordinal}": 100 for ordinal in (0, 1, 2, 4)})


async def test_a_scaled_object_is_applied_without_a_tolerance_that_its_definition_does_not_declare(
    stage: ControllerStage,
) -> None:
    behavior = {"stabilizationWindowSeconds": {"type": "integer", "format": "int32"}}
    rules = {name: {"type": "object", "properties": behavior} for name in ("scaleUp", "scaleDown")}
    plain = {"type": "integer", "format": "int32"}
    triggers = {"type": "array", "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    config: dict[str, Any] = {"behavior": {"type": "object", "properties": rules}}
    for name in ("horizontalPodAutoscalerConfig", "advanced"):
        config = {name: {"type": "object", "properties": config}}
    config |= dict.fromkeys(("minReplicaCount", "maxReplicaCount", "pollingInterval"), plain) | {"triggers": triggers}
    async with defined(stage.client, SCALED_OBJECT, spec=config), stage.controller(check_seconds=0.3):
        await stage.apply()
        made = await stage.until_there(SCALED_OBJECT, "pool")
        behaviors = made["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        assert behaviors["scaleDown"] == {"stabilizationWindowSeconds": 300}
        await stage.until_quiet()
        assert len([one for one in stage.relay.writes if "/scaledobjects/" in one.path]) <= 2
