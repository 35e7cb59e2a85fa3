"""What the conditions of a pool say, when their times change, and which changes are Events."""

from dataclasses import replace
from typing import Any

import pytest

from controller.events.event_recorder import build_event
from controller.events.pool_events import PoolEvent, find_events
from controller.observed import reasons
from controller.replicas.replicas import read_replicas
from controller.routing.routing import RoutingBasis
from controller.shards.shards import ShardProblem
from controller.status.conditions import DesiredCondition, PoolFacts, compute_conditions, merge_conditions
from controller.status.plan_facts import list_kept_conditions
from readpool.pool.condition_types import ConditionType
from readpool.pool.scalars import to_timestamp
from readpool.pool.status import Condition, ConditionStatus
from tests.unit.observed_pools import NOW, UNKNOWN, build_fleet, build_pool, build_view, observe

BY_KEDA = DesiredCondition(ConditionType("Autoscaling"), ConditionStatus.TRUE, reasons.SCALED_BY_KEDA, "by KEDA")
FINE = PoolFacts(
    wanted=5,
    present=5,
    ready=5,
    outdated=0,
    fresh=5,
    fresh_enough=5,
    serving=5,
    basis=RoutingBasis.CLASSES,
    autoscaling=BY_KEDA,
)
PROBLEM = ShardProblem("ShardMissing", "stellar.org/shard-id: missing", "pool-1")


def say(facts: PoolFacts) -> dict[str, tuple[str, str, str]]:
    return {one.type: (str(one.status), one.reason, one.message) for one in compute_conditions(facts)}


def test_a_pool_at_rest_is_as_kstatus_expects_it() -> None:
    assert say(FINE) == {
        "Ready": ("True", "EnoughReady", "5 of 5 replicas are ready"),
        "Reconciling": ("False", "UpToDate", "Everything matches the spec"),
        "Stalled": ("False", "NotStalled", "Nothing blocks reconciliation"),
        "Fresh": ("True", "EnoughFresh", "5 of 5 replicas are fresh; 5 required"),
        "Autoscaling": ("True", "ScaledByKeda", "by KEDA"),
        "Routing": ("True", "WeightedByFreshness", "Routing to 5 of 5 replicas; weights follow freshness"),
    }


