"""The demo's numbers: what may be asked for, and that every story that may be asked for adds up."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.cli.demo.demo_plan import REAL, SIMULATED, PlanError, build_plan


@pytest.mark.parametrize(
    ("nodes", "seconds", "is_core", "message"),
    [
        pytest.param(1, 90, False, "--nodes 1: with simulated nodes it must be 2 to 200.", id="one is no pool"),
        pytest.param(201, 90, False, "--nodes 201: with simulated nodes it must be 2 to 200.", id="too many"),
        pytest.param(
            13, 180, True, "--nodes 13: with real nodes (--core) it must be 2 to 12.", id="too many processes"
        ),
        pytest.param(3, 5, False, "--seconds 5: with simulated nodes it must be", id="too short"),
        pytest.param(3, math.nan, False, "--seconds nan: with simulated nodes it must be", id="not a number"),
        pytest.param(3, math.inf, True, "--seconds inf: with real nodes", id="for ever"),
        pytest.param(3, 30, True, "--seconds 30: with real nodes (--core) it must be", id="too short for processes"),
    ],
)
def test_what_cannot_be_played_is_refused_with_what_can(
    nodes: int, seconds: float, is_core: bool, message: str
) -> None:
    with pytest.raises(PlanError) as refused:
        build_plan(nodes, seconds, is_core=is_core)
    assert str(refused.value).startswith(message)


@given(st.data(), st.booleans())
def test_waits_and_pauses_leave_most_of_the_time_to_the_fleet(data: st.DataObject, is_core: bool) -> None:
    limits = REAL if is_core else SIMULATED
    plan = build_plan(data.draw(st.integers(*limits.nodes)), data.draw(st.floats(*limits.seconds)), is_core=is_core)
    waits = 2 * plan.pause_seconds + 2 * plan.sustain_seconds + plan.stabilization_seconds
    assert waits < plan.seconds / 2
    assert plan.poll_interval_seconds < plan.sustain_seconds


def test_the_hpa_is_told_what_our_scaled_object_tells_it() -> None:
    hpa = build_plan(3, 90, is_core=False).hpa
    assert (hpa.scale_up.tolerance, hpa.scale_down.tolerance) == (0.0, 0.0)
    assert (hpa.min_replicas, hpa.max_replicas) == (1, 5)


def test_the_trigger_is_one_that_a_user_could_write() -> None:
    assert build_plan(3, 90, is_core=False).trigger_metadata("127.0.0.1:9090") == {
        "scalerAddress": "127.0.0.1:9090",
        "service": "core",
        "port": "info",
        "targetReplicas": "3",
        "minReplicas": "1",
        "maxReplicas": "5",
        "lagThreshold": "5",
        "sustainSeconds": "5",
    }
