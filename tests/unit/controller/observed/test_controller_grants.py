"""What reaches beyond a pool's namespace needs a flag of the installation; without it the rest of the pool works."""

from dataclasses import replace
from typing import Any

import pytest

from controller.observed.grants import explain_refused_route, explain_refused_scaling, leave_out_refused
from controller.observed.plan_settings import Grants, PlanSettings
from controller.plan.plan import Plan, plan_pool
from readpool.kubernetes.kinds import HTTP_ROUTE, SCALED_OBJECT, SERVICE, Kind, ObjectKey
from readpool.pool.spec import ReadOnlyPool
from tests.unit.observed_pools import EVERYTHING, FRESH, NOW, SETTINGS, build_pool, observe

SECURED = replace(SETTINGS, scaler_authentication="readpool", scaler_address="readpool-scaler.readpool:9090")
OWN_SCALED_OBJECT = ObjectKey(SCALED_OBJECT, "default", "pool")
ALL = Grants(cluster_authentication=True, other_scalers=True, gateway_namespaces=("*",))


def trigger(kind: str | None, type_: str = "prometheus") -> dict[str, Any]:
    reference = {"name": "monitoring"} | ({} if kind is None else {"kind": kind})
    return {"type": type_, "metadata": {"serverAddress": "http://evil.tenant.svc"}, "authenticationRef": reference}


def route_to(*parents: dict[str, Any]) -> dict[str, Any]:
    return {"loadBalancing": {"enabled": True, "httpRoute": {"parentRefs": list(parents)}}}


def plan(pool: ReadOnlyPool, settings: PlanSettings = SECURED) -> Plan:
    return plan_pool(observe(pool, optional_kinds=EVERYTHING), settings, NOW)


def find(planned: Plan, kind: Kind) -> list[dict[str, Any]]:
    return [{**one} for one in planned.apply if one["kind"] == kind.name]


def read_condition(planned: Plan, type_: str) -> tuple[str, str, str]:
    (found,) = [one for one in planned.status["conditions"] if one["type"] == type_]
    return found["status"], found["reason"], found["message"]


@pytest.mark.parametrize("kind", ["ClusterTriggerAuthentication", "clustertriggerauthentication", "Secret", " "])
def test_a_trigger_with_an_authentication_of_the_cluster_is_left_out_and_the_pool_scales_on(kind: str) -> None:
    pool = build_pool(replicas=3, autoscaling={"triggers": [trigger(kind), trigger(None, "cpu")]})
    planned = plan(pool)
    (built,) = find(planned, SCALED_OBJECT)
    assert [one["type"] for one in built["spec"]["triggers"]] == ["external", "cpu"]
    assert built["spec"]["triggers"][0]["metadata"]["pool"] == "pool"
    _, _, message = read_condition(planned, "Autoscaling")
    assert "autoscaling.triggers[0].authenticationRef" in message
    assert "--allow-cluster-authentication" in message

    (allowed,) = find(plan(pool, replace(SECURED, grants=ALL)), SCALED_OBJECT)
    assert [one["type"] for one in allowed["spec"]["triggers"]] == ["external", "prometheus", "cpu"]


OURS = {"scalerAddress": "readpool-scaler.readpool.svc:9090", "pool": "pool", "enableTLS": "true", "metric": "maxLag"}


@pytest.mark.parametrize(
    ("type_", "name", "metadata", "is_kept"),
    [
        pytest.param("external", "readpool", OURS, True, id="our certificate for our scaler"),
        pytest.param("external-push", "readpool", OURS, True, id="and pushed"),
        pytest.param("external", "monitoring", OURS, False, id="somebody else's"),
        pytest.param("prometheus", "readpool", OURS, False, id="for another kind of server"),
        pytest.param("external", "readpool", OURS | {"scalerAddress": "evil.tenant:9090"}, False, id="for another"),
        pytest.param("external", "readpool", OURS | {"scalerAddressFromEnv": "X"}, False, id="for who knows whom"),
        pytest.param("external", "readpool", OURS | {"unsafeSsl": "true"}, False, id="for whoever answers there"),
        pytest.param("external", "readpool", {}, False, id="for nobody"),
    ],
)
def test_a_further_trigger_may_ask_our_scaler_as_ours_does(
    type_: str, name: str, metadata: dict[str, str], *, is_kept: bool
) -> None:
    reference = {"kind": "ClusterTriggerAuthentication", "name": name}
    asked = {"type": type_, "metadata": metadata, "authenticationRef": reference}
    pool = build_pool(autoscaling={"triggers": [asked]})
    assert bool(leave_out_refused(pool, SECURED).spec.autoscaling.triggers) is is_kept
    assert bool(explain_refused_scaling(pool, SECURED)) is not is_kept
    unsecured = replace(SECURED, scaler_authentication=None)
    assert leave_out_refused(pool, unsecured).spec.autoscaling.triggers == ()


