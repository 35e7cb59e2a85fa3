"""A replica is its pod, and what the scaler says of that very pod; the scaler's message as plain types."""

from dataclasses import replace
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.observed.observed import FleetView, ReplicaView
from controller.observer.fleet_view import parse_fleet_view
from controller.replicas.replicas import Replica, read_replicas
from readpool.kubernetes.kinds import SERVICE, ObjectKey
from readpool.replica_class import ReplicaClass
from readpool.v1 import observer_pb2
from tests.unit.observed_pools import (
    FRESH,
    LAGGING,
    NOW,
    UNKNOWN,
    build_fleet,
    build_pod,
    build_pool,
    build_view,
    observe,
)

POOL = build_pool()
OURS = build_view(POOL, 0, LAGGING, address="10.0.0.1:11627")


def read_one(*views: ReplicaView, **pod: Any) -> Replica:
    seen = replace(observe(POOL), pods=(build_pod(POOL, 0, **pod),), fleet=FleetView(NOW, views))
    return read_replicas(seen)[0]


VIEWS = {
    "by its name": (OURS, LAGGING),
    "by its name and domain": (replace(OURS, name="pool-0.pool-nodes.default.svc"), LAGGING),
    "by its address, where DNS tells no names": (replace(OURS, name="10.0.0.1"), LAGGING),
    "by its address and port": (replace(OURS, name="10.0.0.1:11627"), LAGGING),
    "not by another name at its address, which it has inherited": (replace(OURS, name="pool-7"), UNKNOWN),
    "not by its name at another address, which its predecessor had": (replace(OURS, address="10.0.0.9:11627"), UNKNOWN),
    "by its name where that is all there is": (replace(OURS, address="pool-0.pool-nodes:11627"), LAGGING),
    "not by the name of another pool's pod": (replace(OURS, name="other-0", address="10.0.0.8:1"), UNKNOWN),
}


@pytest.mark.parametrize(("view", "replica_class"), VIEWS.values(), ids=VIEWS.keys())
def test_what_the_scaler_says_is_said_of_a_pod(view: ReplicaView, replica_class: ReplicaClass) -> None:
    assert read_one(view).replica_class is replica_class


@pytest.mark.parametrize("name", ["pool-0", "[fd00::1]:11627", "fd00::1"])
def test_an_address_of_the_sixth_version_is_read_as_well(name: str) -> None:
    view = replace(OURS, name=name, address="[fd00::1]:11627")
    assert read_one(view, address="fd00::1").replica_class is LAGGING
    assert read_one(view, address="fd00::2").replica_class is UNKNOWN


def test_a_pod_without_an_address_is_no_candidate_and_nothing_is_known_of_it() -> None:
    replica = read_one(OURS, address="")
    assert (replica.is_candidate, replica.replica_class) == (False, UNKNOWN)


def test_a_pod_that_is_going_is_neither_candidate_nor_fresh() -> None:
    replica = read_one(replace(OURS, replica_class=FRESH), is_going=True)
    assert (replica.is_candidate, replica.is_fresh, replica.replica_class) == (False, False, FRESH)


def test_what_the_scaler_said_before_it_fell_silent_is_not_believed() -> None:
    seen = replace(observe(POOL, FRESH), fleet_silent_since=NOW - 60)
    assert read_replicas(seen)[0].replica_class is UNKNOWN


@pytest.mark.parametrize(
    ("name", "phase"),
    [("pool-x", "Running"), ("pool-0-debug", "Running"), ("pool-1", "Failed"), ("pool-1", "Succeeded")],
)
def test_a_pod_that_is_no_replica_is_left_out(name: str, phase: str) -> None:
    pod = build_pod(POOL, 1)
    pod["metadata"]["name"], pod["status"]["phase"] = name, phase
    assert read_replicas(replace(observe(POOL), pods=(pod,))) == ()


def test_replicas_come_by_ordinal_and_not_by_name() -> None:
    pods = tuple(build_pod(POOL, ordinal) for ordinal in (10, 9, 2))
    assert [replica.ordinal for replica in read_replicas(replace(observe(POOL), pods=pods))] == [2, 9, 10]


def test_the_least_pod_that_the_api_can_give_is_read() -> None:
    (replica,) = read_replicas(replace(observe(POOL), pods=({"metadata": {"name": "pool-3"}},)))
    assert (replica.name, replica.ordinal, replica.is_ready, replica.address) == ("pool-3", 3, False, "")


views = st.builds(
    ReplicaView,
    st.sampled_from(["pool-0", "pool-1", "10.0.0.1", "10.0.0.2", "pool-0.x"]),
    st.sampled_from(["10.0.0.1:1", "10.0.0.2:1"]),
    st.sampled_from(ReplicaClass),
    st.floats(0, 10),
    observed_at=st.none() | st.floats(0, 10),
)


