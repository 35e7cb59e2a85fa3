"""The chart's values: what is misspelt or out of bounds is refused by name, and each is explained where people look."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from readpool.pool.spec import parse_pool
from scaler.triggers.trigger import parse_trigger
from tests.e2e.rendered_chart import CHART, Helm, RefusedError, find

pytestmark = pytest.mark.timeout(900)  # Helm may have to be built

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
LONGEST_SHOWN = 40
ALONE, OFF = "controller.enabled=false", "tls.mode=off"
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "chart.md"


def list_leaves(values: Mapping[str, Any], schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any, str]]:
    """List every value that one sets: its path, its default, and what the schema says of it."""
    for name, value in values.items():
        described = schema["properties"][name]
        if isinstance(value, dict) and value and "properties" in described:
            yield from list_leaves(value, described, f"{path}{name}.")
        else:
            yield f"{path}{name}", value, described["description"]


def list_closed(schema: Mapping[str, Any], path: str = "values") -> Iterator[tuple[str, bool]]:
    """List every object of the schema that names its keys, and whether it refuses others."""
    if "properties" in schema:
        yield path, schema.get("additionalProperties") is False
        for name, inner in schema["properties"].items():
            yield from list_closed(inner, f"{path}.{name}")
    if "items" in schema:
        yield from list_closed(schema["items"], f"{path}[]")


def show_default(value: Any) -> str:
    """Write a default as the guide does: long ones are to be read in values.yaml."""
    text = json.dumps(value)
    return f"`{text}`" if len(text) <= LONGEST_SHOWN else "…"


@pytest.mark.parametrize(
    ("setting", "sentences"),
    [
        pytest.param("scaler.replicsa=3", ["'/scaler'", "additional properties 'replicsa' not allowed"], id="misspelt"),
        pytest.param("scalar.replicas=3", ["additional properties 'scalar' not allowed"], id="misspelt at the top"),
        pytest.param("scaler.allowLoopbackNodes=true", ["'allowLoopbackNodes' not allowed"], id="not on a cluster"),
        pytest.param("scaler.replicas=many", ["'/scaler/replicas'", "got string, want integer"], id="no number"),
        pytest.param("scaler.replicas=-1", ["'/scaler/replicas'", "minimum: got -1, want 0"], id="too few"),
        pytest.param("scaler.service.port=80", ["'/scaler/service/port'", "got 80, want 1,024"], id="not for nobody"),
        pytest.param("scaler.pollInterval=0.0s", ["'/scaler/pollInterval'"], id="seconds with a unit"),
        pytest.param("scaler.pollInterval=301", ["'/scaler/pollInterval'", "want 300"], id="too seldom"),
        pytest.param(
            "scaler.logLevel=loud", ["must be one of 'debug', 'info', 'warning', 'error'"], id="no such level"
        ),
        pytest.param("scaler.references={https://h}", ["'/scaler/references/0'"], id="a reference without its kind"),
        pytest.param("scaler.extraArgs={dns-server}", ["'/scaler/extraArgs/0'"], id="no flag"),
        pytest.param("image.tag=null,image.tga=1", ["additional properties 'tga'"], id="misspelt beside a null"),
        pytest.param("image.pullPolicy=Sometimes", ["'Always', 'IfNotPresent', 'Never'"], id="no such policy"),
        pytest.param("image.digest=abc", ["'/image/digest'", "does not match pattern"], id="no digest"),
        pytest.param("fullnameOverride=Read_Pool", ["'/fullnameOverride'", "does not match"], id="no name"),
        pytest.param(
            "scaler.terminationGracePeriodSeconds=15",
            ["terminationGracePeriodSeconds 15: must be more than drainSeconds and preStopSleepSeconds together, 15"],
            id="killed while it drains",
        ),
        pytest.param("scaler.telemetry.port=9090", ["are both 9090"], id="one port for both"),
        pytest.param("controller.replicsa=3", ["'/controller'", "'replicsa' not allowed"], id="misspelt below"),
        pytest.param("controller.replicas=-1", ["'/controller/replicas'", "want 0"], id="too few controllers"),
        pytest.param("controller.namespaces=stellar", ["'/controller/namespaces'", "want array"], id="no list"),
        pytest.param("controller.namespaces={a,a}", ["'/controller/namespaces'", "are equal"], id="a namespace twice"),
        pytest.param("controller.namespaces={A_b}", ["'/controller/namespaces/0'"], id="no namespace"),
        pytest.param("controller.telemetry.port=80", ["want 1,024"], id="not for nobody either"),
        pytest.param("controller.logFormat=xml", ["must be one of 'json', 'console'"], id="no such format"),
        pytest.param("controller.scalerAuthentication=Not_A_Name", ["'/controller/scalerAuthentication'"], id="name"),
        pytest.param("controller.extraRules[0].verbs={get}", ["missing properties"], id="a rule for nothing"),
        pytest.param(
            "controller.serviceAccount.create=false", ["name an account that exists"], id="no account to run under"
        ),
        pytest.param("tls.mode=on", ["'auto', 'certManager', 'secret', 'off'"], id="no such mode"),
        pytest.param("tls.auto.duration=7d", ["'/tls/auto/duration'"], id="days"),
        pytest.param("keda.setUp=maybe", ["'auto'"], id="neither made nor not"),
        pytest.param("scaler.tls.enabled=true", ["'/scaler/tls'", "'enabled' not allowed"], id="as it once was"),
        pytest.param("certificates.telemetry.port=80", ["want 1,024"], id="not for nobody here either"),
        pytest.param(
            "certificates.serviceAccount.create=false", ["certificates.serviceAccount.name"], id="no account for it"
        ),
        pytest.param("scaler.networks.allow={pods}", ["'/scaler/networks/allow/0'"], id="no network"),
        pytest.param("controller.pools.gatewayNamespaces={A_b}", ["gatewayNamespaces/0'"], id="no namespace"),
        pytest.param("controller.networkPolicy.enabled=maybe", ["'auto'"], id="neither on nor off"),
        pytest.param("gate.imag=envoy", ["'/gate'", "'imag' not allowed"], id="misspelt gate"),
        pytest.param("router.pools[0].name=readers", ["'/router/pools/0'", "missing property"], id="half a pool"),
        pytest.param("router.service.port=80", ["'/router/service/port'", "want 1,024"], id="not for nobody either"),
    ],
)
def test_a_wrong_value_is_refused_by_name(helm: Helm, setting: str, sentences: list[str]) -> None:
    with pytest.raises(RefusedError) as refusal:
        helm.render(setting)
    assert [sentence for sentence in sentences if sentence not in str(refusal.value)] == []


@pytest.mark.parametrize(
    "setting",
    [
        pytest.param("global.team=stellar", id="a parent's"),
        pytest.param("scaler.resources.limits.cpu=2", id="a resource"),
        pytest.param("scaler.replicas=0", id="no scaler"),
        pytest.param("scaler.pollInterval=0.5", id="a fraction, which --set makes a string"),
        pytest.param("scaler.affinity.nodeAffinity.x=1", id="anything of the cluster's own"),
        pytest.param("scaler.topologySpread=null", id="no spread"),
        pytest.param("tls.certManager.issuerRef.group=awspca.example", id="another kind of issuer"),
        pytest.param("controller.replicas=0", id="no controller for the moment"),
        pytest.param("gate.image=", id="no gate"),
    ],
)
def test_what_is_right_is_accepted(helm: Helm, setting: str) -> None:
    assert helm.render(setting)


def list_kinds(helm: Helm, *settings: str) -> Counter[str]:
    return Counter(o["kind"] for o in helm.render(*settings))


def test_a_switch_takes_its_object_away(helm: Helm) -> None:
    alone = Counter(["Deployment", "Service", "ServiceAccount", "PodDisruptionBudget", "Pod"])
    definition = Counter({"CustomResourceDefinition": 1, "ClusterRole": 2})
    rights = Counter({"ClusterRole": 2, "ClusterRoleBinding": 2, "Role": 1, "RoleBinding": 1})
    policy = Counter(["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"])
    assert list_kinds(helm, OFF) == definition + alone + alone + rights + policy
    assert list_kinds(helm, OFF, "controller.admissionPolicy.enabled=false") == definition + alone + alone + rights
    assert list_kinds(helm, OFF, ALONE) == definition + alone
    off = ("serviceAccount.create=false", "scaler.podDisruptionBudget.enabled=false", "crds.install=false")
    assert list_kinds(helm, OFF, ALONE, *off) == Counter(["Deployment", "Service", "Pod"])
    others = ("controller.serviceAccount.create=false", "controller.serviceAccount.name=there")
    both = list_kinds(helm, OFF, *off, *others, "controller.podDisruptionBudget.enabled=false")
    assert both == rights + Counter(["Deployment", "Service", "Pod"] * 2) + policy
    on = ("networkPolicy.enabled=true", "serviceMonitor.enabled=true")
    for program in ("scaler", "controller"):
        added = list_kinds(helm, *(f"{program}.{one}" for one in on)) - list_kinds(helm)
        assert added == Counter(["NetworkPolicy", "ServiceMonitor"])
    routed = list_kinds(helm, OFF, "router.enabled=true", "router.pools[0].namespace=a", "router.pools[0].name=b")
    router = Counter(["Deployment", "Service", "PodDisruptionBudget", "ConfigMap"])
    subscribing = Counter(["Service", "NetworkPolicy"])
    assert routed - list_kinds(helm, OFF) == router + subscribing, "and what is for its subscriptions alone"


def test_a_network_policy_admits_keda_the_test_the_controller_and_prometheus_and_nobody_else(helm: Helm) -> None:
    on = "scaler.networkPolicy.enabled=true"
    grpc, telemetry = find(helm.render(on), "NetworkPolicy", "readpool-scaler")["spec"]["ingress"]
    keda, *ours = grpc["from"]
    assert keda == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "keda"}}}
    components = [one["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for one in ours]
    assert components == ["scaler-test", "controller"]
    assert [port["port"] for port in grpc["ports"]] == ["grpc"]
    assert telemetry["from"] == VALUES["scaler"]["networkPolicy"]["telemetryFrom"]
    assert [port["port"] for port in telemetry["ports"]] == ["telemetry"]
    (grpc, _) = find(helm.render(on, ALONE), "NetworkPolicy", "readpool-scaler")["spec"]["ingress"]
    assert len(grpc["from"]) == 2


def test_the_controllers_network_policy_admits_the_test_and_prometheus_to_the_one_port(helm: Helm) -> None:
    rendered = helm.render("controller.networkPolicy.enabled=true")
    (rule,) = find(rendered, "NetworkPolicy", "readpool-controller")["spec"]["ingress"]
    test, *monitoring = rule["from"]
    assert test["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "controller-test"
    assert monitoring == VALUES["controller"]["networkPolicy"]["telemetryFrom"]
    assert rule["ports"] == [{"port": "telemetry", "protocol": "TCP"}]


def test_every_key_that_is_not_known_is_refused_wherever_it_stands() -> None:
    assert [path for path, is_closed in list_closed(SCHEMA) if not is_closed] == ["values.global"], "a parent's"
    for name, shared in SCHEMA["$defs"].items():
        assert [path for path, is_closed in list_closed(shared, name) if not is_closed] == []


def test_every_value_is_in_the_schema_with_a_sentence_and_the_other_way_round() -> None:
    leaves = list(list_leaves(VALUES, SCHEMA))
    assert [path for path, _, sentence in leaves if not sentence.endswith(".")] == []
    assert set(SCHEMA["properties"]) == set(VALUES)
    for program in (
        "global",
        "image",
        "rbac",
        "tls",
        "keda",
        "scaler",
        "controller",
        "certificates",
        "gate",
        "router",
        "crds",
    ):
        assert set(SCHEMA["properties"][program]["properties"]) == set(VALUES[program])


def test_the_guide_lists_every_value_with_its_default_and_what_the_schema_says() -> None:
    rows = [f"| `{path}` | {show_default(value)} | {text} |" for path, value, text in list_leaves(VALUES, SCHEMA)]
    listed = [line for line in GUIDE.read_text().splitlines() if line.startswith("| `")]
    assert listed == rows


def test_the_notes_show_a_trigger_that_the_scaler_accepts(helm: Helm) -> None:
    notes = helm.render_notes(ALONE)
    shown = yaml.safe_load(notes[notes.index("apiVersion:") : notes.index("Open the scaler's live page")])
    (trigger,) = shown["spec"]["triggers"]
    assert parse_trigger(shown["metadata"]["namespace"], trigger["metadata"], allow_static_nodes=False)


@pytest.mark.parametrize(
    ("settings", "namespace"), [((), "stellar"), (("controller.namespaces={one,two}",), "one")], ids=["all", "some"]
)
def test_with_the_controller_they_show_a_pool_of_a_namespace_that_it_looks_after(
    helm: Helm, settings: tuple[str, ...], namespace: str
) -> None:
    notes = helm.render_notes(*settings)
    pool = parse_pool(yaml.safe_load(notes[notes.index("apiVersion:") : notes.index("EOF\n\n")]))
    assert pool.namespace == namespace
    assert f"-- readpool explain {pool.name} -n {namespace}" in notes
    assert f"-- readpool pools {'-A' if namespace == 'stellar' else '-n one'}" in notes