SILENT = {"silent_since": NOW, "is_observed": False}
SINCE = "No connection to the scaler since 2023-11-14T22:13:20Z"
HINT = "; if this lasts, check the scaler's pods"
NOT_YET = "Waiting for the scaler's first report on this pool"
TABLE: dict[str, tuple[dict[str, Any], str, tuple[str, str, str]]] = {
    "too few are ready": ({"ready": 3}, "Ready", ("False", "TooFewReady", "3 of 5 replicas are ready")),
    "more are ready than are to be": ({"ready": 6}, "Ready", ("True", "EnoughReady", "6 of 5 replicas are ready")),
    "replicas are missing": (
        {"present": 4},
        "Reconciling",
        ("True", "Scaling", "4 replicas exist; 5 required"),
    ),
    "a change is being written": (
        {"is_applying": True, "outdated": 2},
        "Reconciling",
        ("True", "Applying", "Writing the new version or configuration of the replicas"),
    ),
    "a rollout waits": (
        {"outdated": 2, "waits_for": "pool-1 to become fresh"},
        "Reconciling",
        (
            "True",
            "RollingOut",
            "2 of 5 replicas run an older version or configuration; waiting for pool-1 to become fresh",
        ),
    ),
    "a rollout goes on": (
        {"outdated": 2},
        "Reconciling",
        ("True", "RollingOut", "2 of 5 replicas run an older version or configuration"),
    ),
    "a pause": (
        {"is_paused": True, "present": 3, "outdated": 2},
        "Reconciling",
        ("False", "Paused", "spec.paused is true: replicas and weights do not change"),
    ),
    "it cannot go on": (
        {"stalled": ("NameTaken", "x"), "present": 0},
        "Reconciling",
        ("False", "Stalled", "See condition Stalled"),
    ),
    "a replica is stuck, and all else goes on": (
        {"stalled": ("ReplicaStuck", "x"), "outdated": 2},
        "Reconciling",
        ("False", "Stalled", "See condition Stalled; 2 of 5 replicas run an older version or configuration"),
    ),
    "pods say why they are not ready": (
        {"ready": 3, "troubles": "2 cannot be scheduled (Insufficient cpu)"},
        "Ready",
        ("False", "TooFewReady", "3 of 5 replicas are ready: 2 cannot be scheduled (Insufficient cpu)"),
    ),
    "a smaller pool waits": (
        {"present": 6, "holds": "a fresh replica among those that remain"},
        "Reconciling",
        ("True", "Scaling", "6 replicas exist; 5 required; waiting for a fresh replica among those that remain"),
    ),
    "it needs a person": ({"stalled": ("NameTaken", "x")}, "Stalled", ("True", "NameTaken", "x")),
    "too few are fresh": ({"fresh": 4}, "Fresh", ("False", "TooFewFresh", "4 of 5 replicas are fresh; 5 required")),
    "nobody is fresh": ({"fresh": 0}, "Fresh", ("False", "NoneFresh", "0 of 5 replicas are fresh; 5 required")),
    "fewer are enough": (
        {"fresh": 3, "fresh_enough": 3},
        "Fresh",
        ("True", "EnoughFresh", "3 of 5 replicas are fresh; 3 required"),
    ),
    "those that are not observed may be fresh": (
        {"fresh": 3, "unknown": 2},
        "Fresh",
        ("Unknown", "NotObserved", "3 of 5 replicas are fresh; 5 required; 2 not observed yet"),
    ),
    "even those that are not observed would be too few": (
        {"fresh": 3, "unknown": 1},
        "Fresh",
        ("False", "TooFewFresh", "3 of 5 replicas are fresh; 5 required"),
    ),
    "the network stands still": (
        {"is_halted": True, "fresh": 4},
        "Fresh",
        (
            "Unknown",
            "NetworkHalted",
            "The network closes no ledgers; last known: 4 of 5 replicas are fresh; 5 required",
        ),
    ),
    "the scaler is silent": (SILENT, "Fresh", ("Unknown", "ScalerUnreachable", f"{SINCE}{HINT}")),
    "the scaler has not spoken": ({"is_observed": False}, "Fresh", ("Unknown", "NotObserved", f"{NOT_YET}{HINT}")),
    "weights stay": (
        SILENT | {"basis": RoutingBasis.KEPT},
        "Routing",
        ("Unknown", "ScalerUnreachable", f"{SINCE}; keeping the last weights of 5 of 5 replicas"),
    ),
    "weights are neutral": (
        SILENT | {"basis": RoutingBasis.NEUTRAL},
        "Routing",
        ("Unknown", "ScalerUnreachable", f"{SINCE}; routing equally to all 5 replicas that are ready"),
    ),
    "weights are neutral before anything was said": (
        {"is_observed": False, "basis": RoutingBasis.NEUTRAL},
        "Routing",
        ("Unknown", "NotObserved", f"{NOT_YET}; routing equally to all 5 replicas that are ready"),
    ),
    "readers have nobody fresh": (
        {"basis": RoutingBasis.NONE_FRESH, "serving": 2},
        "Routing",
        ("False", "NoneFresh", "No replica is fresh; routing to all 2 replicas that respond"),
    ),
    "readers have nobody that answers": (
        {"basis": RoutingBasis.NONE_REACHABLE},
        "Routing",
        ("False", "NoneReachable", "No replica reachable; routing to all 5 replicas that are ready"),
    ),
    "readers have nobody": ({"serving": 0}, "Routing", ("False", "NoEndpoints", "No replica can receive traffic")),
    "all alike": (
        {"basis": RoutingBasis.EQUAL},
        "Routing",
        ("True", "EqualWeights", "Routing to 5 of 5 replicas equally; loadBalancing is disabled"),
    ),
    "weights are paused": (
        {"basis": RoutingBasis.PAUSED},
        "Routing",
        ("Unknown", "Paused", "spec.paused is true; keeping the last weights of 5 of 5 replicas"),
    ),
    "a version that answers no queries": (
        {"has_query_server": False},
        "Routing",
        (
            "False",
            "NoQueryServer",
            "This version of Stellar Core has no query server, so queries fail; use v22 or newer",
        ),
    ),
    "every shard is owned": (
        {"shard_problems": ()},
        "Sharded",
        ("True", "AllShardsAssigned", "Every shard is assigned to a replica"),
    ),
    "a shard is missing": (
        {"shard_problems": (PROBLEM,)},
        "Sharded",
        ("False", "ShardMissing", "pool-1: stellar.org/shard-id: missing"),
    ),
    "alerts": (
        {"has_alerts": True},
        "Alerting",
        ("True", "RuleApplied", "The PrometheusRule with the pool's name is applied"),
    ),
    "no alerts": (
        {"has_alerts": False},
        "Alerting",
        (
            "False",
            "PrometheusMissing",
            "The Prometheus operator is not installed; install it, or set alerting to false",
        ),
    ),
}


@pytest.mark.parametrize(("facts", "kind", "said"), TABLE.values(), ids=TABLE.keys())
def test_a_condition_says(facts: dict[str, Any], kind: str, said: tuple[str, str, str]) -> None:
    assert say(replace(FINE, **facts))[kind] == said


