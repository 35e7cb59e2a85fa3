"""Values in KEDA's words: what goes out is what KEDA takes it for."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.policy.policy import Bounds
from scaler.services.keda_messages import build_metric_specs, build_metric_values, is_active
from scaler.triggers.fleet_spec import FleetSpec, ServiceSource, build_pool_target
from scaler.triggers.metric import Metric
from scaler.triggers.trigger import Trigger

VALUES = st.floats(min_value=0, allow_nan=False, allow_infinity=False)


def build_trigger(bounds: Bounds = Bounds(1, 3, 10), target_value: float = 1.0) -> Trigger:  # noqa: B008 - frozen
    fleet = FleetSpec("stellar", ServiceSource("core", 11626), bounds)
    return Trigger(fleet, Metric.DESIRED_REPLICAS, target_value)


def read_as_keda(value: float) -> float:
    """Read a metric value as KEDA 2.21 does: the float where it is greater than 0, else the integer."""
    (sent,) = build_metric_values("maxLag", value).metricValues
    return sent.metricValueFloat if sent.metricValueFloat > 0 else float(sent.metricValue)


@given(VALUES)
def test_keda_reads_every_value_as_it_is(value: float) -> None:
    assert read_as_keda(value) == value


@given(VALUES)
def test_old_keda_which_reads_integers_only_never_sees_less_than_the_need(value: float) -> None:
    (sent,) = build_metric_values("desiredReplicas", value).metricValues
    assert (sent.metricValue == 0) == (value == 0)
    assert sent.metricValue >= min(value, 2**63 - 1)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0])
def test_what_is_no_metric_value_never_goes_out(value: float) -> None:
    with pytest.raises(ValueError, match="desiredReplicas is"):
        build_metric_values("desiredReplicas", value)


@given(st.floats(min_value=0, exclude_min=True, allow_nan=False, allow_infinity=False))
def test_targets_are_never_rounded_to_none(target: float) -> None:
    (spec,) = build_metric_specs(build_trigger(target_value=target)).metricSpecs
    assert spec.metricName == "desiredReplicas"
    assert spec.targetSizeFloat == target
    assert spec.targetSize >= 1


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        pytest.param(Bounds(1, 3, 10), True, id="an ordinary pool"),
        pytest.param(Bounds(0, 1, 1), True, id="one replica wanted"),
        pytest.param(Bounds(2, 0, 5), True, id="a minimum above the target"),
        pytest.param(Bounds(0, 0, 5), False, id="none wanted"),
        pytest.param(Bounds(0, 0, 0), False, id="none allowed"),
    ],
)
def test_a_pool_is_active_when_it_should_have_replicas(bounds: Bounds, expected: bool) -> None:
    assert is_active(build_trigger(bounds)) is expected


def test_a_readonlypool_is_always_active_whatever_is_known_of_it() -> None:
    assert is_active(Trigger(build_pool_target("stellar", "reads")))
