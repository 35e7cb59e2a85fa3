"""What a replica was learned to bear before this process: it sizes the pool once there is a load, and is told on."""

from dataclasses import replace

from scaler.policy import PolicyMemory, decide
from tests.unit.policy_turns import NOW, SETTINGS, pool
from tests.unit.test_policy import TIP, F, decided


def test_what_was_learned_before_a_restart_bears_the_load_after_it_and_is_told_on() -> None:
    settings = replace(SETTINGS, learned_requests_per_replica=450.0)
    standings = pool(*[F] * 5)
    requests = dict.fromkeys(standings, 900.0)
    decision, memory = decide(
        standings, TIP, observed_since=0.0, memory=PolicyMemory(), settings=settings, now=NOW, requests=requests
    )
    assert (decision.bearing, decision.desired, decision.reason) == (12, 7, "LimitedBySurge")
    assert decision.learned_requests_per_replica == 450.0
    assert memory.capacity.borne == ()


def test_what_was_learned_is_told_without_a_request_rate_too_and_nothing_rests_on_it() -> None:
    decision = decided(pool(*[F] * 5), held=5, settings=replace(SETTINGS, learned_requests_per_replica=450.0))
    assert (decision.bearing, decision.desired, decision.learned_requests_per_replica) == (0, 5, 450.0)


def test_a_newcomer_whose_gate_has_told_nothing_yet_does_not_lower_what_the_load_needs() -> None:
    settings = replace(SETTINGS, learned_requests_per_replica=450.0)
    standings = pool(*[F] * 5)
    memory, answers = PolicyMemory(), []
    for seconds, requests in ((0.0, dict.fromkeys(standings, 600.0)), (2.0, None), (61.0, None)):
        decision, memory = decide(
            standings,
            TIP,
            observed_since=0.0,
            memory=memory,
            settings=settings,
            now=NOW + seconds,
            requests=requests,
        )
        answers.append((decision.bearing, decision.reason))
    assert answers == [(8, "LimitedBySurge"), (8, "LimitedBySurge"), (0, "HoldingSurplus")]
