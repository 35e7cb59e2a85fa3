"""A snapshot on the wire, and which changes cannot wait for the next interval."""

import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from controller.observer import fleet_streams
from controller.observer.fleet_view import parse_fleet_view
from readpool.budget import Budget, Limits
from readpool.replica_class import ReplicaClass
from readpool.v1 import observer_pb2
from scaler.fleet.request_figures import RequestFigures
from scaler.fleet.snapshot import FleetSnapshot, Replica
from scaler.policy.policy import Bounds, Decision
from scaler.probes.report import NodeReport
from scaler.services.observer import LastSent, Observer, is_more_than_numbers
from scaler.services.snapshot_message import build_snapshot_message
from scaler.services.streams import Streams
from scaler.standing.freshness import ReplicaState
from scaler.standing.tip import Tip

if TYPE_CHECKING:
    from scaler.fleets.watched_fleet import WatchedFleet

ANSWERED = ReplicaState(
    replica_class=ReplicaClass.LAGGING,
    since=90.0,
    report=NodeReport(ledger=1000, is_synced=True, state="Synced!"),
    observed_at=99.5,
    lag_ledgers=2000,
    rate=0.5,
    seconds_to_fresh=4000.0,
    detail="Catching up to ledger 3000",
)
SNAPSHOT = FleetSnapshot(
    fleet="stellar/core",
    namespace="stellar",
    sequence=7,
    at=100.0,
    network="Test SDF Network ; September 2015",
    tip=Tip(3000, 98.0),
    replicas=(
        Replica("core-0", "http://10.0.0.1:11626", ANSWERED),
        Replica("core-1", "http://10.0.0.2:11626", ReplicaState()),
    ),
    decision=Decision(4, "Lacking", "One lags.", unhealthy=1),
    bounds=Bounds(1, 3, 10),
    lag_threshold=1000,
    counts=Counter({ReplicaClass.LAGGING: 1, ReplicaClass.UNKNOWN: 1}),
)


def test_all_that_is_known_goes_out_and_what_is_not_known_is_left_out() -> None:
    message = build_snapshot_message(SNAPSHOT)
    answered, silent = message.replicas
    assert (message.fleet, message.namespace, message.sequence, message.at) == ("stellar/core", "stellar", 7, 100.0)
    assert (message.tip.ledger, message.tip.moved_at, message.tip.halted) == (3000, 98.0, False)
    assert (message.decision.desired_replicas, message.decision.reason, message.decision.unhealthy) == (4, "Lacking", 1)
    assert (message.bounds.min_replicas, message.bounds.target_replicas, message.bounds.max_replicas) == (1, 3, 10)
    assert (answered.name, answered.ledger, answered.lag, answered.state) == ("core-0", 1000, 2000, "Synced!")
    assert getattr(answered, "class") == observer_pb2.REPLICA_CLASS_LAGGING
    assert getattr(silent, "class") == observer_pb2.REPLICA_CLASS_UNKNOWN
    for field in ("ledger", "lag", "rate", "seconds_to_fresh", "observed_at"):
        assert answered.HasField(cast("Any", field))
        assert not silent.HasField(cast("Any", field))
    assert not message.gone


def test_no_tip_and_no_ground_are_absent_rather_than_zero() -> None:
    message = build_snapshot_message(
        replace(SNAPSHOT, tip=None, network=None, decision=Decision(None, "NoTip", "Nobody tells the tip.")),
        is_gone=True,
    )
    assert not message.HasField("tip")
    assert not message.decision.HasField("desired_replicas")
    assert not message.decision.HasField("learned_requests_per_replica")
    assert message.decision.reason == "NoTip"
    assert message.gone


def test_every_class_has_its_word_on_the_wire() -> None:
    for replica_class in ReplicaClass:
        replica = Replica("core-0", "", replace(ANSWERED, replica_class=replica_class))
        (sent,) = build_snapshot_message(replace(SNAPSHOT, replicas=(replica,))).replicas
        name = observer_pb2.ReplicaClass.Name(getattr(sent, "class"))
        assert name.removeprefix("REPLICA_CLASS_").replace("_", "") == replica_class.value.upper()


FRESH = Replica("core-0", "http://10.0.0.1:11626", replace(ANSWERED, replica_class=ReplicaClass.FRESH))
MOVED = replace(SNAPSHOT.replicas[0], address="http://10.0.0.9:11626")
DOUBTED = replace(FRESH, standing=replace(FRESH.standing, contradicting_polls=1))


CHANGES = [
    pytest.param({"sequence": 8, "at": 101.0}, False, id="time alone"),
    pytest.param({"tip": Tip(3001, 101.0)}, False, id="the tip moved on"),
    pytest.param({"decision": Decision(4, "Lacking", "One lags, still.", unhealthy=1)}, False, id="other words"),
    pytest.param({"tip": Tip(3000, 98.0, is_halted=True)}, True, id="the network halted"),
    pytest.param({"tip": None}, True, id="the tip was lost"),
    pytest.param({"decision": Decision(5, "Lacking", "Two lag.")}, True, id="another number of replicas"),
    pytest.param({"decision": Decision(4, "Bearing", "For the load.")}, True, id="another reason"),
    pytest.param({"replicas": (FRESH, SNAPSHOT.replicas[1])}, True, id="a class"),
    pytest.param({"replicas": SNAPSHOT.replicas[:1]}, True, id="a replica left"),
    pytest.param({"bounds": Bounds(1, 3, 11)}, True, id="other bounds"),
    pytest.param({"replicas": (MOVED, SNAPSHOT.replicas[1])}, True, id="another address"),
]


