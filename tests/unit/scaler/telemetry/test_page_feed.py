"""What the page is told of a snapshot: how a fleet is, and nothing that could be taken for anything but text."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.replica_class import ReplicaClass
from scaler.fleet.request_figures import RequestFigures
from scaler.fleet.snapshot import FleetSnapshot, Replica
from scaler.policy.policy import Bounds, Decision
from scaler.probes.report import NodeReport
from scaler.standing.freshness import ReplicaState
from scaler.standing.tip import Tip
from scaler.telemetry.history import LagSeries
from scaler.telemetry.page_feed import (
    Health,
    build_details,
    build_history,
    build_summary,
    compute_health,
    encode_event,
    encode_summary,
    join_summaries,
)
from scaler.telemetry.size_history import ROWS, SPAN_SECONDS, Size, SizeHistory
from scaler.telemetry.snapshot_values import clean_words, compute_lags

FRESH, LAGGING = ReplicaClass.FRESH, ReplicaClass.LAGGING
CATCHING_UP, UNREACHABLE = ReplicaClass.CATCHING_UP, ReplicaClass.UNREACHABLE
FOREIGN, UNKNOWN = ReplicaClass.FOREIGN, ReplicaClass.UNKNOWN

MOVING = Tip(1000, 99.0)
STALLED = Tip(1000, 80.0, is_stalled=True)
HALTED = Tip(1000, 10.0, is_stalled=True, is_halted=True)


def make_replica(name: str, replica_class: ReplicaClass, lag: int | None = 0, words: str = "") -> Replica:
    report = None if lag is None else NodeReport(ledger=1000 - lag, is_synced=True, state=words or "Synced!")
    return Replica(name, f"http://{name}", ReplicaState(replica_class, 1.0, report, 99.0, lag, 0.2, detail=words))


def make_snapshot(*classes: ReplicaClass, tip: Tip | None = MOVING, desired: int | None = 3) -> FleetSnapshot:
    return FleetSnapshot(
        fleet="stellar/core",
        namespace="stellar",
        sequence=7,
        at=100.0,
        network=None,
        tip=tip,
        replicas=tuple(make_replica(f"core-{i}", replica_class) for i, replica_class in enumerate(classes)),
        decision=Decision(desired, "Reason", "A sentence."),
        bounds=Bounds(1, 3, 10),
        lag_threshold=100,
        counts=Counter(classes),
    )


@pytest.mark.parametrize(
    ("classes", "tip", "desired", "health"),
    [
        pytest.param((FRESH,) * 3, MOVING, 3, Health.FRESH, id="all that are wanted are fresh"),
        pytest.param((FRESH,) * 4, MOVING, 3, Health.FRESH, id="more are fresh than wanted"),
        pytest.param((FRESH,) * 3 + (CATCHING_UP,), MOVING, 4, Health.FRESH, id="enough fresh, one more on its way"),
        pytest.param((FRESH, FRESH, CATCHING_UP), MOVING, 3, Health.RECOVERING, id="what is missing is on its way"),
        pytest.param((FRESH, FRESH, UNKNOWN), MOVING, 3, Health.RECOVERING, id="what is missing was not yet seen"),
        pytest.param((FRESH, FRESH), MOVING, 3, Health.DEGRADED, id="too few are there"),
        pytest.param((FRESH, CATCHING_UP), MOVING, 3, Health.DEGRADED, id="too few even with those on their way"),
        pytest.param((FRESH,) * 3 + (LAGGING,), MOVING, 4, Health.DEGRADED, id="enough fresh, but one lags"),
        pytest.param((FRESH, FRESH, FRESH, UNREACHABLE), MOVING, 4, Health.DEGRADED, id="one does not answer"),
        pytest.param((FRESH, FRESH, FRESH, FOREIGN), MOVING, 4, Health.DEGRADED, id="one is on another network"),
        pytest.param((LAGGING,) * 3, MOVING, 4, Health.NONE_FRESH, id="readers have nowhere to go"),
        pytest.param((FRESH,) * 3, STALLED, 3, Health.STALLED, id="the tip does not move"),
        pytest.param((LAGGING,) * 3, STALLED, 3, Health.NONE_FRESH, id="none fresh weighs more than a stalled tip"),
        pytest.param((FRESH,) * 3, HALTED, None, Health.HALTED, id="halted explains why there is no ground"),
        pytest.param((UNREACHABLE,) * 3, None, None, Health.NO_DATA, id="nothing is known"),
    ],
)
def test_health_is_the_first_that_explains(
    classes: tuple[ReplicaClass, ...], tip: Tip | None, desired: int | None, health: Health
) -> None:
    assert compute_health(make_snapshot(*classes, tip=tip, desired=desired)) is health


@given(st.lists(st.sampled_from(list(ReplicaClass)), max_size=8), st.randoms())
def test_the_order_of_replicas_never_matters_to_health(classes: list[ReplicaClass], random: object) -> None:
    shuffled = list(classes)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert compute_health(make_snapshot(*classes)) is compute_health(make_snapshot(*shuffled))


@pytest.mark.parametrize("replica_class", [UNREACHABLE, UNKNOWN, FOREIGN])
def test_the_lag_of_who_was_not_observed_is_not_guessed(replica_class: ReplicaClass) -> None:
    assert compute_lags(make_snapshot(FRESH, replica_class)) == {"core-0": 0, "core-1": None}


def test_a_summary_counts_every_class_and_tells_of_the_tip() -> None:
    summary = build_summary(make_snapshot(FRESH, FRESH, LAGGING, tip=STALLED, desired=4))
    assert summary["counts"] == {
        "fresh": 2, "lagging": 1, "catchingUp": 0, "unreachable": 0, "foreign": 0, "unknown": 0,
    }  # fmt: skip
    assert summary["tip"] == {"ledger": 1000, "movedAt": 80.0, "state": "stalled"}
    assert (summary["known"], summary["desired"], summary["bounds"]) == (3, 4, [1, 3, 10])


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_none_becomes_null_and_the_json_stays_valid(rate: float) -> None:
    standing = ReplicaState(FRESH, rate=rate, seconds_to_fresh=rate)
    snapshot = make_snapshot()
    replica = Replica("core-0", "http://core-0", standing)
    details = build_details(
        FleetSnapshot(
            snapshot.fleet, snapshot.namespace, 1, 1.0, None, None, (replica,), snapshot.decision, snapshot.bounds, 1
        )
    )
    assert details["replicas"][0]["rate"] is None
    assert details["replicas"][0]["toFresh"] is None
    assert encode_event("details", details)


def test_history_says_null_where_nothing_was_known() -> None:
    sizes = [Size(1.04, None, 3, 2, "NoTip"), Size(2.0, 4, 3, 2, "ReplacingUnhealthy")]
    history = build_history("stellar/core", LagSeries((1.0, 2.04), {"core-0": (None, 3)}), sizes)
    assert history == {
        "name": "stellar/core",
        "times": [1.0, 2.0],
        "lags": {"core-0": (None, 3)},
        "sizes": [[1.0, None, 3, 2, "NoTip"], [2.0, 4, 3, 2, "ReplacingUnhealthy"]],
    }


def test_a_newcomer_is_not_the_one_furthest_behind() -> None:
    """It is as far behind as its archive is long, and `readpool pools` leaves it out too."""
    replicas = (make_replica("a", FRESH, 1), make_replica("b", LAGGING, 40), make_replica("c", CATCHING_UP, 900))
    snapshot = replace(make_snapshot(), replicas=replicas)
    assert build_summary(snapshot)["maxLag"] == 40
    assert build_summary(replace(snapshot, replicas=replicas[2:]))["maxLag"] is None


def test_what_readers_meet_with_is_told_of_the_fleet_and_of_each_replica() -> None:
    busy = RequestFigures(20.0, 20.0, 1.0, ((10.0, 20.0),))
    told = replace(make_replica("a", FRESH), requests=busy)
    decision = Decision(3, "Reason", "A sentence.", replicas_for_load=2, learned_requests_per_replica=31.25)
    snapshot = replace(make_snapshot(), replicas=(told,), decision=decision)
    summary, (replica,) = build_summary(snapshot), build_details(snapshot)["replicas"]
    assert summary["requests"] == replica["requests"] == {"rate": 20.0, "p90": 9.0, "errors": 5.0}
    assert (summary["learned"], summary["forLoad"]) == (31.2, 2)
    silent = build_summary(make_snapshot(FRESH))
    assert (silent["requests"], silent["learned"]) == (None, None), "without gates nothing is known"


def test_sizes_are_kept_where_they_change_and_the_one_that_began_the_span_stays() -> None:
    history = SizeHistory()
    for at, desired in ((0.0, 3), (5.0, 3), (10.0, 4), (15.0, None), (20.0, 4)):
        history.record(Size(at, desired, 3, 3, "Reason"))
    assert [(size.at, size.desired) for size in history.sizes()] == [(0.0, 3), (10.0, 4), (15.0, None), (20.0, 4)]
    history.record(Size(12.0 + SPAN_SECONDS, 4, 3, 3, "Reason"))
    assert [size.at for size in history.sizes()] == [10.0, 15.0, 20.0]
    for at in range(2 * ROWS):
        history.record(Size(20.0 + SPAN_SECONDS + at / 1000, at, 3, 3, "Reason"))
    assert len(history.sizes()) == ROWS


def test_summaries_of_many_fleets_make_one_event() -> None:
    summaries = [encode_summary(make_snapshot(FRESH)), encode_summary(make_snapshot(LAGGING))]
    event = join_summaries(12.5, summaries).decode()
    name, data, *rest = event.split("\n")
    assert (name, rest) == ("event: fleets", ["", ""])
    told = json.loads(data.removeprefix("data: "))
    assert told["now"] == 12.5
    assert [fleet["health"] for fleet in told["fleets"]] == ["degraded", "none_fresh"]


@given(st.text())
def test_no_words_of_a_node_can_end_an_event_or_begin_another(words: str) -> None:
    snapshot = make_snapshot()
    replica = make_replica("core-0", FRESH, 0, words)
    full = FleetSnapshot(
        "a/b", "a", 1, 1.0, words, MOVING, (replica,), Decision(1, "R", words), snapshot.bounds, 1, Counter()
    )
    for event in (encode_event("details", build_details(full)), join_summaries(1.0, [encode_summary(full)])):
        assert event.count(b"\n") == 3
        assert event.endswith(b"\n\n")


@given(st.text(), st.integers(0, 300))
def test_cleaned_words_are_short_and_show_all_that_they_are(words: str, limit: int) -> None:
    cleaned = clean_words(words, limit)
    assert len(cleaned) <= limit
    assert all(letter.isprintable() or letter.isspace() for letter in cleaned)


def test_words_that_would_turn_the_line_around_are_disarmed() -> None:
    assert clean_words("a\u202eb\u2066c\x00d\x1b[31m", 20) == "a\ufffdb\ufffdc\ufffdd\ufffd[31m"
