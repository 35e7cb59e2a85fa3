"""A real API server takes every object of varied pools, and what it makes of them is nothing to write again."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from controller.observed.drift import has_drifted
from controller.observed.observed import ObservedPool
from controller.observed.plan_settings import Grants
from controller.plan.plan import Plan, plan_pool
from devtools.api.api_server import ApiServer
from devtools.api.gateway_definitions import read_http_route_definition
from devtools.cluster.waiting import wait_for
from devtools.machine.needs import UnmetNeedError
from devtools.pools.pool_manifests import build_manifest
from readpool.kubernetes.client import KubernetesClient, connect
from readpool.kubernetes.kinds import (
    HTTP_ROUTE,
    POOL,
    PROMETHEUS_RULE,
    SCALED_OBJECT,
    STATEFUL_SET,
    Kind,
    Manifest,
    ObjectKey,
    key_of,
    kind_of,
)
from readpool.pool.spec import ReadOnlyPool, parse_pool
from tests.e2e.api.controller_objects import POOLS, PROMETHEUS_RULES, find_scaled_object_definition
from tests.unit.observed_pools import FRESH, LAGGING, NOW, build_fleet, build_pod
from tests.unit.observed_pools import SETTINGS as LEAST_SETTINGS

pytestmark = pytest.mark.timeout(180)
MANAGER = "readpool-test"
SETTINGS = replace(LEAST_SETTINGS, grants=Grants(gateway_namespaces=("gateways",)))


@pytest_asyncio.fixture
async def client(api_server: ApiServer) -> AsyncIterator[KubernetesClient]:
    async with connect(api_server.kubeconfig) as connected:
        yield connected


@pytest.fixture(scope="module")
def optional_kinds(api_server: ApiServer) -> Iterator[frozenset[Kind]]:
    """Teach the API server the optional kinds for as long as these tests run, and yield those that it knows."""
    keda, routes = find_scaled_object_definition(), find_http_route_definition()
    for definition in filter(None, (keda, routes, json.dumps(PROMETHEUS_RULES))):
        api_server.access.kubectl("apply", "--server-side", "-f", "-", stdin=definition)
    names = {"prometheusrules", *(("scaledobjects",) if keda else ()), *(("httproutes",) if routes else ())}
    wait_for("the optional kinds to be served", lambda: names <= list_served(api_server), seconds=30, every=0.1)
    yield frozenset({PROMETHEUS_RULE, *([SCALED_OBJECT] if keda else []), *([HTTP_ROUTE] if routes else [])})
    taught = (SCALED_OBJECT, HTTP_ROUTE, PROMETHEUS_RULE)
    api_server.access.kubectl(
        *("delete", "customresourcedefinitions", "--ignore-not-found"),
        *(f"{kind.plural}.{kind.group}" for kind in taught),
    )
    wait_for("none of them to be served", lambda: not names & list_served(api_server), seconds=30, every=0.1)


def find_http_route_definition() -> str | None:
    try:
        return read_http_route_definition()
    except UnmetNeedError:
        return None


def list_served(server: ApiServer) -> set[str]:
    names = server.access.kubectl("api-resources", "--cached=false", "-o", "name").split()
    return {name.partition(".")[0] for name in names}


async def make_pool(client: KubernetesClient, namespace: str, spec: Mapping[str, Any]) -> ReadOnlyPool:
    """Make a pool, as somebody has scaled it to three replicas already."""
    whole = {"version": "v22.4.1", "minReplicas": 2, "replicas": 3} | dict(spec)
    return parse_pool(await client.create(POOL, build_manifest("pool", namespace, **whole)))


def observe(
    pool: ReadOnlyPool, children: Mapping[ObjectKey, Manifest], optional_kinds: frozenset[Kind]
) -> ObservedPool:
    pods = tuple(build_pod(pool, ordinal) for ordinal in range(3))
    fleet = build_fleet(pool, FRESH, FRESH, LAGGING)
    return ObservedPool(pool, children, pods=pods, fleet=fleet, optional_kinds=optional_kinds)


async def carry_out(client: KubernetesClient, plan: Plan) -> dict[ObjectKey, Manifest]:
    applied = [await client.apply(kind_of(one), one, manager=MANAGER) for one in plan.apply]
    return {key_of(kind_of(one), one): one for one in applied}


def name_all(manifests: Mapping[ObjectKey, Manifest]) -> list[str]:
    return [f"{key.kind.name} {key.name}" for key in manifests]


@pytest.mark.parametrize("spec", POOLS.values(), ids=POOLS.keys())
async def test_what_a_pool_needs_is_taken_and_is_nothing_to_write_again(
    client: KubernetesClient, namespace: str, optional_kinds: frozenset[Kind], spec: Mapping[str, Any]
) -> None:
    pool = await make_pool(client, namespace, spec)
    plan = plan_pool(observe(pool, {}, optional_kinds), SETTINGS, NOW)
    live = await carry_out(client, plan)
    assert [one["kind"] for one in plan.apply if has_drifted(one, live[key_of(kind_of(one), one)])] == []
    fetched = {key: await client.get(*key) or {} for key in live}
    again = plan_pool(observe(pool, fetched, optional_kinds), SETTINGS, NOW)
    assert (again.apply, again.delete) == ((), ())
    second = await carry_out(client, plan)
    assert {key: one["metadata"]["resourceVersion"] for key, one in second.items()} == {
        key: one["metadata"]["resourceVersion"] for key, one in live.items()
    }


@pytest.mark.parametrize(
    ("change", "written"),
    [
        pytest.param({"version": "v23.0.0"}, {"StatefulSet pool", "ConfigMap pool-config"}, id="another version"),
        pytest.param(
            {"storage": {"size": "200Gi"}},
            {*(f"PersistentVolumeClaim data-pool-{ordinal}" for ordinal in range(3)), "StatefulSet pool"},
            id="larger volumes for those that are still to be made",
        ),
        pytest.param({"storage": {"retentionPolicy": "Retain"}}, {"StatefulSet pool"}, id="volumes that stay"),
        pytest.param(
            {"loadBalancing": {"freshNodeWeight": 50, "laggingNodeWeight": 5}},
            {"EndpointSlice pool-fresh-0", "EndpointSlice pool-lagging-0"},
            id="other weights",
        ),
        pytest.param({"paused": True}, {"ScaledObject pool"}, id="a pause"),
        pytest.param(
            {"loadBalancing": {"httpRoute": {"parentRefs": [{"name": "another"}, {"name": "edge"}]}}},
            {
                *("HTTPRoute pool", "Service pool-fresh", "Service pool-lagging"),
                *("EndpointSlice pool-fresh-fresh-0", "EndpointSlice pool-lagging-lagging-0"),
            },
            id="a route",
        ),
    ],
)
async def test_a_change_of_the_spec_writes_what_it_concerns_and_the_api_server_takes_it(
    client: KubernetesClient,
    namespace: str,
    optional_kinds: frozenset[Kind],
    change: Mapping[str, Any],
    written: set[str],
) -> None:
    pool = await make_pool(client, namespace, {"loadBalancing": {"enabled": True}})
    live = await carry_out(client, plan_pool(observe(pool, {}, optional_kinds), SETTINGS, NOW))
    changed = await client.merge(POOL, namespace, "pool", {"spec": change}, manager="somebody")
    pool = replace(pool, spec=parse_pool(changed).spec)
    after = await carry_out(client, plan_pool(observe(pool, live, optional_kinds), SETTINGS, NOW))
    optional = set() if SCALED_OBJECT in optional_kinds else {"ScaledObject pool"}
    assert set(name_all(after)) - optional <= written - optional
    claims = tuple(one for key, one in after.items() if key.kind.name == "PersistentVolumeClaim")
    settled = replace(observe(pool, live | after, optional_kinds), claims=claims)
    assert plan_pool(settled, SETTINGS, NOW).apply == ()


async def test_what_others_have_set_stays_and_what_they_have_taken_away_is_set_again(
    client: KubernetesClient, namespace: str, optional_kinds: frozenset[Kind]
) -> None:
    pool = await make_pool(client, namespace, {})
    live = await carry_out(client, plan_pool(observe(pool, {}, optional_kinds), SETTINGS, NOW))
    theirs = {"metadata": {"labels": {"theirs": "1"}, "annotations": {"theirs": "2"}}}
    for key in live:
        await client.merge(*key, theirs, manager="somebody")
    touched = {key: await client.get(*key) or {} for key in live}
    assert plan_pool(observe(pool, touched, optional_kinds), SETTINGS, NOW).apply == ()
    for key in live:
        await client.merge(*key, {"metadata": {"labels": {"stellar.org/pool": None}}}, manager="somebody")
    touched = {key: await client.get(*key) or {} for key in live}
    plan = plan_pool(observe(pool, touched, optional_kinds), SETTINGS, NOW)
    mended = await carry_out(client, plan)
    assert mended.keys() == live.keys()
    assert {one["metadata"]["labels"]["theirs"] for one in mended.values()} == {"1"}
    assert plan_pool(observe(pool, mended, optional_kinds), SETTINGS, NOW).apply == ()


async def test_a_field_that_is_no_longer_wanted_goes(
    client: KubernetesClient, namespace: str, optional_kinds: frozenset[Kind]
) -> None:
    pool = await make_pool(client, namespace, {"template": {"spec": {"nodeSelector": {"disk": "fast"}}}})
    live = await carry_out(client, plan_pool(observe(pool, {}, optional_kinds), SETTINGS, NOW))
    pool = replace(pool, spec=pool.spec.model_copy(update={"template": {}}))
    after = await carry_out(client, plan_pool(observe(pool, live, optional_kinds), SETTINGS, NOW))
    assert name_all(after) == ["StatefulSet pool"]
    assert all("nodeSelector" not in one["spec"]["template"]["spec"] for one in after.values())
    assert plan_pool(observe(pool, live | after, optional_kinds), SETTINGS, NOW).apply == ()


@pytest.mark.parametrize("is_applied", [False, True], ids=["created", "applied by the server"])
async def test_null_in_the_template_takes_a_field_of_ours_away_and_a_union_is_replaced(
    client: KubernetesClient, namespace: str, optional_kinds: frozenset[Kind], is_applied: bool
) -> None:
    probe = {"tcpSocket": {"port": 11625}, "periodSeconds": 3}
    own = {"runAsUser": None, "runAsGroup": None, "fsGroup": None}
    core = {"name": "stellar-core", "readinessProbe": probe, "lifecycle": None}
    template = {"spec": {"securityContext": own, "containers": [core]}}
    pool = await make_pool(client, namespace, {} if is_applied else {"template": template})
    if is_applied:
        whole = build_manifest("pool", namespace, version="v22.4.1", minReplicas=2, template=template)
        pool = parse_pool(await client.apply(POOL, whole, manager="somebody"))
    live = await carry_out(client, plan_pool(observe(pool, {}, optional_kinds), SETTINGS, NOW))
    (made,) = [one["spec"]["template"]["spec"] for key, one in live.items() if key.kind == STATEFUL_SET]
    assert made["securityContext"].keys() == {"runAsNonRoot", "seccompProfile", "fsGroupChangePolicy"}
    (container,) = [one for one in made["containers"] if one["name"] == "stellar-core"]
    assert container["readinessProbe"]["tcpSocket"] == {"port": 11625}
    assert "httpGet" not in container["readinessProbe"]
    assert "lifecycle" not in container
    assert plan_pool(observe(pool, live, optional_kinds), SETTINGS, NOW).apply == ()


def test_every_kind_that_a_pool_may_own_was_tried(optional_kinds: frozenset[Kind]) -> None:
    route = POOLS["routes of a Gateway and of a mesh"]
    pool = parse_pool(build_manifest("pool", replicas=3, alerting=True, **route))
    kinds = {kind_of(one) for one in plan_pool(observe(pool, {}, optional_kinds), SETTINGS, NOW).apply}
    assert PROMETHEUS_RULE in kinds
    assert (SCALED_OBJECT in kinds) is (SCALED_OBJECT in optional_kinds)
    assert (HTTP_ROUTE in kinds) is (HTTP_ROUTE in optional_kinds)
