"""The chart's policies: who may call whom, where programs may go, and what the controller's account may write."""

import pytest

from tests.e2e.rendered_chart import Helm, Object, find
from tests.e2e.test_chart_values import VALUES

pytestmark = pytest.mark.timeout(900)  # Helm may have to be built

CERTIFICATES = "readpool-certificates"
ROUTED = ("router.enabled=true", "router.pools[0].namespace=a", "router.pools[0].name=b")


def list_policies(helm: Helm, *settings: str) -> dict[str, Object]:
    return {o["metadata"]["name"]: o["spec"] for o in helm.render(*settings) if o["kind"] == "NetworkPolicy"}


def test_endpoint_discovery_is_for_the_router_alone_where_nobody_else_is_known_to_ask(helm: Helm) -> None:
    assert set(list_policies(helm)) == {CERTIFICATES}
    policies = list_policies(helm, *ROUTED)
    assert set(policies) == {"readpool-controller", CERTIFICATES}
    anyone, routers = policies["readpool-controller"]["ingress"]
    assert "from" not in anyone
    assert [port["port"] for port in anyone["ports"]] == ["telemetry", 15008]
    (peer,) = routers["from"]
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "router"
    assert [port["port"] for port in routers["ports"]] == ["eds"]
    assert policies["readpool-controller"]["policyTypes"] == ["Ingress"]
    # Envoys of the user's own subscribe too, and nobody has said where they are.
    assert set(list_policies(helm, *ROUTED, "controller.eds.enabled=true")) == {CERTIFICATES}
    assert set(list_policies(helm, *ROUTED, "controller.networkPolicy.enabled=false")) == {CERTIFICATES}


def test_of_the_certificates_program_scrapers_reach_one_port_and_nobody_another(helm: Helm) -> None:
    def read(*settings: str) -> Object:
        return list_policies(helm, *settings)[CERTIFICATES]

    assert read()["policyTypes"] == ["Ingress"]
    assert read()["ingress"] == [{"ports": [{"port": one, "protocol": "TCP"} for one in ("telemetry", 15008)]}]
    on = "certificates.networkPolicy.enabled=true"
    (scrapers,) = read(on)["ingress"]
    assert scrapers["from"] == VALUES["certificates"]["networkPolicy"]["telemetryFrom"]
    assert read(on, "certificates.networkPolicy.telemetryFrom=null")["ingress"] == []
    assert list_policies(helm, "certificates.networkPolicy.enabled=false") == list_policies(helm, "tls.mode=off") == {}
    for mode in ("auto", "certManager"):
        pod = find(helm.render(f"tls.mode={mode}"), "Deployment", CERTIFICATES)["spec"]["template"]["metadata"]
        assert read(f"tls.mode={mode}")["podSelector"]["matchLabels"].items() <= pod["labels"].items()


