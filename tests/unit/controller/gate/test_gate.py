"""The gate as a part of the pod: when there is one, where a pod then answers, and what it may do."""

import json
from typing import Any

import pytest

from controller.core_config.core_config import CorePorts
from controller.gate.gate import CORE_PORTS, PodPorts, build_gate, choose_ports, has_gate
from controller.gate.gate_config import ADMIN_SOCKET, GateSettings, build_gate_config
from controller.gate.gate_listeners import DRAIN_SECONDS, GatePorts
from controller.observed.plan_settings import PlanSettings
from controller.resources.network_policy import build_network_policy
from controller.resources.pod_template import TERMINATION_SECONDS, build_pod_template
from tests.unit.observed_pools import build_pool

IMAGE = "envoyproxy/envoy:distroless-v1.40.0"
GATED = PodPorts(11625, 11627, 11628, 11629)
OPEN = PodPorts(11625, 11626, 11630)


@pytest.mark.parametrize(
    ("gate", "default", "image", "ports"),
    [
        pytest.param({}, None, None, OPEN, id="nobody names an image"),
        pytest.param({}, IMAGE, IMAGE, GATED, id="the installation names one"),
        pytest.param({"image": "own/envoy:1"}, None, "own/envoy:1", GATED, id="the pool names one"),
        pytest.param({"image": "own/envoy:1"}, IMAGE, "own/envoy:1", GATED, id="the pool's own goes first"),
        pytest.param({"enabled": False}, IMAGE, None, OPEN, id="the pool wants none"),
        pytest.param({"enabled": False, "image": "own/envoy:1"}, IMAGE, None, OPEN, id="not even its own"),
    ],
)
def test_a_gate_is_there_where_one_is_wanted_and_to_be_had(
    gate: dict[str, Any], default: str | None, image: str | None, ports: PodPorts
) -> None:
    spec = build_pool(gate=gate).spec
    built = build_gate(spec, default)
    assert (built["image"] if built else None) == image
    assert has_gate(spec, default) is (built is not None)
    assert choose_ports(spec, default) == ports


def build_pod(default: str | None) -> dict[str, Any]:
    spec: dict[str, Any] = build_pod_template(build_pool(), PlanSettings({}, gate_image=default))["spec"]
    return spec


def test_the_gate_may_do_nothing_that_it_need_not() -> None:
    core, gate = build_pod(IMAGE)["containers"]
    assert gate["securityContext"] == core["securityContext"]
    assert gate["securityContext"]["readOnlyRootFilesystem"] is True
    assert gate["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert "volumeMounts" not in gate
    assert "env" not in gate
    assert gate["args"][2:] == ["--concurrency", "1", "--log-level", "warning", "--disable-hot-restart"]
    assert "$(" not in gate["args"][1]  # which Kubernetes would put a variable in place of


def test_a_pod_has_each_port_once_and_core_shows_none_but_that_of_its_peers() -> None:
    core, gate = build_pod(IMAGE)["containers"]
    assert [port["containerPort"] for port in core["ports"]] == [11625]
    assert [port["containerPort"] for port in gate["ports"]] == [11627, 11628, 11629]
    assert core["readinessProbe"]["httpGet"] == {"path": "/info", "port": 11627}


@pytest.mark.parametrize(("version", "path"), [("v22.4.1", "/serving"), ("v21.3.1", "/ready"), ("latest", "/serving")])
def test_a_gate_is_ready_while_core_answers_readers_where_it_can_at_all(version: str, path: str) -> None:
    gate = build_gate(build_pool(version=version).spec, IMAGE)
    assert gate is not None
    assert gate["readinessProbe"]["httpGet"]["path"] == path
    assert gate["livenessProbe"]["httpGet"]["path"] == "/ready", "it is not restarted for what Core does"


def test_core_and_its_gate_answer_on_while_readers_go_elsewhere() -> None:
    pod = build_pod(IMAGE)
    core, gate = pod["containers"]
    assert core["lifecycle"] == {"preStop": {"httpGet": {"path": "/drain", "port": 11629}}}
    assert gate["lifecycle"] == {"preStop": {"httpGet": {"path": "/leave", "port": 11629}}}
    assert pod["terminationGracePeriodSeconds"] == TERMINATION_SECONDS + DRAIN_SECONDS


def test_without_a_gate_core_waits_by_the_tools_of_its_own_image() -> None:
    pod = build_pod(None)
    (core,) = pod["containers"]
    assert core["lifecycle"] == {"preStop": {"exec": {"command": ["sleep", str(DRAIN_SECONDS)]}}}
    assert pod["terminationGracePeriodSeconds"] == TERMINATION_SECONDS + DRAIN_SECONDS


def test_only_the_scaler_may_ask_for_statistics() -> None:
    for ports, asked in ((GATED, [11627, 11629]), (OPEN, [11626])):
        policy = build_network_policy(build_pool(), ports, PlanSettings({}))
        everyone, scaler = policy["spec"]["ingress"]
        assert "from" not in everyone
        assert [port["port"] for port in everyone["ports"]] == [ports.peer, ports.read]
        assert [port["port"] for port in scaler["ports"]] == asked
        assert scaler["from"]


def test_scrapers_are_admitted_to_statistics_alone_and_only_where_the_installation_names_them() -> None:
    told = PlanSettings({}, scraper_namespaces=("monitoring", "observability"))
    scrapers = build_network_policy(build_pool(), GATED, told)["spec"]["ingress"][2]
    assert scrapers["ports"] == [{"port": 11629, "protocol": "TCP"}]
    assert [peer["namespaceSelector"]["matchLabels"] for peer in scrapers["from"]] == [
        {"kubernetes.io/metadata.name": name} for name in told.scraper_namespaces
    ]
    assert len(build_network_policy(build_pool(), OPEN, told)["spec"]["ingress"]) == 2, "there are no gates"
    changing = build_network_policy(build_pool(), OPEN, told, [{"stats": 11629}])["spec"]["ingress"]
    assert changing[2] == scrapers, "while the last gate of before is there"


def test_the_way_to_core_leads_over_localhost_alone_and_the_admin_interface_has_no_port() -> None:
    config = build_gate_config(GateSettings(GatePorts(1, 2, 3), CorePorts(command=4, query=5)))
    resources = config["static_resources"]
    listening = [listener["address"]["socket_address"] for listener in resources["listeners"]]
    assert listening == [{"address": "::", "port_value": port, "ipv4_compat": True} for port in (1, 2, 3)]
    clusters = {
        cluster["name"]: cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]
        for cluster in resources["clusters"]
    }
    assert clusters == {
        "info": {"socket_address": {"address": "127.0.0.1", "port_value": 4}},
        "query": {"socket_address": {"address": "127.0.0.1", "port_value": 5}},
        "admin": {"pipe": {"path": ADMIN_SOCKET}},
    }
    assert config["admin"]["address"] == {"pipe": {"path": ADMIN_SOCKET}}


def test_the_configuration_is_the_same_whenever_it_is_built() -> None:
    gate = build_gate(build_pool().spec, IMAGE)
    assert gate == build_gate(build_pool("other").spec, IMAGE)
    assert gate is not None
    config = json.loads(gate["args"][1])
    assert config == build_gate_config(GateSettings(GatePorts(), CORE_PORTS))