def test_of_many_problems_with_shards_five_are_told_and_the_rest_counted() -> None:
    problems = tuple(replace(PROBLEM, replica=f"pool-{ordinal}") for ordinal in range(8))
    _, _, message = say(replace(FINE, shard_problems=problems))["Sharded"]
    assert message.count("stellar.org/shard-id: missing") == 5
    assert message.endswith("; and 3 more")


def condition(
    kind: str = "Fresh", status: ConditionStatus = ConditionStatus.TRUE, reason: str = "A", message: str = "a"
) -> Condition:
    return Condition(type=kind, status=status, reason=reason, message=message, last_transition_time=to_timestamp(NOW))


@pytest.mark.parametrize(
    ("last", "at"),
    [
        pytest.param([], NOW + 9, id="a condition that is new"),
        pytest.param([condition()], NOW, id="the same status, whatever reason and message say"),
        pytest.param([condition(status=ConditionStatus.FALSE)], NOW + 9, id="another status"),
        pytest.param([condition("Ready")], NOW + 9, id="another condition"),
    ],
)
def test_the_time_of_a_condition_is_that_of_its_status(last: list[Condition], at: float) -> None:
    desired = DesiredCondition(ConditionType("Fresh"), ConditionStatus.TRUE, "B", "b")
    (merged,) = merge_conditions([desired], last, 7, NOW + 9)
    assert merged.last_transition_time == to_timestamp(at)
    assert (merged.reason, merged.message, merged.observed_generation) == ("B", "b", 7)


def test_what_others_say_drives_no_terminal_that_shows_a_condition_or_an_event() -> None:
    told = "crashes (core: \x1b]0;title\x07\x1b[2J\u202e\x9b31m\r\nforged)"
    (merged,) = merge_conditions([DesiredCondition(ConditionType.FRESH, ConditionStatus.FALSE, "B", told)], [], 7, NOW)
    assert merged.message == "crashes (core:  ]0;title  [2J  31m  forged)"
    (event,) = find_events([condition()], [merged])
    assert event.message.isprintable()
    note = build_event({"name": "a", "namespace": "b"}, PoolEvent("B", told), "us", NOW)["note"]
    assert note.isprintable()


def test_what_the_scaler_told_stands_while_it_has_not_been_heard_yet() -> None:
    desired = [
        DesiredCondition(ConditionType("Fresh"), ConditionStatus.UNKNOWN, "B", "b"),
        DesiredCondition(ConditionType("Ready"), ConditionStatus.FALSE, "B", "b"),
    ]
    fresh, ready = merge_conditions(desired, [condition(), condition("Ready")], 7, NOW + 9, ("Fresh", "Routing"))
    assert (fresh.status, fresh.reason, fresh.observed_generation) == (ConditionStatus.TRUE, "A", 7)
    assert (ready.status, ready.reason) == (ConditionStatus.FALSE, "B")
    (first,) = merge_conditions(desired[:1], [], 7, NOW, ("Fresh",))
    assert first.reason == "B"


@pytest.mark.parametrize(
    ("is_heard", "since", "basis", "kept"),
    [
        pytest.param(True, None, RoutingBasis.CLASSES, (), id="the scaler is heard"),
        pytest.param(False, None, RoutingBasis.KEPT, ("Fresh", "Routing"), id="it is not heard yet"),
        pytest.param(False, None, RoutingBasis.NEUTRAL, ("Fresh",), id="it is not heard yet, and nobody had a weight"),
        pytest.param(True, NOW, RoutingBasis.KEPT, (), id="it is silent"),
    ],
)
def test_which_conditions_stand_after_our_start(
    is_heard: bool, since: float | None, basis: RoutingBasis, kept: tuple[str, ...]
) -> None:
    pool = build_pool()
    seen = observe(pool, fleet=build_fleet(pool) if is_heard else None, fleet_silent_since=since)
    assert list_kept_conditions(seen, (), replace(FINE, basis=basis), NOW) == kept


@pytest.mark.parametrize(
    ("since", "facts", "kept"),
    [
        pytest.param(NOW - 14, {"fresh": 0, "unknown": 5}, ("Fresh",), id="for three polls"),
        pytest.param(NOW - 15, {"fresh": 0, "unknown": 5}, (), id="and no longer"),
        pytest.param(NOW, {"fresh": 5, "unknown": 1}, (), id="not where enough are fresh anyway"),
        pytest.param(NOW, {"fresh": 0, "unknown": 1}, (), id="not where they would be too few"),
    ],
)
def test_freshness_stands_while_the_scaler_has_just_begun_to_ask(
    since: float, facts: dict[str, Any], kept: tuple[str, ...]
) -> None:
    pool = build_pool()
    view = build_view(pool, 0, UNKNOWN, since=since, observed_at=None)
    seen = observe(pool, UNKNOWN, fleet=replace(build_fleet(pool), replicas=(view,)))
    assert list_kept_conditions(seen, read_replicas(seen), replace(FINE, **facts), NOW) == kept