@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_only_what_is_more_than_numbers_is_told_at_once(change: dict[str, Any], expected: bool) -> None:
    newest = replace(SNAPSHOT, **change)
    assert is_more_than_numbers(SNAPSHOT, newest) is expected
    told = LastSent(cast("WatchedFleet", None), SNAPSHOT, at=100.0)
    assert told.compute_rest_seconds(newest, now=101.0, interval_seconds=5.0) == (0.0 if expected else 4.0)


@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_the_controller_takes_for_more_than_numbers_only_what_is_told_at_once(
    change: dict[str, Any], expected: bool
) -> None:
    before, after = (parse_fleet_view(build_snapshot_message(one)) for one in (SNAPSHOT, replace(SNAPSHOT, **change)))
    assert expected or not fleet_streams.is_more_than_numbers(before, after)


def test_a_doubt_is_told_at_once_and_goes_out() -> None:
    known, doubted = (replace(SNAPSHOT, replicas=(one, SNAPSHOT.replicas[1])) for one in (FRESH, DOUBTED))
    assert is_more_than_numbers(known, doubted)
    assert fleet_streams.is_more_than_numbers(
        *(parse_fleet_view(build_snapshot_message(one)) for one in (known, doubted))
    )
    assert [build_snapshot_message(one).replicas[0].suspect for one in (known, doubted)] == [False, True]


def test_the_start_of_a_process_another_network_and_the_interval_go_out() -> None:
    report = NodeReport(ledger=1000, is_synced=True, network="Another", started_on=40.0)
    other = replace(SNAPSHOT.replicas[0], standing=replace(ANSWERED, report=report))
    other = replace(other, volume_used_percent=83)
    message = build_snapshot_message(
        replace(SNAPSHOT, replicas=(other, *SNAPSHOT.replicas)), poll_interval_seconds=30.0
    )
    assert message.poll_interval_seconds == 30.0
    assert [one.of_another_network for one in message.replicas] == [True, False, False]
    assert [one.HasField("volume_used_percent") for one in message.replicas] == [True, False, False]
    assert message.replicas[0].volume_used_percent == 83
    assert [one.HasField("started_on") and one.started_on for one in message.replicas] == [40.0, False, False]


def test_numbers_wait_for_the_interval_since_the_last_telling_and_nothing_new_waits_for_ever() -> None:
    told = LastSent(cast("WatchedFleet", None), SNAPSHOT, at=100.0)
    newer = replace(SNAPSHOT, sequence=8)
    assert told.compute_rest_seconds(SNAPSHOT, now=200.0, interval_seconds=5.0) is None
    assert told.compute_rest_seconds(newer, now=101.0, interval_seconds=5.0) == 4.0
    assert told.compute_rest_seconds(newer, now=105.0, interval_seconds=5.0) == 0.0


@pytest.mark.parametrize("number", [2**32, 2**64, 10**40, -1])
def test_no_number_of_a_fleet_is_too_large_to_be_told(number: int) -> None:
    decision = Decision(number, "ScaledForLoad", "", unhealthy=number, catching_up=number, replicas_for_load=number)
    standing = replace(ANSWERED, lag_ledgers=number, report=NodeReport(ledger=number, is_synced=True))
    replicas = (Replica("core-0", "http://10.0.0.1:11626", standing),)
    message = build_snapshot_message(replace(SNAPSHOT, decision=decision, tip=Tip(number, 0.0), replicas=replicas))
    told = (
        message.decision.replicas_for_load,
        message.decision.desired_replicas,
        message.replicas[0].lag,
        message.tip.ledger,
    )
    assert told == tuple(min(max(number, 0), most) for most in (2**32 - 1, 2**32 - 1, 2**64 - 1, 2**64 - 1))


def test_a_fleet_that_cannot_be_told_ends_no_stream_of_many() -> None:
    observer = Observer(
        cast("Any", None), cast("Any", None), Streams(Budget("streams", Limits(1, 1))), 5.0, lambda: 0.0
    )
    odd = replace(SNAPSHOT, decision=replace(SNAPSHOT.decision, message="\ud800"))
    assert [observer._build(snapshot) is None for snapshot in (odd, SNAPSHOT, odd)] == [True, False, True]


BUSY = RequestFigures(90.0, 90.0, 9.0, ((10.0, 45.0), (20.0, 90.0), (math.inf, 90.0)))
QUIET = RequestFigures(10.0, 10.0, 0.0, ((10.0, 10.0), (20.0, 10.0), (math.inf, 10.0)))


def test_what_readers_met_with_goes_out_of_each_replica_and_of_all_together() -> None:
    replicas = (replace(FRESH, requests=BUSY), replace(FRESH, name="core-1", requests=QUIET))
    message = build_snapshot_message(replace(SNAPSHOT, replicas=replicas))
    told = [(one.requests.requests_per_second, one.requests.error_percent) for one in message.replicas]
    assert told == [(90.0, 10.0), (10.0, 0.0)]
    assert (message.requests.requests_per_second, message.requests.error_percent) == (100.0, 9.0)
    assert message.requests.latency_p90_ms == pytest.approx(10.0 + 10.0 * 35 / 45)


def test_a_gate_that_is_silent_is_absent_and_so_are_the_figures_of_all() -> None:
    replicas = (replace(FRESH, requests=BUSY), replace(FRESH, name="core-1"))
    message = build_snapshot_message(replace(SNAPSHOT, replicas=replicas))
    assert [one.HasField("requests") for one in message.replicas] == [True, False]
    assert not message.HasField("requests")


def test_readers_that_have_asked_nothing_have_no_latency() -> None:
    replicas = (replace(FRESH, requests=RequestFigures(0.0)),)
    (sent,) = build_snapshot_message(replace(SNAPSHOT, replicas=replicas)).replicas
    assert sent.HasField("requests")
    assert not sent.requests.HasField("latency_p90_ms")
