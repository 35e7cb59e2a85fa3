"""A pool on a public network whose Stellar Core requests nothing is warned of, and nothing is restarted for it."""

from typing import Any

import pytest

from controller.status.core_requests import compute_resources_condition
from tests.unit.observed_pools import FRESH, build_pool
from tests.unit.pool_world import PoolWorld

BOTH = {"requests": {"cpu": "4", "memory": "16Gi"}}
IN_TEMPLATE = {"spec": {"containers": [{"name": "stellar-core", "resources": BOTH}]}}
BESIDE = {"spec": {"containers": [{"name": "exporter", "image": "x", "resources": BOTH}]}}


@pytest.mark.parametrize(
    ("spec", "missing"),
    [
        pytest.param({}, "no CPU and no memory on Testnet", id="nothing at all"),
        pytest.param({"network": "Mainnet"}, "no CPU and no memory on Mainnet", id="on Mainnet"),
        pytest.param({"resources": {"requests": {"cpu": "4"}}}, "no memory on", id="CPU alone"),
        pytest.param({"resources": {"limits": {"memory": "16Gi"}}}, "no CPU on", id="a limit counts as a request"),
        pytest.param({"resources": BOTH}, None, id="both"),
        pytest.param({"template": IN_TEMPLATE}, None, id="both, by the template"),
        pytest.param({"template": BESIDE}, "no CPU and no memory", id="another container's do not count"),
        pytest.param({"network": "Custom", "networkPassphrase": "mine"}, None, id="a network of one's own"),
    ],
)
def test_the_warning_of_a_pool_with(spec: dict[str, Any], missing: str | None) -> None:
    judged = compute_resources_condition(build_pool(**spec).spec)
    assert (judged is None) == (missing is None)
    if judged is not None and missing is not None:
        assert (judged.type, str(judged.status), judged.reason) == ("Resources", "False", "NoRequests")
        assert missing in judged.message


def test_it_goes_when_it_is_mended_and_restarts_nothing_by_itself() -> None:
    world = PoolWorld.begin(FRESH, FRESH, FRESH)
    assert world.read_condition("Resources") == ("False", "NoRequests")
    assert world.plan().is_empty
    world.change(resources=BOTH)
    world.rest()
    assert "Resources" not in {one["type"] for one in world.status["conditions"]}