@pytest.mark.parametrize("program", ["scaler", "controller", "router", "certificates"])
def test_what_a_program_may_reach_is_dns_and_what_is_named(helm: Helm, program: str) -> None:
    on = (*ROUTED, f"{program}.networkPolicy.enabled=true")
    assert list_policies(helm, *on)[f"readpool-{program}"]["policyTypes"] == ["Ingress"]
    egress = f"{program}.networkPolicy.egress"
    more = (f"{egress}.enabled=true", f"{egress}.ports={{4711}}", f"{egress}.rules[0].ports[0].port=9")
    policy = list_policies(helm, *on, *more)[f"readpool-{program}"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    dns, ports, *others = policy["egress"]
    assert {(one["port"], one["protocol"]) for one in dns["ports"]} == {
        (port, protocol) for port in (53, 5353) for protocol in ("UDP", "TCP")
    }
    assert ports == {"ports": [{"port": 4711, "protocol": "TCP"}]}
    assert others.pop() == {"ports": [{"port": 9}]}
    reached = [
        (one["to"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/component"], one["ports"][0]["port"])
        for one in others
    ]
    own = {"controller": [("scaler", "grpc")], "router": [("controller", "eds")]}
    assert reached == own.get(program, [])


def test_the_routers_network_policy_admits_readers_and_prometheus(helm: Helm) -> None:
    on = (*ROUTED, "router.networkPolicy.enabled=true")
    readers, telemetry = list_policies(helm, *on)["readpool-router"]["ingress"]
    assert readers == {"ports": [{"port": "readers", "protocol": "TCP"}]}
    assert telemetry["from"] == VALUES["router"]["networkPolicy"]["telemetryFrom"]
    readers, _ = list_policies(helm, *on, "router.networkPolicy.readersFrom[0].podSelector.matchLabels.a=b")[
        "readpool-router"
    ]["ingress"]
    assert readers["from"] == [{"podSelector": {"matchLabels": {"a": "b"}}}]


def read_flags(helm: Helm, program: str, *settings: str) -> set[str]:
    deployment = find(helm.render(*settings), "Deployment", f"readpool-{program}")
    return set(deployment["spec"]["template"]["spec"]["containers"][0]["args"])


def test_what_pools_may_ask_for_and_where_requests_may_go_become_flags(helm: Helm) -> None:
    networks = "{10.244.0.0/16,fd00:10:244::/56}"
    for program in ("scaler", "controller"):
        added = read_flags(helm, program, f"{program}.networks.allow={networks}", f"{program}.networks.deny={networks}")
        told = networks.strip("{}")
        assert added - read_flags(helm, program) == {f"--allow-networks={told}", f"--deny-networks={told}"}
    pools = "controller.pools"
    allowed = (f"{pools}.allowClusterAuthentication=true", f"{pools}.allowOtherScalers=true")
    added = read_flags(helm, "controller", *allowed, f"{pools}.gatewayNamespaces={{infra,edge}}")
    assert added - read_flags(helm, "controller") == {
        "--allow-cluster-authentication",
        "--allow-other-scalers",
        "--gateway-namespaces=infra,edge",
    }


def test_the_admission_policy_is_of_all_kinds_that_the_controller_writes_and_of_nobody_else(helm: Helm) -> None:
    rendered = helm.render()
    policy = find(rendered, "ValidatingAdmissionPolicy")
    (condition,) = policy["spec"]["matchConditions"]
    account = "system:serviceaccount:readpool:readpool-controller"
    assert condition["expression"] == f'request.userInfo.username == "{account}"'
    held = {
        (group, one)
        for rule in policy["spec"]["matchConstraints"]["resourceRules"]
        for group in rule["apiGroups"]
        for one in rule["resources"]
    }
    role = find(rendered, "ClusterRole", "readpool:readpool-controller")
    written = {
        (group, one)
        for rule in role["rules"]
        if {"create", "patch", "update", "delete"} & set(rule["verbs"])
        for group in rule["apiGroups"]
        for one in rule["resources"]
    }
    not_of_pools = {
        ("stellar.org", "readonlypools"),
        ("stellar.org", "readonlypools/status"),
        ("events.k8s.io", "events"),
    }
    assert written - held == not_of_pools
    assert held <= written
    assert find(rendered, "ValidatingAdmissionPolicyBinding")["spec"]["policyName"] == policy["metadata"]["name"]
    assert [o for o in helm.render(kubernetes="1.29.0") if o["kind"].startswith("Validating")] == []


KEDA_TRUSTS = "controller.scalerAuthentication=readpool"
GIVEN = ("tls.mode=secret", "scaler.tls.secretName=given", "controller.tls.clientSecretName=given", KEDA_TRUSTS)
MUTUAL = (*GIVEN, "scaler.tls.clientCA.enabled=true")
ISSUED = ("tls.mode=certManager",)


def read_names(helm: Helm, program: str, *settings: str) -> list[str]:
    flag = {"scaler": "--tls-client-names=", "controller": "--eds-tls-client-names="}[program]
    found = [one.removeprefix(flag) for one in read_flags(helm, program, *settings) if one.startswith(flag)]
    return found[0].split(",") if found else []


def test_callers_are_let_in_by_name_and_those_of_a_user_beside_the_charts_own(helm: Helm) -> None:
    own = ["readpool-keda.readpool", "readpool-scaler-client.readpool", "readpool-controller.readpool"]
    named = "scaler.tls.clientCA.names={grafana}"
    assert read_names(helm, "scaler", "tls.mode=off") == read_names(helm, "scaler", *MUTUAL) == []
    assert read_names(helm, "scaler", *MUTUAL, named) == ["grafana"]
    for settings in ((), ISSUED):
        assert read_names(helm, "scaler", *settings) == own
        assert read_names(helm, "scaler", *settings, named) == [*own, "grafana"]
        assert read_names(helm, "scaler", *settings, "controller.enabled=false") == own[:2]
        envoys = ("controller.eds.enabled=true", "controller.eds.tls.clientCA.names={a,b}")
        assert read_names(helm, "controller", *settings, *envoys) == ["readpool-router.readpool", "a", "b"]
    given = ("controller.eds.enabled=true", "controller.eds.tls.secretName=given")
    demanded = (*GIVEN, *given, "controller.eds.tls.clientCA.enabled=true")
    assert read_names(helm, "controller", *demanded) == []
    assert read_names(helm, "controller", *demanded, "controller.eds.tls.clientCA.names={a,b}") == ["a", "b"]


def test_the_notes_say_where_anybody_may_call_the_scaler(helm: Helm) -> None:
    said = "any pod in the cluster can call the scaler"
    plain = helm.render_notes("tls.mode=off")
    assert "WARNING: tls.mode is off." in plain
    assert said in plain
    assert f"{said}. " in helm.render_notes(*GIVEN).lower()
    closed = helm.render_notes("tls.mode=off", "scaler.networkPolicy.enabled=true")
    assert "plain text" in closed
    for settings in ((), ISSUED, MUTUAL, (*GIVEN, "scaler.networkPolicy.enabled=true")):
        assert said not in helm.render_notes(*settings).lower()
    assert said not in closed