@pytest.mark.parametrize("kind", [None, "", "TriggerAuthentication"])
def test_the_namespaces_own_authentication_needs_nothing(kind: str | None) -> None:
    pool = build_pool(autoscaling={"triggers": [trigger(kind)]})
    assert leave_out_refused(pool, SECURED) is pool
    assert explain_refused_scaling(pool, SECURED) == ""


@pytest.mark.parametrize(
    "address",
    [
        "evil.tenant:9090",
        "readpool-scaler.tenant.svc:9090",
        "readpool-scaler.readpool:9091",
        "readpool-scaler.readpool.evil.example:9090",
        "readpool-scaler.readpool.svc.evil.example:9090",
        "readpool-scaler.readpool.svc.svc:9090",
        "dns:///evil.tenant:9090",
        "10.0.0.1:9090",
        "[fd00::1]:9090",
    ],
)
def test_the_installations_certificate_is_shown_to_its_own_scaler_alone(address: str) -> None:
    pool = build_pool(replicas=3, autoscaling={"scalerAddress": address})
    planned = plan(pool)
    (built,) = find(planned, SCALED_OBJECT)
    assert built["spec"]["triggers"][0]["metadata"]["scalerAddress"] == SECURED.scaler_address
    assert address not in str(planned.apply)
    assert f"autoscaling.scalerAddress: {address} is not this" in read_condition(planned, "Autoscaling")[2]

    (allowed,) = find(plan(pool, replace(SECURED, grants=ALL)), SCALED_OBJECT)
    assert allowed["spec"]["triggers"][0]["metadata"]["scalerAddress"] == address
    assert allowed["spec"]["triggers"][0]["authenticationRef"]["name"] == "readpool"

    (plain,) = find(plan(pool, replace(SECURED, scaler_authentication=None)), SCALED_OBJECT)
    assert plain["spec"]["triggers"][0]["metadata"]["scalerAddress"] == address
    assert "authenticationRef" not in plain["spec"]["triggers"][0]


@pytest.mark.parametrize(
    "address",
    [
        "readpool-scaler.readpool:9090",
        "readpool-scaler.readpool.svc:9090",
        "readpool-scaler.readpool.svc.cluster.local:9090",
        "dns:///readpool-scaler.readpool.svc.cluster.local.:9090",
        "Readpool-Scaler.readpool:9090",
    ],
)
def test_its_own_scaler_is_known_however_it_is_spelled(address: str) -> None:
    assert explain_refused_scaling(build_pool(autoscaling={"scalerAddress": address}), SECURED) == ""


OWN, ALSO_OWN = {"name": "edge"}, {"name": "edge", "namespace": "default"}
FOREIGN = {"name": "shared", "namespace": "infra"}
MESH = {"kind": "Service", "name": "victim", "namespace": "other"}


@pytest.mark.parametrize(
    ("parents", "namespaces", "attached"),
    [
        ([OWN, ALSO_OWN], (), [("default", "edge"), ("default", "edge")]),
        ([FOREIGN], (), None),
        ([MESH], (), None),
        ([OWN, FOREIGN, MESH], (), [("default", "edge")]),
        ([OWN, FOREIGN, MESH], ("infra",), [("default", "edge"), ("infra", "shared")]),
        ([FOREIGN, MESH], ("*",), [("infra", "shared"), ("other", "victim")]),
    ],
)
def test_a_route_is_attached_within_its_namespace_and_where_the_installation_says(
    parents: list[dict[str, Any]], namespaces: tuple[str, ...], attached: list[tuple[str, str]] | None
) -> None:
    pool = build_pool(replicas=3, **route_to(*parents))
    planned = plan(pool, replace(SECURED, grants=Grants(gateway_namespaces=namespaces)))
    routes = find(planned, HTTP_ROUTE)
    assert [[(one["namespace"], one["name"]) for one in route["spec"]["parentRefs"]] for route in routes] == (
        [] if attached is None else [attached]
    )
    if attached is None:
        assert {one["metadata"]["name"] for one in find(planned, SERVICE)} == {"pool", "pool-nodes"}
    told = read_condition(planned, "Routing")[2]
    assert ("--gateway-namespaces" in told) == (len(attached or ()) < len(parents))


def test_what_is_refused_is_the_reason_of_a_condition_that_would_be_true() -> None:
    pool = build_pool(replicas=3, **route_to(OWN, FOREIGN), autoscaling={"triggers": [trigger("ClusterTrigger")]})
    assert "the route is attached to the others" in explain_refused_route(pool, SECURED)
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    (scaled,) = find(plan(pool), SCALED_OBJECT)
    observed = observe(
        pool, FRESH, optional_kinds=EVERYTHING, children={OWN_SCALED_OBJECT: {**scaled, "status": ready}}
    )
    planned = plan_pool(observed, SECURED, NOW)
    assert read_condition(planned, "Autoscaling")[:2] == ("False", "NotAllowed")
    assert read_condition(planned, "Routing")[:2] == ("False", "NotAllowed")
    assert read_condition(planned, "Stalled")[0] == "False"
