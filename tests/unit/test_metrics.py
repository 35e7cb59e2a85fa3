"""The metrics as numbers from snapshots: each by a table, and none where there is no ground."""

import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.replica_class import ReplicaClass
from scaler import policy_grounds
from scaler.metrics import NOTHING_TO_MEASURE, NoGround, compute_metric
from scaler.policy import Decision
from scaler.probes.report import NodeReport
from scaler.snapshot import FleetSnapshot, Replica
from scaler.trigger import Metric
from tests.component.scripted_fleets import make_replica, make_snapshot

FRESH, LAGGING, CATCHING_UP = ReplicaClass.FRESH, ReplicaClass.LAGGING, ReplicaClass.CATCHING_UP
UNREACHABLE, FOREIGN, UNKNOWN = ReplicaClass.UNREACHABLE, ReplicaClass.FOREIGN, ReplicaClass.UNKNOWN
LAG_METRICS = (Metric.MAX_LAG, Metric.P90_LAG, Metric.AVERAGE_LAG)
COUNTS = (Metric.FRESH_REPLICAS, Metric.LAGGING_REPLICAS, Metric.LAGGING_PERCENT)
GROUNDS = (
    policy_grounds.NO_REPLICAS,
    policy_grounds.STILL_OBSERVING,
    policy_grounds.ALL_UNREACHABLE,
    policy_grounds.NO_TIP,
    policy_grounds.NETWORK_HALTED,
)
Member = tuple[ReplicaClass, int | None]


def build(*members: Member, desired: int | None = 3, reason: str = "OnTarget") -> FleetSnapshot:
    replicas = [make_replica(f"core-{number}", kind, lag) for number, (kind, lag) in enumerate(members)]
    return make_snapshot("stellar/core", *replicas, decision=Decision(desired, reason, "because"))


def silence(replica: Replica) -> Replica:
    """Have a replica answer without telling its ledger, as an unhealthy Stellar RPC does."""
    report = NodeReport(ledger=0, is_synced=False, state="unhealthy: latency is too high")
    return replace(replica, standing=replace(replica.standing, report=report, lag_ledgers=53_201_447))


TABLE: dict[str, tuple[tuple[Member, ...], dict[Metric, float]]] = {
    "three fresh": (
        ((FRESH, 0), (FRESH, 1), (FRESH, 2)),
        {
            Metric.DESIRED_REPLICAS: 3.0,
            Metric.FRESH_REPLICAS: 3.0,
            Metric.LAGGING_REPLICAS: 0.0,
            Metric.LAGGING_PERCENT: 0.0,
            Metric.MAX_LAG: 2.0,
            Metric.P90_LAG: 2.0,
            Metric.AVERAGE_LAG: 1.0,
        },
    ),
    "one of four lags": (
        ((FRESH, 0), (LAGGING, 4000), (FRESH, 0), (FRESH, 0)),
        {
            Metric.FRESH_REPLICAS: 3.0,
            Metric.LAGGING_REPLICAS: 1.0,
            Metric.LAGGING_PERCENT: 25.0,
            Metric.MAX_LAG: 4000.0,
            Metric.P90_LAG: 4000.0,
            Metric.AVERAGE_LAG: 1000.0,
        },
    ),
    "one of twenty lags": (
        (*(((FRESH, 1),) * 19), (LAGGING, 5000)),
        {Metric.LAGGING_PERCENT: 5.0, Metric.MAX_LAG: 5000.0, Metric.P90_LAG: 1.0, Metric.AVERAGE_LAG: 250.95},
    ),
    "the ninth of ten is the ninetieth percentile": (
        tuple((FRESH, lag) for lag in (9, 3, 1, 7, 5, 2, 8, 4, 6, 10)),
        {Metric.P90_LAG: 9.0, Metric.MAX_LAG: 10.0, Metric.AVERAGE_LAG: 5.5},
    ),
    "newcomers, lost ones and strangers have no lag that counts": (
        ((FRESH, 1), (CATCHING_UP, 50_000), (UNREACHABLE, 70_000), (FOREIGN, 90_000), (UNKNOWN, None)),
        {
            Metric.FRESH_REPLICAS: 1.0,
            Metric.LAGGING_REPLICAS: 0.0,
            Metric.MAX_LAG: 1.0,
            Metric.P90_LAG: 1.0,
            Metric.AVERAGE_LAG: 1.0,
        },
    ),
    "strangers are no part of the pool": (
        ((FRESH, 0), (LAGGING, 2000), (FOREIGN, 0), (FOREIGN, 0)),
        {Metric.LAGGING_PERCENT: 50.0},
    ),
    "nobody was fresh": (
        ((CATCHING_UP, 300), (UNREACHABLE, None)),
        {Metric.FRESH_REPLICAS: 0.0, Metric.LAGGING_REPLICAS: 0.0, Metric.LAGGING_PERCENT: 0.0},
    ),
}


@pytest.mark.parametrize(
    ("members", "metric", "value"),
    [
        pytest.param(members, metric, value, id=f"{name}: {metric}")
        for name, (members, values) in TABLE.items()
        for metric, value in values.items()
    ],
)
def test_a_metric_is_what_its_name_says(members: tuple[Member, ...], metric: Metric, value: float) -> None:
    assert compute_metric(build(*members), metric) == value


