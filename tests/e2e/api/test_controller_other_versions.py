"""The definitions of other versions of KEDA and the Gateway API, on a real API server, which prunes by them."""

import contextlib
from collections.abc import AsyncIterator

import pytest
import yaml

from devtools.api.controller_stage import ControllerStage
from devtools.api.gateway_definitions import find_definitions
from devtools.api.go_modules import fetch_module
from devtools.machine.needs import UnmetNeedError
from devtools.strictness import skip_or_fail
from readpool.kubernetes.kinds import HTTP_ROUTE, SCALED_OBJECT, Kind
from tests.e2e.api.open_definitions import remove
from tests.e2e.api.test_controller_optional_kinds import tell_ready

pytestmark = pytest.mark.timeout(180)
CHECK_SECONDS = 0.3
KEDA = ("2.14.1", "2.15.1", "2.16.1", "2.17.2", "2.18.3", "2.19.0", "2.20.2", "2.21.0")
"""The newest of each minor version; 2.18 was the first whose ScaledObject has a tolerance."""
FIRST_WITH_TOLERANCE = (2, 18)
GATEWAY_API = ("v1.0.0", "v1.1.0", "v1.4.1")
ROUTED = {"enabled": True, "httpRoute": {"parentRefs": [{"name": "edge"}]}}
MOST_WRITES = 2
"""Of one object until it is settled: it is made, and made once more where something was left out."""


def read_keda(version: str) -> str:
    folder = fetch_module(f"github.com/kedacore/keda/v2@v{version}", "KEDA") / "config" / "crd" / "bases"
    return (folder / "keda.sh_scaledobjects.yaml").read_text(encoding="utf-8")


def read_routes(version: str) -> str:
    path = find_definitions("standard", version) / "gateway.networking.k8s.io_httproutes.yaml"
    return path.read_text(encoding="utf-8")


@contextlib.asynccontextmanager
async def served(stage: ControllerStage, kind: Kind, definition: str) -> AsyncIterator[None]:
    """Serve a definition during the block."""
    name = yaml.safe_load(definition)["metadata"]["name"]
    access = stage.server.access
    access.kubectl("apply", "--server-side", "-f", "-", stdin=definition)
    access.kubectl("wait", f"crd/{name}", "--for=condition=Established", "--timeout=30s")
    try:
        await stage.until(lambda: stage.client.serves(kind), f"{kind.name} to be served")
        yield
    finally:
        await remove(stage.client, kind)


def count_writes(stage: ControllerStage, plural: str) -> int:
    return len([one for one in stage.relay.writes if f"/{plural}/" in one.path])


@pytest.mark.parametrize("version", KEDA)
async def test_a_scaled_object_is_kept_by_the_definition_of_each_keda(stage: ControllerStage, version: str) -> None:
    try:
        definition = read_keda(version)
    except UnmetNeedError as error:
        skip_or_fail(str(error))
    has_tolerance = tuple(int(part) for part in version.split(".")[:2]) >= FIRST_WITH_TOLERANCE
    async with served(stage, SCALED_OBJECT, definition), stage.controller(check_seconds=CHECK_SECONDS):
        await stage.apply()
        made = await stage.until_there(SCALED_OBJECT, "pool")
        await stage.until_quiet()
        made = await stage.read(SCALED_OBJECT, "pool")
        rules = made["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        assert [rule.get("tolerance") for rule in rules.values()] == ["0" if has_tolerance else None] * len(rules)
        assert made["spec"]["scaleTargetRef"] == {
            "apiVersion": "stellar.org/v1alpha1",
            "kind": "ReadOnlyPool",
            "name": "pool",
        }
        assert count_writes(stage, "scaledobjects") <= MOST_WRITES
        await tell_ready(stage, "pool")
        condition = await stage.until_condition("Autoscaling", status="True")
        assert ("tolerance" in condition["message"]) is not has_tolerance


@pytest.mark.parametrize("version", GATEWAY_API)
async def test_a_route_is_kept_by_the_definition_of_each_gateway_api(stage: ControllerStage, version: str) -> None:
    try:
        definition = read_routes(version)
    except UnmetNeedError as error:
        skip_or_fail(str(error))
    async with served(stage, HTTP_ROUTE, definition), stage.controller(check_seconds=CHECK_SECONDS):
        await stage.apply(loadBalancing=ROUTED)
        made = await stage.until_there(HTTP_ROUTE, "pool")
        assert {backend["name"] for rule in made["spec"]["rules"] for backend in rule["backendRefs"]} == {
            "pool-fresh",
            "pool-lagging",
        }
        await stage.until_quiet()
        assert count_writes(stage, "httproutes") <= MOST_WRITES
        await stage.until_condition("Stalled", status="False")
