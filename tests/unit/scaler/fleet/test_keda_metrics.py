"""The metrics as numbers from snapshots: each by a table, and none where there is no ground."""

import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.replica_class import ReplicaClass
from scaler.fleet.keda_metrics import NOTHING_TO_MEASURE, REQUESTS_UNKNOWN, MetricUnavailable, compute_metric
from scaler.fleet.request_figures import RequestFigures
from scaler.fleet.snapshot import FleetSnapshot, Replica
from scaler.policy import hold_reasons
from scaler.policy.policy import Decision
from scaler.probes.report import NodeReport
from scaler.triggers.metric import Metric
from tests.component.scripted_fleets import make_replica, make_snapshot

FRESH, LAGGING, CATCHING_UP = ReplicaClass.FRESH, ReplicaClass.LAGGING, ReplicaClass.CATCHING_UP
UNREACHABLE, FOREIGN, UNKNOWN = ReplicaClass.UNREACHABLE, ReplicaClass.FOREIGN, ReplicaClass.UNKNOWN
LAG_METRICS = tuple(metric for metric in Metric if metric.endswith("Lag"))
REQUEST_METRICS = (Metric.REQUESTS_PER_SECOND, Metric.REQUEST_ERROR_PERCENT, Metric.REQUEST_LATENCY_P90)
COUNTS = (Metric.FRESH_REPLICAS, Metric.LAGGING_REPLICAS, Metric.LAGGING_PERCENT)
GROUNDS = (
    hold_reasons.NO_REPLICAS,
    hold_reasons.STILL_OBSERVING,
    hold_reasons.ALL_UNREACHABLE,
    hold_reasons.NO_TIP,
    hold_reasons.NETWORK_HALTED,
)
Member = tuple[ReplicaClass, int | None]


def timed(rate: float, fast: float = 0.0) -> RequestFigures:
    """Return figures of so many answers a second, some within 10 ms; the rest fail after 10 to 20."""
    return RequestFigures(rate, rate, rate - fast, ((10.0, fast), (20.0, rate), (math.inf, rate)))


FAST, SLOW = timed(90.0, fast=90.0), timed(10.0)


def build(*members: Member, desired: int | None = 3, reason: str = "OnTarget") -> FleetSnapshot:
    replicas = [make_replica(f"core-{number}", kind, lag) for number, (kind, lag) in enumerate(members)]
    return make_snapshot("stellar/core", *replicas, decision=Decision(desired, reason, "because"))


def tell(snapshot: FleetSnapshot, *figures: RequestFigures | None) -> FleetSnapshot:
    """Put these figures beside the replicas, as their gates report them, in turn."""
    replicas = [replace(one, requests=told) for one, told in zip(snapshot.replicas, figures, strict=False)]
    return replace(snapshot, replicas=(*replicas, *snapshot.replicas[len(replicas) :]))


def silence(replica: Replica) -> Replica:
    """Remove the ledger from a replica's answer, as an unhealthy Stellar RPC does."""
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
    with pytest.raises(MetricUnavailable, match=f"^{reason}: because$") as nothing:
        compute_metric(build((FRESH, 0), desired=None, reason=reason), metric)
    assert (nothing.value.reason, nothing.value.message) == (reason, "because")


@pytest.mark.parametrize("metric", list(Metric))
def test_what_is_only_not_sustained_yet_can_be_counted_but_not_decided(metric: Metric) -> None:
    undecided = build((FRESH, 0), (LAGGING, 2000), desired=None, reason=hold_reasons.NOT_YET_SUSTAINED)
    snapshot = tell(undecided, SLOW, FAST)
    if metric is Metric.DESIRED_REPLICAS:
        with pytest.raises(MetricUnavailable, match=hold_reasons.NOT_YET_SUSTAINED):
            compute_metric(snapshot, metric)
    else:
        assert compute_metric(snapshot, metric) == compute_metric(
            tell(build((FRESH, 0), (LAGGING, 2000)), SLOW, FAST), metric
        )


@pytest.mark.parametrize("metric", LAG_METRICS)
@pytest.mark.parametrize("members", [(), ((CATCHING_UP, 300),), ((UNREACHABLE, 9), (FOREIGN, 0)), ((UNKNOWN, None),)])
def test_lag_that_nobody_has_is_not_called_none(members: tuple[Member, ...], metric: Metric) -> None:
    with pytest.raises(MetricUnavailable, match=NOTHING_TO_MEASURE):
        compute_metric(build(*members), metric)


@pytest.mark.parametrize("metric", LAG_METRICS)
def test_one_that_tells_no_ledger_is_not_the_whole_network_behind(metric: Metric) -> None:
    snapshot = build((FRESH, 4), (LAGGING, 2000))
    silent = replace(snapshot, replicas=(snapshot.replicas[0], silence(snapshot.replicas[1])))
    assert compute_metric(silent, metric) == 4.0
    assert compute_metric(silent, Metric.LAGGING_REPLICAS) == 1.0
    with pytest.raises(MetricUnavailable, match=NOTHING_TO_MEASURE):
        compute_metric(replace(silent, replicas=silent.replicas[1:]), metric)


TOLD: dict[str, tuple[FleetSnapshot, tuple[float, float, float]]] = {
    "one replica": (tell(build((FRESH, 0)), FAST), (90.0, 0.0, 9.0)),
    "rates are summed, errors are of sums, times are merged": (
        tell(build((FRESH, 0), (LAGGING, 2000)), FAST, SLOW),
        (100.0, 10.0, 10.0),
    ),
    "eight fast answers to one slow one do not hide it": (
        tell(build((FRESH, 0), (FRESH, 0)), timed(80.0, fast=80.0), SLOW),
        (90.0, 100.0 / 9, 11.0),
    ),
    "those that do not serve need not tell": (
        tell(build((FRESH, 0), (UNREACHABLE, None), (CATCHING_UP, 9), (UNKNOWN, None)), FAST),
        (90.0, 0.0, 9.0),
    ),
    "and count where they do": (tell(build((FRESH, 0), (CATCHING_UP, 9)), FAST, SLOW), (100.0, 10.0, 10.0)),
    "where nobody is fresh those on their way serve": (tell(build((CATCHING_UP, 9)), FAST), (90.0, 0.0, 9.0)),
}


