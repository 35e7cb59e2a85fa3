"""KEDA comes and goes at run time: the ScaledObject is made, kept, left to the user's own, and nothing is restarted."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from devtools.api.controller_stage import USER, ControllerStage
from readpool.kubernetes.kinds import POOL, PROMETHEUS_RULE, SCALED_OBJECT
from tests.e2e.api.open_definitions import install, remove

pytestmark = pytest.mark.timeout(120)
CHECK_SECONDS = 0.3


@pytest_asyncio.fixture(autouse=True)
async def none_is_left(stage: ControllerStage) -> AsyncIterator[None]:
    yield
    for kind in (SCALED_OBJECT, PROMETHEUS_RULE):
        await remove(stage.client, kind)


async def test_keda_that_comes_is_used_and_keda_that_goes_is_said(stage: ControllerStage) -> None:
    async with stage.controller(check_seconds=CHECK_SECONDS):
        await stage.apply()
        await stage.until_condition("Autoscaling", reason="KedaMissing")
        await install(stage.client, SCALED_OBJECT)
        made = await stage.until_there(SCALED_OBJECT, "pool")
        assert made["spec"]["scaleTargetRef"]["name"] == "pool"
        await stage.until_condition("Autoscaling", status="Unknown")
        await tell_ready(stage, "pool")
        await stage.until_condition("Autoscaling", status="True", reason="ScaledByKeda")
        await remove(stage.client, SCALED_OBJECT)
        await stage.until_condition("Autoscaling", reason="KedaMissing")
        await install(stage.client, SCALED_OBJECT)
        await stage.until_there(SCALED_OBJECT, "pool")


async def test_a_scaled_object_of_the_users_own_is_respected(stage: ControllerStage) -> None:
    await install(stage.client, SCALED_OBJECT)
    async with stage.controller(check_seconds=CHECK_SECONDS):
        await stage.apply()
        await stage.until_there(SCALED_OBJECT, "pool")
        target = {"apiVersion": "stellar.org/v1alpha1", "kind": "ReadOnlyPool", "name": "pool"}
        theirs: dict[str, Any] = {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "metadata": {"name": "theirs", "namespace": stage.namespace},
            "spec": {"scaleTargetRef": target},
        }
        await stage.client.create(SCALED_OBJECT, theirs)
        await stage.until_condition("Autoscaling", status="True", reason="ScaledByOther")
        await stage.until(lambda: is_gone(stage), "ours to be taken away")
        await stage.client.delete(SCALED_OBJECT, stage.namespace, "theirs")
        await stage.until_there(SCALED_OBJECT, "pool")


async def test_alerts_are_kept_once_prometheus_operator_is_there(stage: ControllerStage) -> None:
    async with stage.controller(check_seconds=CHECK_SECONDS):
        await stage.apply(alerting=True)
        await stage.until_condition("Alerting", status="False", reason="PrometheusMissing")
        await install(stage.client, PROMETHEUS_RULE)
        await stage.until_there(PROMETHEUS_RULE, "pool")
        await stage.until_condition("Alerting", status="True")
        await stage.client.merge(POOL, stage.namespace, "pool", {"spec": {"alerting": False}}, manager=USER)

        async def is_without() -> bool:
            return await stage.get(PROMETHEUS_RULE, "pool") is None

        await stage.until(is_without, "the rule to be taken away")


async def is_gone(stage: ControllerStage) -> bool:
    return await stage.get(SCALED_OBJECT, "pool") is None


async def tell_ready(stage: ControllerStage, name: str) -> None:
    """Make KEDA say that a ScaledObject works."""
    body = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    await stage.client.merge(SCALED_OBJECT, stage.namespace, name, body, manager="keda-operator", subresource="status")
