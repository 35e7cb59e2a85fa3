"""What a replica was learned to bear sizes the pool: before this process too, while a gate tells nothing, and ahead."""

from dataclasses import replace

import pytest

from scaler.policy.capacity import Capacity, Load
from scaler.policy.policy import Decision, PolicyMemory, PolicySettings, decide
from scaler.policy.policy_release import Surplus
from scaler.policy.policy_warmup import WarmUps
from tests.unit.policy_turns import NOW, SETTINGS, Pool, pool
from tests.unit.scaler.policy.test_policy import TIP, F, decided

FIVE_FRESH = pool(*[F] * 5)
LEARNED = replace(SETTINGS, learned_requests_per_replica=450.0)


def decide_on(
    standings: Pool,
    memory: PolicyMemory,
    *,
    requests: float | None = None,
    settings: PolicySettings = SETTINGS,
    seconds: float = 0.0,
) -> tuple[Decision, PolicyMemory]:
    """Decide, so many seconds after NOW; `requests` are the requests/s of each replica, where they are known."""
    return decide(
        standings,
        TIP,
        observed_since=0.0,
        memory=memory,
        settings=settings,
        now=NOW + seconds,
        requests=None if requests is None else dict.fromkeys(standings, requests),
    )


def test_what_was_learned_before_a_restart_bears_the_load_after_it_and_is_told_on() -> None:
    decision, memory = decide_on(FIVE_FRESH, PolicyMemory(), requests=900.0, settings=LEARNED)
    assert (decision.replicas_for_load, decision.desired, decision.reason) == (12, 7, "LimitedBySurge")
    assert decision.learned_requests_per_replica == 450.0
    assert memory.capacity.onset_rates == ()


def test_what_was_learned_is_told_without_a_request_rate_too_and_nothing_rests_on_it() -> None:
    decision = decided(FIVE_FRESH, held=5, settings=LEARNED)
    assert (decision.replicas_for_load, decision.desired, decision.learned_requests_per_replica) == (0, 5, 450.0)


def test_a_newcomer_whose_gate_has_told_nothing_yet_does_not_lower_what_the_load_needs() -> None:
    memory, answers = PolicyMemory(), []
    for seconds, requests in ((0.0, 600.0), (2.0, None), (61.0, None)):
        decision, memory = decide_on(FIVE_FRESH, memory, requests=requests, settings=LEARNED, seconds=seconds)
        answers.append((decision.replicas_for_load, decision.reason))
    assert answers == [(8, "LimitedBySurge"), (8, "LimitedBySurge"), (0, "RequestsUnknown")]


@pytest.mark.parametrize(("warm_up", "bearing"), [(3.0, 7), (60.0, 7), (120.0, 9)])
def test_a_growing_load_is_looked_ahead_for_no_less_than_it_takes_to_be_asked(warm_up: float, bearing: int) -> None:
    growing = Capacity(onset_rates=(450.0,), load=Load(2000.0, 10.0, NOW))
    memory = PolicyMemory(warm_ups=WarmUps((warm_up,)), capacity=growing)
    assert decide_on(FIVE_FRESH, memory, requests=400.0)[0].replicas_for_load == bearing


def test_a_replica_that_came_at_once_is_not_let_go_at_once() -> None:
    memory, desired = PolicyMemory(warm_ups=WarmUps((3.0,)), surplus=Surplus(last_desired=6)), []
    for seconds in (0.0, 59.0, 60.0):
        decision, memory = decide_on(pool(*[F] * 6), memory, seconds=seconds)
        desired.append(decision.desired)
    assert desired == [6, 6, 5]


def test_a_time_in_which_the_load_was_unknown_is_no_time_in_which_fewer_were_enough() -> None:
    twelve = {f"core-{i}": FIVE_FRESH["core-0"] for i in range(12)}
    memory, answers = PolicyMemory(), []
    for seconds, requests in (
        (0.0, 450.0),
        (120.0, None),
        (1200.0, None),
        (1210.0, 10.0),
        (1500.0, 10.0),
        (1600.0, 10.0),
    ):
        decision, memory = decide_on(twelve, memory, requests=requests, settings=LEARNED, seconds=seconds)
        answers.append(decision.desired)
    assert answers == [14, 14, 14, 14, 14, 13]


def test_a_patience_of_a_day_says_nothing_of_the_load_in_a_day() -> None:
    assert replace(SETTINGS, sustain_seconds=86_400.0).look_ahead(300.0) == 600.0
    assert replace(SETTINGS, sustain_seconds=86_400.0).look_ahead(900.0) == 900.0
