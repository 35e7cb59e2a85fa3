"""Which changes of conditions are Events: those that a person would want to know, once each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.events.pool_events import PoolEvent, find_events
from controller.observed import reasons
from readpool.pool.scalars import to_timestamp
from readpool.pool.status import Condition, Verdict
from tests.unit.observed_pools import NOW


def condition(kind: str = "Fresh", status: Verdict = Verdict.TRUE, reason: str = "A", message: str = "a") -> Condition:
    return Condition(type=kind, status=status, reason=reason, message=message, last_transition_time=to_timestamp(NOW))


MOVING = condition("Reconciling", Verdict.TRUE)
EVENTS: dict[str, tuple[list[Condition], list[Condition], list[PoolEvent]]] = {
    "nothing changed": ([condition()], [condition(message="b")], []),
    "a new pool that is fine": ([], [condition("Stalled", Verdict.FALSE), condition()], []),
    "a new pool that is not fresh yet": ([], [condition(status=Verdict.FALSE)], []),
    "a new pool that is stalled": (
        [],
        [condition("Stalled", Verdict.TRUE)],
        [PoolEvent("A", "Stalled: a", is_warning=True)],
    ),
    "it turned bad": (
        [condition()],
        [condition(status=Verdict.FALSE, reason="B")],
        [PoolEvent("B", "Fresh: a", is_warning=True)],
    ),
    "it turned good": ([condition(status=Verdict.FALSE)], [condition()], [PoolEvent("A", "Fresh: a")]),
    "another reason": (
        [condition(status=Verdict.FALSE)],
        [condition(status=Verdict.FALSE, reason="B")],
        [PoolEvent("B", "Fresh: a", is_warning=True)],
    ),
    "a stall that is over": (
        [condition("Stalled", Verdict.TRUE)],
        [condition("Stalled", Verdict.FALSE)],
        [PoolEvent("A", "Stalled: a")],
    ),
    "Ready comes and goes with each pod": ([condition("Ready")], [condition("Ready", Verdict.FALSE)], []),
    "and so does Reconciling": ([MOVING], [condition("Reconciling", Verdict.FALSE)], []),
    "one too few while replicas are restarted": (
        [condition(reason=reasons.ENOUGH_FRESH)],
        [condition(status=Verdict.FALSE, reason=reasons.TOO_FEW_FRESH), MOVING],
        [],
    ),
    "none at all while replicas are restarted": (
        [condition(reason=reasons.ENOUGH_FRESH)],
        [condition(status=Verdict.FALSE, reason=reasons.NONE_FRESH), MOVING],
        [PoolEvent("NoneFresh", "Fresh: a", is_warning=True)],
    ),
    "a silent scaler is told once, by Routing": (
        [condition(), condition("Routing")],
        [
            condition(status=Verdict.UNKNOWN, reason="ScalerUnreachable"),
            condition("Routing", Verdict.UNKNOWN, "ScalerUnreachable"),
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
    st.sampled_from(Verdict),
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