@pytest.mark.parametrize("desired", [0, 1, 5000])
def test_desired_replicas_is_the_decision(desired: int) -> None:
    assert compute_metric(build((FRESH, 0), desired=desired), Metric.DESIRED_REPLICAS) == desired


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("reason", GROUNDS)
def test_without_ground_no_metric_is_given_and_the_reason_is(metric: Metric, reason: str) -> None:
    with pytest.raises(NoGround, match=f"^{reason}: because$") as nothing:
        compute_metric(build((FRESH, 0), desired=None, reason=reason), metric)
    assert (nothing.value.reason, nothing.value.message) == (reason, "because")


@pytest.mark.parametrize("metric", list(Metric))
def test_what_is_only_not_sustained_yet_can_be_counted_but_not_decided(metric: Metric) -> None:
    snapshot = build((FRESH, 0), (LAGGING, 2000), desired=None, reason=policy_grounds.NOT_YET_SUSTAINED)
    if metric is Metric.DESIRED_REPLICAS:
        with pytest.raises(NoGround, match=policy_grounds.NOT_YET_SUSTAINED):
            compute_metric(snapshot, metric)
    else:
        assert compute_metric(snapshot, metric) == compute_metric(build((FRESH, 0), (LAGGING, 2000)), metric)


@pytest.mark.parametrize("metric", LAG_METRICS)
@pytest.mark.parametrize("members", [(), ((CATCHING_UP, 300),), ((UNREACHABLE, 9), (FOREIGN, 0)), ((UNKNOWN, None),)])
def test_lag_that_nobody_has_is_not_called_none(members: tuple[Member, ...], metric: Metric) -> None:
    with pytest.raises(NoGround, match=NOTHING_TO_MEASURE):
        compute_metric(build(*members), metric)


@pytest.mark.parametrize("metric", LAG_METRICS)
def test_one_that_tells_no_ledger_is_not_the_whole_network_behind(metric: Metric) -> None:
    snapshot = build((FRESH, 4), (LAGGING, 2000))
    silent = replace(snapshot, replicas=(snapshot.replicas[0], silence(snapshot.replicas[1])))
    assert compute_metric(silent, metric) == 4.0
    assert compute_metric(silent, Metric.LAGGING_REPLICAS) == 1.0
    with pytest.raises(NoGround, match=NOTHING_TO_MEASURE):
        compute_metric(replace(silent, replicas=silent.replicas[1:]), metric)


MEMBERS = st.lists(
    st.tuples(st.sampled_from(list(ReplicaClass)), st.one_of(st.none(), st.integers(0, 53_201_446))), max_size=12
)
DECISIONS = st.one_of(
    st.builds(Decision, st.integers(0, 5000), st.just("OnTarget"), st.text()),
    st.builds(Decision, st.none(), st.sampled_from([*GROUNDS, policy_grounds.NOT_YET_SUSTAINED]), st.text()),
)


def compute(snapshot: FleetSnapshot, metric: Metric) -> float | str:
    try:
        return compute_metric(snapshot, metric)
    except NoGround as nothing:
        return nothing.reason


@given(MEMBERS, DECISIONS)
def test_there_is_a_number_exactly_when_there_is_ground_and_it_is_one_that_keda_takes(
    members: list[Member], decision: Decision
) -> None:
    snapshot = replace(build(*members), decision=decision)
    has_lag = any(kind in (FRESH, LAGGING) and lag is not None for kind, lag in members)
    is_counted = decision.desired is not None or decision.reason == policy_grounds.NOT_YET_SUSTAINED
    for metric in Metric:
        value = compute(snapshot, metric)
        is_known = decision.desired is not None if metric is Metric.DESIRED_REPLICAS else is_counted
        if isinstance(value, str):
            assert not is_known or (metric in LAG_METRICS and not has_lag)
            assert value == (NOTHING_TO_MEASURE if is_known else decision.reason)
        else:
            assert is_known
            assert metric not in LAG_METRICS or has_lag
            assert 0 <= value < math.inf


@given(MEMBERS, st.randoms(use_true_random=False))
def test_the_order_of_replicas_never_matters(members: list[Member], chance: object) -> None:
    snapshot = build(*members)
    shuffled = replace(snapshot, replicas=tuple(chance.sample(snapshot.replicas, len(members))))  # type: ignore[attr-defined]
    assert [compute(shuffled, metric) for metric in Metric] == [compute(snapshot, metric) for metric in Metric]


@given(MEMBERS.filter(lambda members: any(kind is FRESH and lag is not None for kind, lag in members)))
def test_lags_and_shares_stand_in_their_natural_order(members: list[Member]) -> None:
    snapshot = build(*members)
    highest, ninetieth, mean = (compute_metric(snapshot, metric) for metric in LAG_METRICS)
    assert ninetieth <= highest
    assert mean <= highest
    assert 0 <= compute_metric(snapshot, Metric.LAGGING_PERCENT) <= 100
    kinds = Counter(kind for kind, _ in members)
    assert compute_metric(snapshot, Metric.FRESH_REPLICAS) == kinds[FRESH]
    assert compute_metric(snapshot, Metric.LAGGING_REPLICAS) == kinds[LAGGING]
