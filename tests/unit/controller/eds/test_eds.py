"""Slices to assignments: weights, zones, health, and what is left out."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.eds.eds import (
    MOST_WEIGHT,
    Assignment,
    EdsEndpoint,
    Health,
    Locality,
    build_assignment,
    compute_version,
    resource_name,
    resource_of,
)
from controller.resources.endpoint_slices import Freshness, ReadEndpoint, build_endpoint_slices
from devtools.envoy.eds_slices import build_owner, build_slice
from tests.unit.observed_pools import build_pool

ONE, TWO = "10.0.0.1", "10.0.0.2"
LAGGING: dict[str, Any] = {"weight": 10, "name": "pool-lagging-0", "freshness": "lagging"}


def weigh(*slices: dict[str, Any]) -> dict[str, int]:
    """Map each address to its weight."""
    localities = build_assignment(slices).localities
    return {endpoint.address: endpoint.weight for locality in localities for endpoint in locality.endpoints}


@pytest.mark.parametrize(
    ("slices", "weights"),
    [
        pytest.param([], {}, id="no slices"),
        pytest.param([build_slice([])], {}, id="an empty slice"),
        pytest.param([build_slice([ONE, TWO])], {ONE: 100, TWO: 100}, id="one weight"),
        pytest.param([build_slice([ONE]), build_slice([TWO], **LAGGING)], {ONE: 100, TWO: 10}, id="two weights"),
        pytest.param([build_slice([ONE, TWO]), build_slice([TWO], **LAGGING)], {ONE: 100, TWO: 10}, id="moving down"),
        pytest.param([build_slice([TWO], **LAGGING), build_slice([ONE, TWO])], {ONE: 100, TWO: 10}, id="in any order"),
        pytest.param([build_slice([ONE], 0)], {}, id="weight 0 is no traffic"),
        pytest.param([build_slice([ONE], None)], {ONE: 1}, id="no weight said"),
        pytest.param([build_slice([ONE], "heavy")], {ONE: 1}, id="no number"),
        pytest.param([build_slice([ONE], -5)], {ONE: 1}, id="below 0"),
        pytest.param([build_slice([ONE], "٣")], {ONE: 1}, id="a digit of another script"),
        pytest.param([build_slice([ONE], MOST_WEIGHT + 1)], {ONE: MOST_WEIGHT}, id="more than Envoy takes"),
        pytest.param([build_slice([ONE], "9" * 5000)], {ONE: 1}, id="no end to it"),
        pytest.param([build_slice([ONE], ready=False)], {}, id="not ready"),
        pytest.param([build_slice([ONE], terminating=True, serving=False, ready=False)], {}, id="terminated"),
        pytest.param([build_slice([ONE], port=None)], {}, id="no port"),
        pytest.param([build_slice(["core.example"], address_type="FQDN")], {}, id="names are not for Envoy"),
        pytest.param([build_slice(["fd00::1"], address_type="IPv6")], {"fd00::1": 100}, id="IPv6"),
    ],
)
def test_each_address_weighs_what_its_slice_says(slices: list[dict[str, Any]], weights: dict[str, int]) -> None:
    assert weigh(*slices) == weights


def test_a_pod_of_both_families_is_one_endpoint() -> None:
    pod = {"kind": "Pod", "name": "pool-0", "uid": "uid-0"}
    slices = [build_slice(["fd00::1", "fd00::2"], address_type="IPv6"), build_slice([ONE])]
    for manifest in slices:
        manifest["endpoints"][0]["targetRef"] = pod
    assert weigh(*slices) == {ONE: 100, "fd00::2": 100}


def test_what_says_nothing_of_its_conditions_is_ready() -> None:
    manifest = build_slice([ONE])
    del manifest["endpoints"][0]["conditions"]
    assert weigh(manifest) == {ONE: 100}


def test_an_endpoint_that_ends_and_still_serves_is_drained() -> None:
    assignment = build_assignment([build_slice([ONE], terminating=True, ready=False)])
    assert assignment.localities == (Locality("", (EdsEndpoint(ONE, 11628, 100, Health.DRAINING),)),)


@pytest.mark.parametrize(
    ("slices", "health"),
    [
        pytest.param([build_slice([ONE]), build_slice([TWO], **LAGGING)], {"HEALTHY"}, id="one is fresh"),
        pytest.param([build_slice([ONE, TWO], **LAGGING)], {"DEGRADED"}, id="no one is"),
        pytest.param(
            [build_slice([ONE], 0), build_slice([TWO], **LAGGING)], {"DEGRADED"}, id="the fresh one is not read"
        ),
        pytest.param(
            [build_slice([ONE], ready=False), build_slice([TWO], **LAGGING)],
            {"DEGRADED"},
            id="the fresh one is not ready",
        ),
        pytest.param([build_slice([]), build_slice([TWO], **LAGGING)], {"DEGRADED"}, id="no one is in the slice"),
        pytest.param([build_slice([ONE], **LAGGING, terminating=True)], {"DRAINING"}, id="it ends"),
        pytest.param([build_slice([ONE]), build_slice([ONE], **LAGGING)], {"HEALTHY"}, id="on its way out"),
        pytest.param([build_slice([ONE], freshness="")], {"HEALTHY"}, id="no freshness said"),
    ],
)
def test_where_no_one_is_fresh_all_come_after_what_is_fresh_elsewhere(
    slices: list[dict[str, Any]], health: set[str]
) -> None:
    localities = build_assignment(slices).localities
    assert {endpoint.health for locality in localities for endpoint in locality.endpoints} == health


def test_zones_are_kept_and_weigh_what_is_in_them() -> None:
    fresh = build_slice([(ONE, "b"), (TWO, "a"), "10.0.0.3"])
    assignment = build_assignment([fresh, build_slice([("10.0.0.4", "a")], **LAGGING)])
    assert [(one.zone, one.weight) for one in assignment.localities] == [("", 100), ("a", 110), ("b", 100)]


def test_a_resource_is_named_by_namespace_and_service() -> None:
    assert resource_of(build_slice([ONE])) == resource_name("default", "pool") == "default/pool"
    without = build_slice([ONE])
    del without["metadata"]["labels"]
    assert resource_of(without) is None
    of_route = build_slice([ONE], service="pool-fresh")
    of_route["metadata"]["labels"]["stellar.org/pool"] = "pool"
    assert resource_of(of_route) is None


def test_the_version_goes_by_content_alone() -> None:
    one = build_assignment([build_slice([ONE, TWO])])
    again = build_assignment([build_slice([TWO], name="pool-fresh-1"), build_slice([ONE])])
    assert compute_version(one) == compute_version(again)
    others = [
        build_assignment([build_slice([ONE])]),
        build_assignment([build_slice([ONE, TWO], 99)]),
        build_assignment([build_slice([ONE, TWO], port=1)]),
        build_assignment([build_slice([(ONE, "a"), TWO])]),
        build_assignment([build_slice([ONE, TWO], terminating=True)]),
        Assignment(),
    ]
    assert len({compute_version(other) for other in (one, *others)}) == 1 + len(others)


ENDPOINTS = st.lists(
    st.builds(
        ReadEndpoint,
        pod=st.just(""),
        uid=st.just(""),
        address=st.just(""),
        freshness=st.sampled_from(Freshness),
        weight=st.integers(1, 200),
        zone=st.sampled_from(["", "a", "b"]),
    ),
    max_size=130,
)


@given(ENDPOINTS, st.randoms(use_true_random=False))
def test_whatever_the_controller_writes_comes_out_with_the_same_weights(
    drawn: list[ReadEndpoint], shuffled: random.Random
) -> None:
    endpoints = [
        ReadEndpoint(f"pool-{i}", f"u{i}", f"10.0.0.{i}", one.freshness, one.weight, zone=one.zone)
        for i, one in enumerate(drawn)
    ]
    slices = build_endpoint_slices(build_pool(), "pool", 11628, endpoints, [])
    assignment = build_assignment(slices)
    found = {e.address: (e.weight, one.zone) for one in assignment.localities for e in one.endpoints}
    assert found == {one.address: (one.weight, one.zone) for one in endpoints}
    assert all(one.weight == sum(e.weight for e in one.endpoints) for one in assignment.localities)
    shuffled.shuffle(slices)
    assert build_assignment(slices) == assignment


@pytest.mark.parametrize(
    "owners",
    [
        pytest.param(None, id="of nobody"),
        pytest.param([], id="of nobody, in a list"),
        pytest.param([{"apiVersion": "v1", "kind": "Service", "name": "pool", "controller": True}], id="of a Service"),
        pytest.param([build_owner("pool") | {"controller": False}], id="of a pool that does not control it"),
    ],
)
def test_a_slice_with_our_labels_that_no_pool_owns_is_not_served(owners: list[dict[str, object]] | None) -> None:
    manifest = build_slice(["10.96.0.1"])
    manifest["metadata"]["ownerReferences"] = owners
    assert resource_of(manifest) is None