@pytest.mark.parametrize(("snapshot", "expected"), TOLD.values(), ids=TOLD.keys())
def test_what_readers_meet_with_is_of_all_replicas_together(
    snapshot: FleetSnapshot, expected: tuple[float, float, float]
) -> None:
    measured = [compute_metric(snapshot, metric) for metric in REQUEST_METRICS]
    assert measured == [pytest.approx(value) for value in expected]


UNTOLD: dict[str, tuple[FleetSnapshot, str]] = {
    "nobody": (build((FRESH, 0), (FRESH, 0)), "No gate reports"),
    "all but one": (
        tell(build((FRESH, 0), (FRESH, 0), (LAGGING, 2000)), FAST, SLOW),
        "1 of 3 serving replicas do not report readers' requests: core-2.",
    ),
    "nobody serves": (tell(build((UNREACHABLE, None)), FAST), "No replica is serving"),
}


@pytest.mark.parametrize("metric", REQUEST_METRICS)
@pytest.mark.parametrize(("snapshot", "why"), UNTOLD.values(), ids=UNTOLD.keys())
def test_a_part_of_the_load_is_not_taken_for_the_whole(snapshot: FleetSnapshot, why: str, metric: Metric) -> None:
    with pytest.raises(MetricUnavailable, match=why) as nothing:
        compute_metric(snapshot, metric)
    assert nothing.value.reason == REQUESTS_UNKNOWN


def test_while_nobody_asks_nobody_is_failed_and_no_time_is_measured() -> None:
    idle = tell(build((FRESH, 0)), timed(0.0))
    assert compute_metric(idle, Metric.REQUESTS_PER_SECOND) == 0.0
    assert compute_metric(idle, Metric.REQUEST_ERROR_PERCENT) == 0.0
    with pytest.raises(MetricUnavailable, match=NOTHING_TO_MEASURE):
        compute_metric(idle, Metric.REQUEST_LATENCY_P90)


MEMBERS = st.lists(
    st.tuples(st.sampled_from(list(ReplicaClass)), st.one_of(st.none(), st.integers(0, 53_201_446))), max_size=12
)
DECISIONS = st.one_of(
    st.builds(Decision, st.integers(0, 5000), st.just("OnTarget"), st.text()),
    st.builds(Decision, st.none(), st.sampled_from([*GROUNDS, hold_reasons.NOT_YET_SUSTAINED]), st.text()),
)


def compute(snapshot: FleetSnapshot, metric: Metric) -> float | str:
    try:
        return compute_metric(snapshot, metric)
    except MetricUnavailable as nothing:
        return nothing.reason


FIGURES = st.lists(
    st.none() | st.tuples(st.floats(0, 1e9), st.floats(0, 1)).map(lambda drawn: timed(drawn[0], drawn[0] * drawn[1])),
    max_size=12,
)


@given(MEMBERS, DECISIONS, FIGURES)
def test_there_is_a_number_exactly_when_there_is_ground_and_it_is_one_that_keda_takes(
    members: list[Member], decision: Decision, figures: list[RequestFigures | None]
) -> None:
    snapshot = tell(replace(build(*members), decision=decision), *figures)
    has_lag = any(kind in (FRESH, LAGGING) and lag is not None for kind, lag in members)
    is_counted = decision.desired is not None or decision.reason == hold_reasons.NOT_YET_SUSTAINED
    for metric in Metric:
        value = compute(snapshot, metric)
        is_known = decision.desired is not None if metric is Metric.DESIRED_REPLICAS else is_counted
        if isinstance(value, str) and metric in REQUEST_METRICS:
            assert not is_known or value in {REQUESTS_UNKNOWN, NOTHING_TO_MEASURE}
        elif isinstance(value, str):
            assert not is_known or (metric in LAG_METRICS and not has_lag)
            assert value == (NOTHING_TO_MEASURE if is_known else decision.reason)
        else:
            assert is_known
            assert metric not in LAG_METRICS or has_lag
            assert 0 <= value < math.inf


@given(MEMBERS, FIGURES, st.randoms(use_true_random=False))
def test_the_order_of_replicas_never_matters(
    members: list[Member], figures: list[RequestFigures | None], chance: object
) -> None:
    snapshot = tell(build(*members), *figures)
    shuffled = replace(snapshot, replicas=tuple(chance.sample(snapshot.replicas, len(members))))  # type: ignore[attr-defined]
    assert [compute(shuffled, metric) for metric in Metric] == [compute(snapshot, metric) for metric in Metric]


@given(MEMBERS.filter(lambda members: any(kind is FRESH and lag is not None for kind, lag in members)))
def test_lags_and_shares_stand_in_their_natural_order(members: list[Member]) -> None:
    snapshot = build(*members)
    highest = compute_metric(snapshot, Metric.MAX_LAG)
    assert all(compute_metric(snapshot, metric) <= highest for metric in LAG_METRICS)
    assert 0 <= compute_metric(snapshot, Metric.LAGGING_PERCENT) <= 100
    kinds = Counter(kind for kind, _ in members)
    assert compute_metric(snapshot, Metric.FRESH_REPLICAS) == kinds[FRESH]
    assert compute_metric(snapshot, Metric.LAGGING_REPLICAS) == kinds[LAGGING]
