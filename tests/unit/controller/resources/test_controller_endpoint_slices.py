"""EndpointSlices: one weight a slice, at most a hundred endpoints, and nobody moves without cause."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.observed.drift import compute_hash
from controller.resources.endpoint_slices import (
    MAX_ENDPOINTS,
    CurrentEndpoint,
    Freshness,
    ReadEndpoint,
    build_endpoint_slices,
    read_routes,
)
from tests.unit.observed_pools import build_pool, give_address

POOL = build_pool()
PORT = 11628
Slices = list[dict[str, Any]]


def endpoint(ordinal: int, weight: int = 100, *, lagging: bool = False, **fields: str) -> ReadEndpoint:
    told: dict[str, Any] = {"uid": f"uid-{ordinal}", "address": give_address(ordinal)} | fields
    freshness = Freshness.LAGGING if lagging else Freshness.FRESH
    return ReadEndpoint(f"pool-{ordinal}", freshness=freshness, weight=weight, **told)


def build(endpoints: Iterable[ReadEndpoint], live: Slices | None = None) -> Slices:
    return build_endpoint_slices(POOL, "pool", PORT, endpoints, live or [])


def read(slices: Slices) -> dict[str, tuple[int, list[str]]]:
    return {
        one["metadata"]["name"]: (
            int(one["metadata"]["annotations"]["stellar.org/weight"]),
            [endpoint["targetRef"]["name"] for endpoint in one["endpoints"]],
        )
        for one in slices
    }


def count_changed(before: Slices, after: Slices) -> int:
    known, now = ({one["metadata"]["name"]: compute_hash(one) for one in slices} for slices in (before, after))
    return sum(known.get(name) != now.get(name) for name in known | now)


def test_a_slice_says_whose_it_is_and_what_it_carries() -> None:
    (built,) = build([endpoint(0, node="node-0", zone="a"), endpoint(1)])
    assert built["metadata"]["labels"]["kubernetes.io/service-name"] == "pool"
    assert built["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"] == "readpool-controller"
    assert built["metadata"]["labels"]["stellar.org/freshness"] == "fresh"
    assert built["metadata"]["annotations"]["stellar.org/weight"] == "100"
    assert built["addressType"] == "IPv4"
    assert built["ports"] == [{"name": "read", "port": PORT, "protocol": "TCP", "appProtocol": "http"}]
    assert built["endpoints"] == [
        {
            "addresses": ["10.0.0.1"],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "targetRef": {"kind": "Pod", "namespace": "default", "name": "pool-0", "uid": "uid-0"},
            "nodeName": "node-0",
            "zone": "a",
        },
        {
            "addresses": ["10.0.0.2"],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "targetRef": {"kind": "Pod", "namespace": "default", "name": "pool-1", "uid": "uid-1"},
        },
    ]


@pytest.mark.parametrize(
    ("distribution", "node", "zone", "hints"),
    [
        pytest.param("", "n", "a", None, id="nothing is asked for"),
        pytest.param("Elsewhere", "n", "a", None, id="something that is not known"),
        pytest.param("PreferClose", "n", "a", {"forZones": [{"name": "a"}]}, id="PreferClose"),
        pytest.param("PreferSameZone", "n", "a", {"forZones": [{"name": "a"}]}, id="PreferSameZone"),
        pytest.param("PreferSameZone", "n", "", None, id="no zone"),
        pytest.param(
            "PreferSameNode", "n", "a", {"forZones": [{"name": "a"}], "forNodes": [{"name": "n"}]}, id="PreferSameNode"
        ),
        pytest.param("PreferSameNode", "n", "", {"forNodes": [{"name": "n"}]}, id="a node without a zone"),
    ],
)
def test_endpoints_have_the_hints_that_the_service_asks_for(
    distribution: str, node: str, zone: str, hints: dict[str, Any] | None
) -> None:
    (built,) = build_endpoint_slices(POOL, "pool", PORT, [endpoint(0, node=node, zone=zone)], [], distribution)
    assert built["endpoints"][0].get("hints") == hints


def test_fresh_and_lagging_replicas_are_in_slices_of_their_own_even_of_one_weight() -> None:
    built = build([endpoint(0), endpoint(1, lagging=True), endpoint(2, 10, lagging=True)])
    assert read(built) == {
        "pool-fresh-0": (100, ["pool-0"]),
        "pool-lagging-0": (100, ["pool-1"]),
        "pool-lagging-1": (10, ["pool-2"]),
    }


def test_two_families_of_addresses_have_slices_of_their_own() -> None:
    built = build([endpoint(0), endpoint(1, address="fd00::1")])
    assert [(one["metadata"]["name"], one["addressType"]) for one in built] == [
        ("pool-fresh-0", "IPv4"),
        ("pool-fresh-1", "IPv6"),
    ]


def test_a_replica_of_both_families_is_in_a_slice_of_each_and_stays_there() -> None:
    members = [endpoint(0, other_address="fd00::1"), endpoint(1), endpoint(2, address="fd00::3")]
    built = build(members)
    assert [(one["addressType"], [e["addresses"] for e in one["endpoints"]]) for one in built] == [
        ("IPv4", [[give_address(0)], [give_address(1)]]),
        ("IPv6", [["fd00::1"], ["fd00::3"]]),
    ]
    assert build(members, built) == built
    assert (
        len({one["metadata"]["name"] for one in build([*members, endpoint(3, 10, other_address="fd00::4")], built)})
        == 4
    )
    assert read(build([endpoint(0), endpoint(1)], built)) == {"pool-fresh-0": (100, ["pool-0", "pool-1"])}


def test_a_slice_never_changes_its_family_which_the_api_server_would_refuse() -> None:
    live = build([endpoint(0)])
    built = build([endpoint(0, address="fd00::1")], live)
    assert [(one["metadata"]["name"], one["addressType"]) for one in built] == [("pool-fresh-1", "IPv6")]


def test_another_weight_for_all_is_an_annotation_and_no_move() -> None:
    live = build([endpoint(ordinal) for ordinal in range(150)])
    built = build([endpoint(ordinal, 50) for ordinal in range(150)], live)
    assert {name: members for name, (_, members) in read(built).items()} == {
        name: members for name, (_, members) in read(live).items()
    }
    assert {weight for weight, _ in read(built).values()} == {50}


def test_a_pod_that_is_made_anew_stays_where_it_was() -> None:
    live = build([endpoint(ordinal) for ordinal in range(3)])
    built = build([endpoint(0), endpoint(1, uid="another", address="10.9.9.9"), endpoint(2)], live)
    assert read(built) == read(live)
    assert built[0]["endpoints"][1]["addresses"] == ["10.9.9.9"]


def test_a_zone_that_was_once_known_of_a_node_stays_known() -> None:
    live = build([endpoint(0, node="node-0", zone="a")])
    built = build([endpoint(0, node="node-0"), endpoint(1, node="node-0")], live)
    assert [one.get("zone") for one in built[0]["endpoints"]] == ["a", "a"]


def test_a_place_that_is_left_is_taken_by_the_next() -> None:
    live = build([endpoint(ordinal) for ordinal in range(MAX_ENDPOINTS + 1)])
    some = [endpoint(ordinal) for ordinal in range(MAX_ENDPOINTS + 1) if ordinal != 5]
    built = build([*some, endpoint(500)], live)
    members = read(built)
    assert "pool-500" in members["pool-fresh-0"][1]
    assert members["pool-fresh-1"] == (100, [f"pool-{MAX_ENDPOINTS}"])


@pytest.mark.parametrize("ordinal", [0, 99, 100, 249])
def test_a_change_of_class_touches_two_slices_of_a_large_pool_and_so_does_its_return(ordinal: int) -> None:
    live = build([endpoint(number) for number in range(250)])
    lagging = [endpoint(number, 10, lagging=True) if number == ordinal else endpoint(number) for number in range(250)]
    built = build(lagging, live)
    assert count_changed(live, built) == 2
    back = build([endpoint(number) for number in range(250)], built)
    assert count_changed(built, back) == 2


def test_what_is_in_force_can_be_read_back() -> None:
    slices = build([endpoint(0), endpoint(1, 10, lagging=True)])
    assert read_routes(slices) == {
        "pool-0": CurrentEndpoint("uid-0", 100, Freshness.FRESH),
        "pool-1": CurrentEndpoint("uid-1", 10, Freshness.LAGGING),
    }


@pytest.mark.parametrize(
    "broken",
    [
        {"metadata": {"name": "pool-fresh-0"}},
        {"metadata": {"name": "pool-fresh-0", "annotations": {"stellar.org/weight": "much"}}, "endpoints": None},
        {
            "metadata": {"name": "other", "annotations": {"stellar.org/weight": "5"}},
            "endpoints": [{"addresses": ["x"]}],
        },
        {"metadata": {"name": "pool-fresh-x", "annotations": None, "labels": None}, "endpoints": []},
    ],
    ids=["bare", "a weight that is no number", "an endpoint of no pod", "a name of no number"],
)
def test_a_slice_that_somebody_has_broken_stops_nothing(broken: dict[str, Any]) -> None:
    assert read_routes([broken]) == {}
    assert read(build([endpoint(0)], [broken | {"addressType": "IPv4"}])) == {"pool-fresh-0": (100, ["pool-0"])}


def test_whoever_moves_is_in_its_new_slice_before_it_leaves_the_old_one() -> None:
    live = build([endpoint(0), endpoint(1), endpoint(2, 10, lagging=True)])
    lags = build([endpoint(0), endpoint(1, 10, lagging=True), endpoint(2, 10, lagging=True)], live)
    assert [one["metadata"]["name"] for one in lags] == ["pool-lagging-0", "pool-fresh-0"]
    recovers = build([endpoint(0), endpoint(1), endpoint(2)], live)
    assert [one["metadata"]["name"] for one in recovers] == ["pool-fresh-0"]  # the other is deleted, after it
    exchanged = build([endpoint(0), endpoint(2), endpoint(1, 10, lagging=True)], live)
    assert [one["metadata"]["name"] for one in exchanged] == ["pool-lagging-0", "pool-fresh-0"]


MOVES = st.lists(st.booleans(), min_size=6, max_size=6)


@given(MOVES, MOVES)
def test_nobody_is_nowhere_between_two_writes_where_all_who_move_go_one_way(
    before: list[bool], after: list[bool]
) -> None:
    drawn = [[endpoint(i, 10 if lags else 100, lagging=lags) for i, lags in enumerate(one)] for one in (before, after)]
    live, wanted = build(drawn[0]), build(drawn[1], build(drawn[0]))
    ways = {(was, lags) for was, lags in zip(before, after, strict=True) if was != lags}
    there = {one["metadata"]["name"]: one for one in live}
    for manifest in wanted:
        there[manifest["metadata"]["name"]] = manifest
        reached = {pod for _, pods in read(list(there.values())).values() for pod in pods}
        assert len(reached) == len(before) or len(ways) == 2


ENDPOINTS = st.dictionaries(
    st.integers(0, 320),
    st.tuples(st.sampled_from([100, 100, 100, 10, 7]), st.booleans(), st.sampled_from(["", "", "", "fd00::5"])),
    max_size=320,
).map(
    lambda found: [
        endpoint(ordinal, weight, lagging=lagging, **({"address": address} if address else {}))
        for ordinal, (weight, lagging, address) in found.items()
    ]
)


@given(ENDPOINTS, ENDPOINTS, st.randoms(use_true_random=False))
def test_every_endpoint_is_in_one_slice_of_its_own_kind_whatever_was_there(
    before: list[ReadEndpoint], endpoints: list[ReadEndpoint], chance: Any
) -> None:
    live = build(before)
    built = build(endpoints, live)
    shuffled = (chance.sample(endpoints, len(endpoints)), chance.sample(live, len(live)))
    assert build(*shuffled) == built
    assert read(build(endpoints, built)) == read(built)
    assert count_changed(built, build(endpoints, built)) == 0
    placed: dict[str, Mapping[str, Any]] = {}
    for manifest in built:
        assert 0 < len(manifest["endpoints"]) <= MAX_ENDPOINTS
        for member in manifest["endpoints"]:
            assert member["targetRef"]["name"] not in placed
            placed[member["targetRef"]["name"]] = manifest
    assert placed.keys() == {one.pod for one in endpoints}
    for one in endpoints:
        found = placed[one.pod]
        assert found["metadata"]["annotations"]["stellar.org/weight"] == str(one.weight)
        assert found["metadata"]["labels"]["stellar.org/freshness"] == one.freshness
        assert found["addressType"] == one.family
    assert len({manifest["metadata"]["name"] for manifest in built}) == len(built)


@given(st.integers(1, 320), st.data())
def test_one_change_of_class_touches_at_most_two_slices(size: int, data: st.DataObject) -> None:
    lagging = data.draw(st.sets(st.integers(0, size - 1)))
    changed = data.draw(st.integers(0, size - 1))
    live = build([endpoint(n, 10 if n in lagging else 100, lagging=n in lagging) for n in range(size)])
    lagging ^= {changed}
    after = build([endpoint(n, 10 if n in lagging else 100, lagging=n in lagging) for n in range(size)], live)
    assert count_changed(live, after) <= 2
