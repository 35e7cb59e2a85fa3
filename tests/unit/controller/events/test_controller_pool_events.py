"""Which changes of conditions are Events: those that a person would want to know, once each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.events.pool_events import PoolEvent, find_events
from controller.observed import reasons
from readpool.pool.scalars import to_timestamp
from readpool.pool.status import Condition, ConditionStatus
from tests.unit.observed_pools import NOW


def condition(
    kind: str = "Fresh", status: ConditionStatus = ConditionStatus.TRUE, reason: str = "A", message: str = "a"
) -> Condition:
    return Condition(type=kind, status=status, reason=reason, message=message, last_transition_time=to_timestamp(NOW))


MOVING = condition("Reconciling", ConditionStatus.TRUE)
EVENTS: dict[str, tuple[list[Condition], list[Condition], list[PoolEvent]]] = {
    "nothing changed": ([condition()], [condition(message="b")], []),
    "a new pool that is fine": ([], [condition("Stalled", ConditionStatus.FALSE), condition()], []),
    "a new pool that is not fresh yet": ([], [condition(status=ConditionStatus.FALSE)], []),
    "a new pool that is stalled": (
        [],
        [condition("Stalled", ConditionStatus.TRUE)],
        [PoolEvent("A", "Stalled: a", is_warning=True)],
    ),
    "it turned bad": (
        [condition()],
        [condition(status=ConditionStatus.FALSE, reason="B")],
        [PoolEvent("B", "Fresh: a", is_warning=True)],
    ),
    "it turned good": ([condition(status=ConditionStatus.FALSE)], [condition()], [PoolEvent("A", "Fresh: a")]),
    "another reason": (
        [condition(status=ConditionStatus.FALSE)],
        [condition(status=ConditionStatus.FALSE, reason="B")],
        [PoolEvent("B", "Fresh: a", is_warning=True)],
    ),
    "a stall that is over": (
        [condition("Stalled", ConditionStatus.TRUE)],
        [condition("Stalled", ConditionStatus.FALSE)],
        [PoolEvent("A", "Stalled: a")],
    ),
    "Ready comes and goes with each pod": ([condition("Ready")], [condition("Ready", ConditionStatus.FALSE)], []),
    "and so does Reconciling": ([MOVING], [condition("Reconciling", ConditionStatus.FALSE)], []),
    "one too few while replicas are restarted": (
        [condition(reason=reasons.ENOUGH_FRESH)],
        [condition(status=ConditionStatus.FALSE, reason=reasons.TOO_FEW_FRESH), MOVING],
        [],
    ),
    "none at all while replicas are restarted": (
        [condition(reason=reasons.ENOUGH_FRESH)],
        [condition(status=ConditionStatus.FALSE, reason=reasons.NONE_FRESH), MOVING],
        [PoolEvent("NoneFresh", "Fresh: a", is_warning=True)],
    ),
    "a silent scaler is told once, by Routing": (
        [condition(), condition("Routing")],
        [
            condition(status=ConditionStatus.UNKNOWN, reason="ScalerUnreachable"),
            condition("Routing", ConditionStatus.UNKNOWN, "ScalerUnreachable"),
        ],
        [PoolEvent("ScalerUnreachable", "Routing: a", is_warning=True)],
    ),
}


@pytest.mark.parametrize(("last", "now", "events"), EVENTS.values(), ids=EVENTS.keys())
def test_a_person_is_told(last: list[Condition], now: list[Condition], events: list[PoolEvent]) -> None:
    assert list(find_events(last, now)) == events


any_condition = st.builds(
    condition,
    st.sampled_from(["Ready", "Reconciling", "Stalled", "Fresh", "Autoscaling", "Routing", "Sharded", "Alerting"]),
    st.sampled_from(ConditionStatus),
    st.sampled_from(["A", "B", reasons.TOO_FEW_FRESH]),
    st.text(max_size=3),
)
any_conditions = st.lists(any_condition, unique_by=lambda one: one.type)


@given(any_conditions, any_conditions)
def test_an_event_is_told_at_most_once_for_a_condition_and_never_twice(
    last: list[Condition], now: list[Condition]
) -> None:
    assert len(find_events(last, now)) <= len(now)
    assert find_events(now, now) == ()
