"""The stand-in's HPA against what Kubernetes 1.36 was seen to do, and against its source."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.simulator.hpa import (
    DEFAULT_SCALE_DOWN,
    DEFAULT_SCALE_UP,
    HpaMemory,
    HpaSpec,
    HpaStep,
    PolicyType,
    Recommendation,
    ScaleEvent,
    ScalingPolicy,
    compute_metric_replicas,
    sync_hpa,
)

DEFAULT = HpaSpec(1, 100)
EXACT = replace(
    DEFAULT, scale_up=replace(DEFAULT_SCALE_UP, tolerance=0.0), scale_down=replace(DEFAULT_SCALE_DOWN, tolerance=0.0)
)
AT_ONCE = replace(EXACT, scale_down=replace(EXACT.scale_down, stabilization_window_seconds=0.0))


def run(spec: HpaSpec, current: int, metrics: list[float | None], seconds: float = 15.0) -> list[int]:
    """Sync once each `seconds`, with the target following at once; the replicas after each sync."""
    memory, replicas = HpaMemory(), []
    for turn, metric in enumerate(metrics):
        step, memory = sync_hpa(
            spec, memory, current=current, observed=current, metric=metric, now=1000 + turn * seconds
        )
        current = step.desired
        replicas.append(current)
    return replicas


@pytest.mark.parametrize(
    ("spec", "metric", "replicas"),
    [
        pytest.param(DEFAULT, 21, 20, id="21 at 20 with a tolerance of 10 % does nothing"),
        pytest.param(EXACT, 21, 21, id="21 at 20 without tolerance is 21"),
        pytest.param(EXACT, 20.4, 21, id="20.4 is rounded up"),
        pytest.param(EXACT, 19.9, 20, id="19.9 is rounded up to what is there"),
        pytest.param(EXACT, 20, 20, id="the target itself changes nothing"),
        pytest.param(DEFAULT, 22, 20, id="the edge of the tolerance belongs to it"),
        pytest.param(DEFAULT, 22.1, 23, id="past the tolerance the whole change is made"),
        pytest.param(DEFAULT, 18, 20, id="the lower edge belongs to it as well"),
        pytest.param(DEFAULT, 17.9, 18, id="past the lower edge the whole change is made"),
        pytest.param(EXACT, 20.0004, 20, id="less than a thousandth does not count"),
        pytest.param(EXACT, 20.001, 21, id="a thousandth counts"),
        pytest.param(replace(EXACT, target_average_value=2.5), 50, 20, id="the target value divides"),
        pytest.param(EXACT, 0, 0, id="nothing asks for nothing"),
        pytest.param(EXACT, float("nan"), 0, id="NaN is read as 0"),
        pytest.param(EXACT, float("inf"), 0, id="infinity is read as 0"),
        pytest.param(EXACT, -3, 0, id="a negative value is read as 0"),
        pytest.param(EXACT, 1e12, 2**31 - 1, id="replicas end where int32 does"),
        pytest.param(EXACT, 1.7e308, 2**31 - 1, id="the value ends where int64 does"),
    ],
)
def test_what_the_metric_asks_for_at_20_replicas(spec: HpaSpec, metric: float, replicas: int) -> None:
    assert compute_metric_replicas(spec, observed=20, metric=metric) == replicas


@pytest.mark.parametrize("target", [0, -1, 0.0004, float("nan"), float("inf")])
def test_a_target_that_nothing_can_be_divided_by_is_refused(target: float) -> None:
    with pytest.raises(ValueError, match=r"must be 0\.001 or more"):
        HpaSpec(1, 9, target_average_value=target)


def test_tolerance_is_reckoned_with_the_replicas_that_are_there_not_those_asked_for() -> None:
    step, _ = sync_hpa(DEFAULT, HpaMemory(), current=21, observed=20, metric=21, now=0)
    assert step == HpaStep(21, "ScaleDownStabilized"), "within 10 % of 20: 20 is recommended, and the window keeps 21"


@pytest.mark.parametrize(
    ("spec", "current", "metrics", "replicas"),
    [
        pytest.param(
            EXACT, 3, [20, 20, 20, 20], [7, 14, 20, 20], id="up by the default policies, as seen: 3, 7, 14, 20"
        ),
        pytest.param(EXACT, 1, [20, 20, 20], [5, 10, 20], id="up from one: four pods count more than 100 %"),
        pytest.param(EXACT, 3, [4, 4], [4, 4], id="up by one at once"),
        pytest.param(AT_ONCE, 20, [3, 3], [3, 3], id="down in one go without a window"),
        pytest.param(EXACT, 4, [3] * 21, [4] * 20 + [3], id="down after 300 s of nothing higher"),
        pytest.param(
            EXACT, 4, [3] * 10 + [4] + [3] * 21, [4] * 30 + [3] * 2, id="a higher word in between starts anew"
        ),
        pytest.param(EXACT, 3, [4, None, None, None, 4], [4] * 5, id="an error holds"),
        pytest.param(EXACT, 4, [3] * 19 + [None] * 5 + [3], [4] * 24 + [3], id="time goes on while it holds"),
        pytest.param(replace(AT_ONCE, max_replicas=6), 3, [20, 20], [6, 6], id="never over the maximum"),
        pytest.param(replace(AT_ONCE, min_replicas=2), 5, [0, 0], [2, 2], id="never under the minimum"),
        pytest.param(
            replace(EXACT, max_replicas=6), 9, [None], [6], id="over the maximum is cut even when nothing is known"
        ),
        pytest.param(
            replace(EXACT, min_replicas=4), 2, [None], [4], id="under the minimum is lifted even when nothing is known"
        ),
        pytest.param(EXACT, 0, [5], [0], id="a target at zero is switched off"),
    ],
)
def test_replicas_over_time_at_a_sync_each_15_seconds(
    spec: HpaSpec, current: int, metrics: list[float | None], replicas: list[int]
) -> None:
    assert run(spec, current, metrics) == replicas


@pytest.mark.parametrize(
    ("current", "metric", "memory", "step"),
    [
        pytest.param(5, 40, HpaMemory(), HpaStep(10, "ScaleUpLimit"), id="up too fast"),
        pytest.param(
            8,
            40,
            HpaMemory(added=(ScaleEvent(95, 4),)),
            HpaStep(8, "ScaleUpLimit"),
            id="what was added counts in its period",
        ),
        pytest.param(
            8, 40, HpaMemory(added=(ScaleEvent(85, 4),)), HpaStep(16, "ScaleUpLimit"), id="and no longer after it"
        ),
        pytest.param(80, 200, HpaMemory(), HpaStep(100, "TooManyReplicas"), id="the maximum"),
        pytest.param(5, 0, HpaMemory(), HpaStep(1, "TooFewReplicas"), id="the minimum"),
        pytest.param(5, 4, HpaMemory(), HpaStep(4, "DesiredWithinRange"), id="as asked"),
        pytest.param(5, None, HpaMemory(), HpaStep(5, "FailedGetExternalMetric"), id="no metric"),
    ],
)
def test_each_step_says_why(current: int, metric: float | None, memory: HpaMemory, step: HpaStep) -> None:
    assert sync_hpa(AT_ONCE, memory, current=current, observed=current, metric=metric, now=100)[0] == step


def test_going_down_waits_for_the_highest_recent_recommendation_and_says_so() -> None:
    memory = HpaMemory((Recommendation(50, 5), Recommendation(60, 4)))
    step, _ = sync_hpa(EXACT, memory, current=6, observed=6, metric=3, now=100)
    assert step == HpaStep(5, "ScaleDownStabilized")


def test_a_window_on_the_way_up_takes_the_lowest_recent_recommendation() -> None:
    spec = replace(EXACT, scale_up=replace(EXACT.scale_up, stabilization_window_seconds=30))
    assert run(spec, 3, [4, 5, 5, 5]) == [3, 3, 5, 5]


def test_a_policy_down_of_one_pod_a_minute_lets_one_go_each_minute() -> None:
    policies = (ScalingPolicy(PolicyType.PODS, 1, 60.0),)
    spec = replace(AT_ONCE, scale_down=replace(AT_ONCE.scale_down, policies=policies))
    assert run(spec, 6, [3] * 9) == [5, 5, 5, 5, 4, 4, 4, 4, 3]


metrics = st.lists(st.none() | st.floats(allow_nan=True, allow_infinity=True), max_size=60)


@given(st.integers(1, 10), st.integers(0, 30), st.integers(1, 60), metrics, st.sampled_from([DEFAULT, EXACT, AT_ONCE]))
def test_replicas_always_stay_within_the_bounds(
    low: int, span: int, current: int, asked: list[float | None], spec: HpaSpec
) -> None:
    spec = replace(spec, min_replicas=low, max_replicas=low + span)
    assert all(low <= replicas <= low + span for replicas in run(spec, current, asked))


@given(st.integers(1, 60), st.integers(0, 40))
def test_errors_alone_never_change_anything_within_the_bounds(current: int, syncs: int) -> None:
    assert run(DEFAULT, current, [None] * syncs) == [current] * syncs


@given(st.integers(1, 50), st.lists(st.integers(1, 80), min_size=2, max_size=50))
def test_it_never_goes_down_within_the_window_of_a_higher_word(current: int, asked: list[int]) -> None:
    replicas = [current, *run(EXACT, current, list(map(float, asked)))]
    for turn, (before, after) in enumerate(pairwise(replicas)):
        if after < before:
            assert after >= max(asked[max(0, turn - 19) : turn + 1]), "20 syncs are 300 s"


@given(st.lists(st.integers(1, 80), max_size=200))
def test_memory_does_not_grow_with_time(asked: list[int]) -> None:
    memory, current = HpaMemory(), 5
    for turn, metric in enumerate(asked):
        step, memory = sync_hpa(EXACT, memory, current=current, observed=current, metric=metric, now=turn * 15.0)
        current = step.desired
    assert len(memory.recommendations) <= 21
    assert len(memory.added) + len(memory.removed) <= 4
