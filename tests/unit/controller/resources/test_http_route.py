"""The HTTPRoute of a pool: its backends, what they weigh, what it is attached to."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.resources.endpoint_slices import Freshness, ReadEndpoint
from controller.resources.http_route import (
    MOST_WEIGHT,
    build_class_service,
    build_class_slices,
    build_http_route,
    compute_backend_weights,
)
from readpool.pool.spec import HttpRoute
from tests.unit.observed_pools import build_pool

FRESH, LAGGING = Freshness.FRESH, Freshness.LAGGING


def build_endpoint(ordinal: int, freshness: Freshness, weight: int) -> ReadEndpoint:
    return ReadEndpoint(f"pool-{ordinal}", f"u{ordinal}", f"10.0.0.{ordinal}", freshness, weight)


def build_endpoints(fresh: int, lagging: int, weights: tuple[int, int] = (100, 10)) -> list[ReadEndpoint]:
    ordinals = range(fresh + lagging)
    return [build_endpoint(i, FRESH if i < fresh else LAGGING, weights[0 if i < fresh else 1]) for i in ordinals]


@pytest.mark.parametrize(
    ("endpoints", "fresh", "lagging"),
    [
        pytest.param(build_endpoints(2, 1), 200, 10, id="two fresh, one lags"),
        pytest.param(build_endpoints(3, 0), 300, 0, id="all fresh"),
        pytest.param(build_endpoints(0, 3), 0, 30, id="all lag"),
        pytest.param([], 1, 0, id="nobody"),
        pytest.param(build_endpoints(2000, 1000, (1000, 1)), MOST_WEIGHT, 500, id="more than the API takes"),
        pytest.param(build_endpoints(2000, 1, (1000, 1)), MOST_WEIGHT, 1, id="never down to nothing"),
    ],
)
def test_a_class_weighs_what_its_replicas_weigh_together(
    endpoints: list[ReadEndpoint], fresh: int, lagging: int
) -> None:
    assert compute_backend_weights(endpoints) == {FRESH: fresh, LAGGING: lagging}


ENDPOINTS = st.lists(
    st.builds(build_endpoint, st.integers(0, 250), st.sampled_from(Freshness), st.integers(1, 1000)), max_size=3000
)


@given(ENDPOINTS)
def test_backends_keep_the_shares_of_their_replicas(endpoints: list[ReadEndpoint]) -> None:
    weights = compute_backend_weights(endpoints)
    whole = sum(endpoint.weight for endpoint in endpoints)
    assert 0 < max(weights.values()) <= MOST_WEIGHT
    for freshness, weight in weights.items():
        share = sum(one.weight for one in endpoints if one.freshness is freshness) / max(whole, 1)
        assert not endpoints or abs(weight / sum(weights.values()) - share) < 1e-5
        assert (weight > 0) is (share > 0) or not endpoints


@pytest.mark.parametrize(
    ("parent", "built"),
    [
        pytest.param(
            {"name": "edge"},
            {"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "default", "name": "edge"},
            id="a Gateway",
        ),
        pytest.param(
            {"name": "edge", "namespace": "gateways", "sectionName": "http", "port": 80},
            {
                "group": "gateway.networking.k8s.io",
                "kind": "Gateway",
                "namespace": "gateways",
                "name": "edge",
                "sectionName": "http",
                "port": 80,
            },
            id="a listener elsewhere",
        ),
        pytest.param(
            {"name": "pool", "kind": "Service"},
            {"group": "", "kind": "Service", "namespace": "default", "name": "pool"},
            id="a Service, whose group nobody writes",
        ),
        pytest.param(
            {"name": "pool", "kind": "Service", "group": "", "port": 11628},
            {"group": "", "kind": "Service", "namespace": "default", "name": "pool", "port": 11628},
            id="the pool's own Service, for a mesh",
        ),
    ],
)
def test_the_route_is_attached_as_the_pool_says(parent: dict[str, Any], built: dict[str, Any]) -> None:
    route = HttpRoute.model_validate({"parentRefs": [parent]})
    manifest = build_http_route(build_pool(), route, build_endpoints(2, 1))
    assert manifest["spec"]["parentRefs"] == [built]
    (rule,) = manifest["spec"]["rules"]
    assert [(one["name"], one["port"], one["weight"]) for one in rule["backendRefs"]] == [
        ("pool-fresh", 11628, 200),
        ("pool-lagging", 11628, 10),
    ]


def test_each_class_has_a_service_without_selector_and_slices_of_its_own() -> None:
    pool, endpoints = build_pool(), build_endpoints(2, 1)
    for freshness, members in ((FRESH, endpoints[:2]), (LAGGING, endpoints[2:])):
        service = build_class_service(pool, freshness)
        assert "selector" not in service["spec"]
        slices = build_class_slices(pool, freshness, 11628, members, [])
        names = {one["metadata"]["labels"]["kubernetes.io/service-name"] for one in slices}
        assert names == {service["metadata"]["name"]} == {f"pool-{freshness}"}
        told = [endpoint["targetRef"]["name"] for one in slices for endpoint in one["endpoints"]]
        assert told == [member.pod for member in members]
        assert build_class_slices(pool, freshness, 11628, members, slices) == slices


def test_within_a_class_all_are_alike_so_that_a_weight_moves_nobody() -> None:
    before, after = build_endpoints(3, 0, (100, 10)), build_endpoints(3, 0, (50, 5))
    after[1] = build_endpoint(1, FRESH, 70)  # by the bound on its load
    slices = build_class_slices(build_pool(), FRESH, 11628, before, [])
    assert build_class_slices(build_pool(), FRESH, 11628, after, slices) == slices
    assert compute_backend_weights(after)[FRESH] == 170