@given(st.lists(views, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_views_never_matters(said: list[ReplicaView], chance: Any) -> None:
    pods = tuple(build_pod(POOL, ordinal) for ordinal in range(2))
    said = list({(v.name, v.address, v.since, v.observed_at): v for v in said}.values())
    read = [
        read_replicas(replace(observe(POOL), pods=pods, fleet=FleetView(NOW, tuple(some))))
        for some in (said, chance.sample(said, len(said)))
    ]
    assert read[0] == read[1]


def test_a_snapshot_is_read_with_what_it_says_and_without_what_it_does_not() -> None:
    message = observer_pb2.Snapshot(
        at=NOW,
        tip=observer_pb2.Tip(ledger=1000, halted=True),
        decision=observer_pb2.Decision(desired_replicas=0, reason="OnTarget", message="fine"),
        replicas=[
            observer_pb2.Replica(name="pool-0", address="10.0.0.1:1", lag=0, ledger=0, since=5.0, state="Synced!"),
            observer_pb2.Replica(name="pool-1", seconds_to_fresh=12.5, rate=0.5, observed_at=7.0, detail="11% done"),
        ],
    )
    setattr(message.replicas[0], "class", observer_pb2.REPLICA_CLASS_FRESH)
    assert parse_fleet_view(message) == FleetView(
        at=NOW,
        tip_ledger=1000,
        is_halted=True,
        desired_replicas=0,
        reason="OnTarget",
        message="fine",
        replicas=(
            ReplicaView("pool-0", "10.0.0.1:1", FRESH, 5.0, ledger=0, lag_ledgers=0, state="Synced!"),
            ReplicaView(
                "pool-1", "", UNKNOWN, ledgers_per_second=0.5, seconds_to_fresh=12.5, detail="11% done", observed_at=7.0
            ),
        ),
    )
    assert parse_fleet_view(observer_pb2.Snapshot()) == FleetView(at=0.0)


@pytest.mark.parametrize("seconds", [inf, nan, -1.0])
def test_never_is_as_good_as_not_known(seconds: float) -> None:
    replica = observer_pb2.Replica(name="pool-0", seconds_to_fresh=seconds)
    assert parse_fleet_view(observer_pb2.Snapshot(replicas=[replica])).replicas[0].seconds_to_fresh is None


@pytest.mark.parametrize("replica_class", list(ReplicaClass))
def test_every_class_comes_over_the_wire(replica_class: ReplicaClass) -> None:
    names = {"catchingUp": "CATCHING_UP"}
    wire = observer_pb2.ReplicaClass.Value(f"REPLICA_CLASS_{names.get(replica_class, replica_class.upper())}")
    replica = observer_pb2.Replica(name="pool-0")
    setattr(replica, "class", wire)
    assert parse_fleet_view(observer_pb2.Snapshot(replicas=[replica])).replicas[0].replica_class is replica_class


FAMILIES = {
    "the first, while the Service has no family": (["fd00::1", "10.0.0.1"], None, "fd00::1"),
    "IPv4 of a pod that has IPv6 first": (["fd00::1", "10.0.0.1"], "IPv4", "10.0.0.1"),
    "IPv6 of a pod that has IPv4 first": (["10.0.0.1", "fd00::1"], "IPv6", "fd00::1"),
    "the only one, whatever its family": (["10.0.0.1"], "IPv6", "10.0.0.1"),
    "none of a pod that has none": ([], "IPv6", ""),
}


@pytest.mark.parametrize(("addresses", "family", "expected"), FAMILIES.values(), ids=FAMILIES.keys())
def test_readers_come_by_the_family_of_the_read_service(
    addresses: list[str], family: str | None, expected: str
) -> None:
    pool = build_pool()
    pod = build_pod(pool, 0, address=addresses[0] if addresses else "")
    pod["status"]["podIPs"] = [{"ip": one} for one in addresses]
    spec = {"spec": {"ipFamilies": [family]}} if family else {"spec": {}}
    observed = observe(pool, pods=(pod,), children={ObjectKey(SERVICE, "default", "pool"): spec})
    assert read_replicas(observed)[0].address == expected


BOTH = {
    "the second, where a gate listens on both": (
        ["10.0.0.1", "fd00::1"],
        ["IPv4", "IPv6"],
        True,
        ("10.0.0.1", "fd00::1"),
    ),
    "the second, as the Service has them": (["10.0.0.1", "fd00::1"], ["IPv6", "IPv4"], True, ("fd00::1", "10.0.0.1")),
    "no IPv6 of a Core without a gate": (["10.0.0.1", "fd00::1"], ["IPv4", "IPv6"], False, ("10.0.0.1", "")),
    "none that the Service does not have": (["10.0.0.1", "fd00::1"], ["IPv4"], True, ("10.0.0.1", "")),
    "none that the pod does not have": (["10.0.0.1"], ["IPv4", "IPv6"], True, ("10.0.0.1", "")),
    "none twice": (["fd00::1"], ["IPv4", "IPv6"], True, ("fd00::1", "")),
}


@pytest.mark.parametrize(("addresses", "families", "has_gate", "expected"), BOTH.values(), ids=BOTH.keys())
def test_readers_come_by_both_families_of_a_read_service_that_has_both(
    addresses: list[str], families: list[str], has_gate: bool, expected: tuple[str, str]
) -> None:
    pool = build_pool()
    pod = build_pod(pool, 0, address=addresses[0])
    pod["status"]["podIPs"] = [{"ip": one} for one in addresses]
    pod["spec"]["containers"] = [{"name": "gate"}] if has_gate else []
    children = {ObjectKey(SERVICE, "default", "pool"): {"spec": {"ipFamilies": families}}}
    replica = read_replicas(observe(pool, pods=(pod,), children=children))[0]
    assert (replica.address, replica.other_address) == expected


@pytest.mark.parametrize("asked", ["[fd00::1]:11627", "10.0.0.1:11627"])
def test_a_pod_is_known_by_any_of_its_addresses(asked: str) -> None:
    pool = build_pool()
    pod = build_pod(pool, 0, address="fd00::1")
    pod["status"]["podIPs"] = [{"ip": "fd00::1"}, {"ip": "10.0.0.1"}]
    fleet = build_fleet(pool, FRESH)
    fleet = replace(fleet, replicas=(replace(fleet.replicas[0], address=asked),))
    assert read_replicas(observe(pool, pods=(pod,), fleet=fleet))[0].is_fresh
