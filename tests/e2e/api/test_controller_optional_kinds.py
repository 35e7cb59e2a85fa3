"""KEDA comes and goes at run time: the ScaledObject is made, kept, left to the user's own, and nothing is restarted."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from readpool.kubernetes.client import KubernetesClient
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import SCALED_OBJECT
from tests.e2e.api.controller_stage import ControllerStage

pytestmark = pytest.mark.timeout(120)
_CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
CHECK_SECONDS = 0.3


class ScaledObjects:
    """The definition of ScaledObject, put in and taken out."""

    NAME = "scaledobjects.keda.sh"

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client

    async def install(self) -> None:
        version = {
            "name": "v1alpha1",
            "served": True,
            "storage": True,
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": _OPEN, "status": _OPEN}}},
            "subresources": {"status": {}},
        }
        names = {"kind": "ScaledObject", "listKind": "ScaledObjectList", "plural": "scaledobjects"}
        spec = {"group": "keda.sh", "names": names, "scope": "Namespaced", "versions": [version]}
        metadata = {"name": self.NAME}
        body = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": metadata}
        await self._client.request("POST", _CRD_PATH, body={**body, "spec": spec})

    async def remove(self) -> None:
        try:
            await self._client.request("DELETE", f"{_CRD_PATH}/{self.NAME}")
        except ApiError as error:
            if not error.is_gone:
                raise
        deadline = time.monotonic() + 30
        while await self._client.serves(SCALED_OBJECT):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)


@pytest_asyncio.fixture
async def definition(stage: ControllerStage) -> AsyncIterator[ScaledObjects]:
    scaled_objects = ScaledObjects(stage.client)
    yield scaled_objects
    await scaled_objects.remove()


async def test_keda_that_comes_is_used_and_keda_that_goes_is_said(
    stage: ControllerStage, definition: ScaledObjects
) -> None:
    async with stage.controller(check_seconds=CHECK_SECONDS):
        await stage.apply()
        await stage.until_condition("Autoscaling", reason="KedaMissing")
        await definition.install()
        made = await stage.until_there(SCALED_OBJECT, "pool")
        assert made["spec"]["scaleTargetRef"]["name"] == "pool"
        await stage.until_condition("Autoscaling", status="Unknown")
        await tell_ready(stage, "pool")
        await stage.until_condition("Autoscaling", status="True", reason="ScaledByKeda")
        await definition.remove()
        await stage.until_condition("Autoscaling", reason="KedaMissing")
        await definition.install()
        await stage.until_there(SCALED_OBJECT, "pool")


async def test_a_scaled_object_of_the_users_own_is_respected(stage: ControllerStage, definition: ScaledObjects) -> None:
    await definition.install()
    await stage.until(lambda: stage.client.serves(SCALED_OBJECT), "ScaledObjects to be served")
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

        async def is_gone() -> bool:
            return await stage.get(SCALED_OBJECT, "pool") is None

        await stage.until(is_gone, "ours to be taken away")
        await stage.client.delete(SCALED_OBJECT, stage.namespace, "theirs")
        await stage.until_there(SCALED_OBJECT, "pool")


async def tell_ready(stage: ControllerStage, name: str) -> None:
    """Have KEDA say that a ScaledObject works."""
    body = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    await stage.client.merge(SCALED_OBJECT, stage.namespace, name, body, manager="keda-operator", subresource="status")
