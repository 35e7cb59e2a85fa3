"""What the scaler says on the wire as the plan reads it, from a message as a scaler sends it."""

import math
from typing import Any

import pytest

from controller.observed.observed import ReplicaView
from controller.observer.fleet_view import parse_fleet_view
from readpool.pool.scalars import to_timestamp
from readpool.replica_class import ReplicaClass
from readpool.v1 import observer_pb2


def build_message(**replica: object) -> observer_pb2.Snapshot:
    message = observer_pb2.Snapshot(at=1000.0)
    one = message.replicas.add(name="core-0", address="http://10.0.0.7:11627")
    for field, value in replica.items():
        setattr(one, field, value)
    return message


def parse_replica(**replica: object) -> ReplicaView:
    (view,) = parse_fleet_view(build_message(**replica)).replicas
    return view


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("http://10.0.0.7:11627", "10.0.0.7:11627"),
        ("https://[fd00::7]:11627/", "[fd00::7]:11627"),
        ("http://core-0.core-nodes.readers.svc:11627", "core-0.core-nodes.readers.svc:11627"),
        ("10.0.0.7:11627", "10.0.0.7:11627"),
    ],
)
def test_an_address_is_read_from_the_url_that_is_asked(sent: str, read: str) -> None:
    assert parse_replica(address=sent).address == read


def test_what_is_not_sent_is_not_known() -> None:
    view = parse_replica()
    assert view == ReplicaView("core-0", "10.0.0.7:11627", ReplicaClass.UNKNOWN)
    fleet = parse_fleet_view(build_message())
    assert (fleet.tip_ledger, fleet.desired_replicas, fleet.is_halted) == (None, None, False)


@pytest.mark.parametrize("is_doubted", [True, False])
def test_a_doubt_is_read(is_doubted: bool) -> None:
    assert parse_replica(suspect=is_doubted).is_doubted is is_doubted


@pytest.mark.parametrize("name", observer_pb2.ReplicaClass.keys())
def test_each_class_has_its_own(name: str) -> None:
    message = build_message()
    setattr(message.replicas[0], "class", observer_pb2.ReplicaClass.Value(name))
    words = name.removeprefix("REPLICA_CLASS_").replace("UNSPECIFIED", "UNKNOWN").replace("_", "").lower()
    assert parse_fleet_view(message).replicas[0].replica_class.value.lower() == words


@pytest.mark.parametrize(("sent", "read"), [(30.5, 30.5), (0.0, 0.0), (math.inf, None), (math.nan, None), (-1.0, None)])
def test_a_time_that_never_comes_is_not_known(sent: float, read: float | None) -> None:
    assert parse_replica(seconds_to_fresh=sent).seconds_to_fresh == read


@pytest.mark.parametrize(
    ("sent", "read"), [(None, None), (87.5, 87.5), (math.nan, None), (math.inf, None), (-1.0, None)]
)
def test_what_a_replica_bears_is_a_number_or_not_known(sent: float | None, read: float | None) -> None:
    message = build_message()
    if sent is not None:
        message.decision.learned_requests_per_replica = sent
    assert parse_fleet_view(message).learned_requests_per_replica == read


def test_what_the_scaler_remembers_is_read_in_the_words_of_status() -> None:
    message = build_message()
    assert parse_fleet_view(message).scaling_memory is None
    message.decision.memory.CopyFrom(build_memory(surplus_since=1_800_000_000.9, warm_up_seconds=900.04, warm_ups=3))
    memory = parse_fleet_view(message).scaling_memory
    assert memory is not None
    assert (memory.desired_replicas, memory.warm_up_seconds, memory.warm_ups) == (7, 900.0, 3)
    assert (memory.surplus_since, memory.scaled_in_at) == (to_timestamp(1_800_000_000), None)
    message.decision.memory.warm_up_seconds = 0.02
    memory = parse_fleet_view(message).scaling_memory
    assert memory is not None
    assert memory.warm_up_seconds == 1.0


@pytest.mark.parametrize(
    "odd",
    [
        {"reported_at": math.nan},
        {"reported_at": math.inf},
        {"reported_at": 1e300},
        {"surplus_since": math.nan},
        {"scaled_in_at": -1e300},
        {"desired_replicas": 0},
        {"desired_replicas": 4_000_000_000},
        {"premature_scale_ins": 33},
        {"warm_ups": 33},
        {"warm_up_seconds": math.nan},
        {"network": "N" * 201},
    ],
)
def test_what_status_would_not_take_is_nothing_that_is_remembered(odd: dict[str, Any]) -> None:
    message = build_message()
    message.decision.memory.CopyFrom(build_memory(**odd))
    assert parse_fleet_view(message).scaling_memory is None


def build_memory(**values: Any) -> observer_pb2.Memory:
    return observer_pb2.Memory(**({"reported_at": 1_800_000_000.0, "desired_replicas": 7} | values))


def test_the_start_of_a_process_and_another_network_are_read() -> None:
    assert parse_replica().volume_used_percent is None
    assert [parse_replica(volume_used_percent=used).volume_used_percent for used in (0, 83, 400)] == [0, 83, 100]
    told = parse_replica(started_on=40.0, of_another_network=True)
    assert (told.started_on, told.is_of_another_network) == (40.0, True)
    assert (parse_replica().started_on, parse_replica().is_of_another_network) == (None, False)
