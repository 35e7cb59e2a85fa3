"""Every object that a pool owns: whose it is, what guards it, what it lets out."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.gate.gate import choose_ports
from controller.observed.plan_settings import Grants, PlanSettings
from controller.plan.plan import plan_pool
from controller.resources.network_policy import build_network_policy
from controller.resources.nodes_service import build_nodes_service
from controller.resources.prometheus_rule import build_prometheus_rule
from controller.resources.scaled_object import build_scaled_object
from devtools.pools.pool_manifests import ARCHIVE
from readpool.kubernetes.kinds import KINDS, kind_of
from tests.unit.observed_pools import FRESH, LAGGING, NOW, SETTINGS, build_pool, observe

COMMAND_PORT = 11626
ROOT = Path(__file__).resolve().parents[4]
SPECS: Mapping[str, dict[str, Any]] = {
    "the least": {},
    "a gate": {"gate": {"image": "envoyproxy/envoy:distroless-v1.40.0"}},
    "no gate": {"gate": {"enabled": False}},
    "shards": {"shardBalancing": {"enabled": True}, "historyArchiveUrls": [ARCHIVE]},
    "alerts, paused": {"alerting": True, "paused": True},
    "a template": {"template": {"spec": {"containers": [{"name": "beside", "image": "busybox"}]}}},
}


def build_all(**spec: Any) -> dict[str, dict[str, Any]]:
    pool = build_pool(**({"replicas": 3} | spec))
    plan = plan_pool(observe(pool, FRESH, FRESH, LAGGING), SETTINGS, NOW)
    return {f"{one['kind']} {one['metadata']['name']}": dict(one) for one in plan.apply}


@pytest.fixture(params=list(SPECS.values()), ids=list(SPECS))
def built(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    return build_all(**request.param)


def test_all_of_it_goes_with_its_pool_and_says_whose_it_is(built: dict[str, dict[str, Any]]) -> None:
    for one in built.values():
        metadata = one["metadata"]
        assert metadata["namespace"] == "default"
        assert metadata["ownerReferences"] == [
            {
                "apiVersion": "stellar.org/v1alpha1",
                "kind": "ReadOnlyPool",
                "name": "pool",
                "uid": "uid-of-pool",
                "controller": True,
            }
        ]
        assert (
            metadata["labels"].items()
            >= {
                "app.kubernetes.io/name": "stellar-core",
                "app.kubernetes.io/instance": "pool",
                "app.kubernetes.io/managed-by": "readpool",
                "stellar.org/pool": "pool",
            }.items()
        )
        assert re.fullmatch("[0-9a-f]{16}", metadata["annotations"]["stellar.org/applied"])
        assert kind_of(one) in KINDS


def list_containers(built: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    spec = built["StatefulSet pool"]["spec"]["template"]["spec"]
    return [one for one in (*spec["initContainers"], *spec["containers"]) if one["name"] != "beside"]


def test_the_pod_is_as_the_restricted_standard_wants_it(built: dict[str, dict[str, Any]]) -> None:
    spec = built["StatefulSet pool"]["spec"]["template"]["spec"]
    assert spec["securityContext"].items() >= {"runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532}.items()
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert list_containers(built)
    for container in list_containers(built):
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert "privileged" not in security
        assert not any("hostPort" in port for port in container.get("ports", ()))
    assert not any("hostPath" in volume for volume in spec["volumes"])


@pytest.mark.parametrize("name", SPECS)
def test_readers_are_never_sent_to_the_command_port(name: str) -> None:
    built = build_all(**SPECS[name])
    service = built["Service pool"]["spec"]
    assert [(port["name"], port["port"]) for port in service["ports"]] == [("read", 11628)]
    assert "selector" not in service
    for one in built.values():
        if one["kind"] == "EndpointSlice":
            assert [port["port"] for port in one["ports"]] != [COMMAND_PORT]
            assert [port["name"] for port in one["ports"]] == ["read"]


def test_the_headless_service_tells_of_all_replicas_and_balances_nothing(built: dict[str, dict[str, Any]]) -> None:
    spec = built["Service pool-nodes"]["spec"]
    assert spec["clusterIP"] == "None"
    assert spec["publishNotReadyAddresses"] is True
    assert [port["name"] for port in spec["ports"]][:2] == ["info", "peer"]


def test_where_there_is_a_gate_the_scaler_finds_its_statistics_and_is_let_in_to_them() -> None:
    pool = build_pool(**SPECS["a gate"])
    ports = choose_ports(pool.spec, None)
    named = {port["name"]: port["port"] for port in build_nodes_service(pool, ports)["spec"]["ports"]}
    anyone, scalers = build_network_policy(pool, ports, SETTINGS)["spec"]["ingress"]
    assert named == {"info": 11627, "peer": 11625, "stats": 11629}
    assert [port["port"] for port in scalers["ports"]] == [11627, 11629]
    assert 11629 not in [port["port"] for port in anyone["ports"]]


def test_without_a_gate_there_are_no_statistics_to_find() -> None:
    pool = build_pool(gate={"enabled": False})
    service = build_nodes_service(pool, choose_ports(pool.spec, "envoyproxy/envoy:distroless-v1.40.0"))
    assert [port["name"] for port in service["spec"]["ports"]] == ["info", "peer"]


def test_with_a_gate_the_command_port_is_behind_no_service_and_open_to_nobody() -> None:
    built = build_all(**SPECS["a gate"])
    opened = [one["spec"] for name, one in built.items() if name.split()[0] in {"Service", "NetworkPolicy"}]
    slices = [one["ports"] for one in built.values() if one["kind"] == "EndpointSlice"]
    assert slices
    assert str(COMMAND_PORT) not in f"{opened} {slices}"
    core = next(one for one in list_containers(built) if one["name"] == "stellar-core")
    assert COMMAND_PORT not in [port["containerPort"] for port in core["ports"]]


def test_without_a_gate_the_scaler_alone_may_come_to_the_command_port() -> None:
    pool = build_pool(gate={"enabled": False})
    anyone, scalers = build_network_policy(pool, choose_ports(pool.spec, None), SETTINGS)["spec"]["ingress"]
    assert [port["port"] for port in anyone["ports"]] == [11625, 11630]
    assert [port["port"] for port in scalers["ports"]] == [COMMAND_PORT]


@pytest.mark.parametrize(
    ("address", "namespaces"),
    [
        pytest.param(None, ["readpool"], id="the installation's"),
        pytest.param("scaler.eyes:9090", ["eyes", "readpool"], id="a Service of another namespace"),
        pytest.param("scaler.eyes.svc.cluster.local:9090", ["eyes", "readpool"], id="by its whole name"),
        pytest.param("dns:///scaler.eyes.svc:9090", ["eyes", "readpool"], id="with a scheme"),
        pytest.param("scaler.example.com:9090", ["readpool"], id="outside the cluster"),
        pytest.param("10.0.0.1:9090", ["readpool"], id="an address"),
        pytest.param("scaler:9090", ["readpool"], id="a bare name"),
    ],
)
def test_the_scalers_that_may_ask_for_info(address: str | None, namespaces: list[str]) -> None:
    pool = build_pool(autoscaling={"scalerAddress": address} if address else {})
    policy = build_network_policy(pool, choose_ports(pool.spec, None), SETTINGS)
    anyone, scalers = policy["spec"]["ingress"][:2]
    assert "from" not in anyone
    assert [
        one["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for one in scalers["from"]
    ] == namespaces
    assert all(one["podSelector"]["matchLabels"] for one in scalers["from"])
    assert policy["spec"]["podSelector"]["matchLabels"]["stellar.org/pool"] == "pool"


def test_a_drain_takes_one_ready_replica_at_a_time_and_those_that_are_not_ready_freely() -> None:
    spec = build_all()["PodDisruptionBudget pool"]["spec"]
    assert (spec["maxUnavailable"], spec["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")


def test_keda_scales_the_pool_itself_and_the_hpa_follows_a_change_of_one() -> None:
    on_load = {"type": "cpu", "metadata": {"value": "70"}}
    pool = build_pool(minReplicas=2, autoscaling={"scaleDownStabilizationSeconds": 7, "triggers": [on_load]})
    spec = build_scaled_object(pool, SETTINGS)["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "stellar.org/v1alpha1", "kind": "ReadOnlyPool", "name": "pool"}
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (2, 20)
    assert spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"] == {
        "scaleUp": {"tolerance": "0"},
        "scaleDown": {"tolerance": "0", "stabilizationWindowSeconds": 7},
    }
    assert spec["triggers"] == [
        {
            "type": "external",
            "metricType": "AverageValue",
            "metadata": {"scalerAddress": "readpool-scaler.readpool.svc:9090", "pool": "pool"},
        },
        on_load,
    ]


def test_keda_is_told_of_a_pause_of_another_scaler_and_of_certificates() -> None:
    pool = build_pool(paused=True, autoscaling={"scalerAddress": "other.eyes:1"})
    secured = replace(SETTINGS, scaler_authentication="readpool", grants=Grants(other_scalers=True))
    built = build_scaled_object(pool, secured)
    assert built["metadata"]["annotations"] == {"autoscaling.keda.sh/paused": "true"}
    trigger = built["spec"]["triggers"][0]
    assert trigger["metadata"] == {"scalerAddress": "other.eyes:1", "pool": "pool", "enableTLS": "true"}
    assert trigger["authenticationRef"] == {"kind": "ClusterTriggerAuthentication", "name": "readpool"}
    assert "annotations" not in build_scaled_object(build_pool(), SETTINGS)["metadata"]


def list_rules(**spec: Any) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = build_prometheus_rule(build_pool(**spec), SETTINGS)["spec"]["groups"][0]["rules"]
    return rules


def test_alerts_ask_for_the_series_of_this_very_pool() -> None:
    for rule in list_rules():
        asked = re.findall(r"readpool_\w+\{([^}]*)\}", rule["expr"])
        assert asked
        assert len(asked) == len(re.findall(r"readpool_\w+", rule["expr"]))
        assert all('fleet="default/pool"' in labels for labels in asked)


def test_the_runbooks_of_a_pools_alerts_are_where_the_installation_says() -> None:
    settings = replace(SETTINGS, runbook_url="https://wiki.example")
    (group,) = build_prometheus_rule(build_pool(), settings)["spec"]["groups"]
    for rule in group["rules"]:
        assert rule["annotations"]["runbook_url"] == f"https://wiki.example/{rule['alert']}.md"


def test_a_pools_alerts_have_the_installations_labels_and_keep_their_own() -> None:
    settings = replace(SETTINGS, alert_labels={"team": "stellar", "severity": "none"})
    (group,) = build_prometheus_rule(build_pool(), settings)["spec"]["groups"]
    assert {rule["labels"]["team"] for rule in group["rules"]} == {"stellar"}
    assert {rule["labels"]["severity"] for rule in group["rules"]} == {"critical", "warning"}


def test_a_paused_pool_has_no_alerts_on_decisions() -> None:
    names = [rule["alert"] for rule in list_rules()]
    assert len(set(names)) == len(names)
    assert set(names) - {rule["alert"] for rule in list_rules(paused=True)} == {"ReadPoolNoData", "ReadPoolAtMaximum"}


def test_a_cluster_without_optional_kinds_is_asked_for_none() -> None:
    pool = build_pool(replicas=1, alerting=True)
    plan = plan_pool(observe(pool, FRESH, optional_kinds=frozenset()), PlanSettings(SETTINGS.networks), NOW)
    groups = {one["apiVersion"] for one in plan.apply}
    assert groups == {"v1", "apps/v1", "discovery.k8s.io/v1", "networking.k8s.io/v1", "policy/v1"}
