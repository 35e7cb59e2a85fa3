"""What people set of Deployments and pods: for each program of the chart, by Helm; and images, annotations, objects."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.e2e.rendered_chart import Helm, Object, RefusedError, find, list_pods, pod_of

pytestmark = pytest.mark.timeout(900)  # Helm may have to be built

PROGRAMS = ("scaler", "controller", "router", "certificates")
ROUTED = ("router.enabled=true", "router.pools[0].namespace=stellar", "router.pools[0].name=readers")
ALL = (*ROUTED, "controller.networkPolicy.enabled=true", "scaler.serviceMonitor.enabled=true")
MODES = ("tls.mode=auto", "tls.mode=off", "tls.mode=certManager")
SIDECAR = {"name": "proxy", "image": "proxy:1"}
CONFINED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
IN_POD = {
    "dnsPolicy": "None",
    "dnsConfig": {"nameservers": ["10.0.0.10"], "options": [{"name": "ndots", "value": "2"}]},
    "hostAliases": [{"ip": "10.0.0.9", "hostnames": ["horizon.internal"]}],
    "priorityClassName": "critical",
    "tolerations": [{"key": "readpool", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
}
IN_CONTAINER: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "extraEnv": ("env", [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}]),
    "envFrom": ("envFrom", [{"secretRef": {"name": "proxy"}}]),
    "extraVolumeMounts": ("volumeMounts", [{"name": "authority", "mountPath": "/authority", "readOnly": True}]),
}
AUTHORITY = {"name": "authority", "configMap": {"name": "authority"}}
DIGEST = "sha256:" + "0a" * 32


def set_of(program: str, **values: Any) -> str:
    """Return the setting of values of a program."""
    return json.dumps({program: values})


def pods_of(objects: Sequence[Object]) -> list[Any]:
    """Return the specs of the pods of every program, in the order of PROGRAMS."""
    return [pod_of(objects, f"readpool-{program}") for program in PROGRAMS]


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_takes_what_is_set_of_its_pods(helm: Helm, program: str) -> None:
    plain = {"nodeSelector": {"disk": "ssd"}, "extraVolumes": [AUTHORITY], "extraContainers": [SIDECAR]}
    inside = {name: value for name, (_, value) in IN_CONTAINER.items()}
    setting = set_of(program, **IN_POD, **plain, **inside, initContainers=[SIDECAR])
    pod = pod_of(helm.render(*ROUTED, setting), f"readpool-{program}")
    before = pod_of(helm.render(*ROUTED), f"readpool-{program}")
    assert [name for name, value in IN_POD.items() if pod[name] != value] == []
    assert pod["nodeSelector"] == {"kubernetes.io/os": "linux", "disk": "ssd"}
    assert pod["volumes"] == [*before.get("volumes", []), AUTHORITY], "after the chart's own"
    assert [one["name"] for one in pod["containers"]] == [program, "proxy"]
    assert pod["containers"][1]["securityContext"] == CONFINED, "as confined as the chart's"
    assert pod["initContainers"] == [{**SIDECAR, "securityContext": CONFINED}]
    for name, (field, value) in IN_CONTAINER.items():
        assert pod["containers"][0][field] == [*before["containers"][0].get(field, []), *value], name


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_was_not_set_is_nowhere_and_what_is_set_alone_needs_no_other(helm: Helm, program: str) -> None:
    alone: list[tuple[str, list[dict[str, Any]]]] = [
        ("extraVolumes", [AUTHORITY]),
        ("extraVolumeMounts", IN_CONTAINER["extraVolumeMounts"][1]),
    ]
    for mode, (name, value) in itertools.product(MODES, alone):
        settings = (*ROUTED, mode, "keda.setUp=true" if mode != MODES[1] else "keda.setUp=false")
        if program == "certificates" and mode == MODES[1]:
            continue
        before = pod_of(helm.render(*settings), f"readpool-{program}")
        pod = pod_of(helm.render(*settings, set_of(program, **{name: value})), f"readpool-{program}")
        holder, field = (pod, "volumes") if name == "extraVolumes" else (pod["containers"][0], "volumeMounts")
        old = before if name == "extraVolumes" else before["containers"][0]
        assert holder.pop(field) == [*old.pop(field, []), *value], mode
        assert pod == before, "nothing else changes"


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_takes_what_is_set_of_its_deployment(helm: Helm, program: str) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 1}}
    setting = set_of(program, strategy=strategy, revisionHistoryLimit=3, deploymentAnnotations={"reloader": "on"})
    deployment = find(helm.render(*ROUTED, setting), "Deployment", f"readpool-{program}")
    assert deployment["metadata"]["annotations"] == {"reloader": "on"}
    assert (deployment["spec"]["strategy"], deployment["spec"]["revisionHistoryLimit"]) == (strategy, 3)
    recreated = find(helm.render(*ROUTED, f"{program}.strategy.type=Recreate"), "Deployment", f"readpool-{program}")
    assert recreated["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_probe_is_changed_field_by_field_and_a_handler_replaces_the_handler(helm: Helm, program: str) -> None:
    before = pod_of(helm.render(*ROUTED), f"readpool-{program}")["containers"][0]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        slower = pod_of(helm.render(*ROUTED, f"{program}.{probe}.failureThreshold=9"), f"readpool-{program}")
        found = dict(slower["containers"][0][probe])
        assert found.pop("failureThreshold") == 9
        kept = {name: value for name, value in before.get(probe, {}).items() if name != "failureThreshold"}
        assert found == kept or (probe not in before and set(found) in ({"httpGet"}, {"tcpSocket"}))
        other = pod_of(helm.render(*ROUTED, f"{program}.{probe}.exec.command={{true}}"), f"readpool-{program}")
        handlers = {"exec", "httpGet", "tcpSocket", "grpc"} & set(other["containers"][0][probe])
        assert handlers == {"exec"}


def test_what_is_global_is_for_every_program_until_it_has_its_own(helm: Helm) -> None:
    shared = {name: IN_POD[name] for name in ("priorityClassName", "tolerations", "affinity")}
    settings = [*ROUTED, json.dumps({"global": {**shared, "nodeSelector": {"disk": "ssd"}}})]
    for pod in pods_of(helm.render(*settings)):
        assert {name: pod[name] for name in shared} == shared
        assert pod["nodeSelector"] == {"kubernetes.io/os": "linux", "disk": "ssd"}
    own = helm.render(*settings, "router.priorityClassName=low", "router.nodeSelector.disk=hdd")
    assert pod_of(own, "readpool-router")["priorityClassName"] == "low"
    assert pod_of(own, "readpool-router")["nodeSelector"]["disk"] == "hdd"
    assert pod_of(own, "readpool-scaler")["priorityClassName"] == "critical"


@pytest.mark.parametrize(
    ("settings", "ours", "envoy"),
    [
        pytest.param((), "readpool:{}", "envoyproxy/envoy:distroless-v1.40.0", id="defaults"),
        pytest.param(
            ("global.imageRegistry=mirror.example:5000/hub/",),
            "mirror.example:5000/hub/readpool:{}",
            "mirror.example:5000/hub/envoyproxy/envoy:distroless-v1.40.0",
            id="a mirror of all",
        ),
        pytest.param(
            ("global.imageRegistry=mirror.example", "image.repository=ghcr.io/readpool/readpool", "image.registry=x.y"),
            "mirror.example/readpool/readpool:{}",
            "mirror.example/envoyproxy/envoy:distroless-v1.40.0",
            id="instead of the one in the repository",
        ),
        pytest.param(
            ("image.registry=a.example", "gate.image.registry=b.example", f"gate.image.digest={DIGEST}"),
            "a.example/readpool:{}",
            f"b.example/envoyproxy/envoy@{DIGEST}",
            id="each its own",
        ),
        pytest.param(("gate.image=c.example/envoy:v1",), "readpool:{}", "c.example/envoy:v1", id="a whole reference"),
    ],
)
def test_images_come_from_where_it_is_said(helm: Helm, settings: Sequence[str], ours: str, envoy: str) -> None:
    objects = helm.render(*ROUTED, *settings)
    version = find(objects, "Deployment", "readpool-scaler")["metadata"]["labels"]["app.kubernetes.io/version"]
    expected = {ours.format(version), envoy}
    assert {one["image"] for pod in list_pods(objects) for one in pod["spec"]["containers"]} == expected
    assert f"--gate-image={envoy}" in pod_of(objects, "readpool-controller")["containers"][0]["args"]


def test_secrets_for_pulling_are_those_of_both_lists_once_each(helm: Helm) -> None:
    both = {"global": {"imagePullSecrets": [{"name": "a"}, {"name": "b"}]}, "imagePullSecrets": [{"name": "b"}]}
    pods = list_pods(helm.render(*ROUTED, json.dumps(both)))
    assert len(pods) == 6
    assert all(pod["spec"]["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}] for pod in pods)


@pytest.mark.parametrize("mode", [*MODES, "controller.namespaces={one,two}"])
def test_common_annotations_are_on_every_object_and_replace_none(helm: Helm, mode: str) -> None:
    common = json.dumps({"commonAnnotations": {"team": "stellar", "own": "theirs"}})
    services = ("scaler.service.annotations.own=ours", "router.service.annotations.own=ours")
    more = [f"monitoring.{kind}.enabled=true" for kind in ("rules", "dashboards", "gates")]
    more += [f"{program}.podMonitor.enabled=true" for program in ("router", "certificates")]
    more += [f"{program}.networkPolicy.enabled=true" for program in ("scaler", "router")]
    more += ["controller.serviceMonitor.enabled=true", "controller.eds.enabled=true"]
    keda = f"keda.setUp={'auto' if 'off' in mode else 'true'}"
    objects = helm.render(*ALL, mode, keda, common, *services, *more)
    assert [o["kind"] for o in objects if o["metadata"].get("annotations", {}).get("team") != "stellar"] == []
    assert find(objects, "Service", "readpool-scaler")["metadata"]["annotations"]["own"] == "ours"
    assert find(objects, "Pod", "readpool-scaler-check")["metadata"]["annotations"]["helm.sh/hook"] == "test"
    definition = find(objects, "CustomResourceDefinition")["metadata"]["annotations"]
    assert definition["helm.sh/resource-policy"] == "keep"
    templates = [o["spec"]["template"] for o in objects if o["kind"] == "Deployment"]
    assert not any("team" in template["metadata"].get("annotations", {}) for template in templates), "restarts nothing"


def test_the_router_takes_flags(helm: Helm) -> None:
    pod = pod_of(helm.render(*ROUTED, "router.extraArgs={--component-log-level=upstream:debug}"), "readpool-router")
    assert pod["containers"][0]["args"][-1] == "--component-log-level=upstream:debug"


def test_objects_of_the_users_are_rendered_with_the_release(helm: Helm) -> None:
    text = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: {{ .Release.Name }}-text}"
    listed = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "{{ .Release.Namespace }}-listed"}}
    objects = helm.render(json.dumps({"extraObjects": [listed, text]}))
    assert find(objects, "ConfigMap", "readpool-text")
    assert find(objects, "ConfigMap", "readpool-listed")


def test_people_may_use_pools_by_the_roles_of_kubernetes_and_nothing_else(helm: Helm) -> None:
    roles = [o for o in helm.render() if o["kind"] == "ClusterRole" and "-pools-" in o["metadata"]["name"]]
    rights = {o["metadata"]["name"]: o for o in roles}
    aggregate = "rbac.authorization.k8s.io/aggregate-to-"
    into = {name: {k for k in o["metadata"]["labels"] if k.startswith(aggregate)} for name, o in rights.items()}
    assert into == {
        "readpool:readpool-pools-view": {f"{aggregate}view"},
        "readpool:readpool-pools-edit": {f"{aggregate}edit", f"{aggregate}admin"},
    }
    view = rights["readpool:readpool-pools-view"]["rules"]
    assert {verb for rule in view for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert {group for o in roles for rule in o["rules"] for group in rule["apiGroups"]} == {"stellar.org"}
    for off in ("rbac.aggregate=false", "crds.install=false"):
        assert not [o for o in helm.render(off) if "-pools-" in o["metadata"]["name"]]


WRONG: list[tuple[str, str, str]] = [
    ("extraEnv[0].value=x", "/extraEnv/0'", "missing property 'name'"),
    ("extraEnv[0].name=1x", "/extraEnv/0/name'", "does not match pattern"),
    ("envFrom[0].prefix=x", "/envFrom/0'", "'oneOf' failed"),
    ("extraVolumes[0].name=x", "/extraVolumes/0'", "minProperties"),
    ("extraVolumeMounts[0].name=x", "/extraVolumeMounts/0'", "missing property 'mountPath'"),
    ("extraContainers[0].name=x", "/extraContainers/0'", "missing property 'image'"),
    ("initContainers[0].name=x", "/initContainers/0'", "missing property 'image'"),
    ("livenessProbe.failureThreshold=0", "/livenessProbe/failureThreshold'", "minimum"),
    ("readinessProbe.period=1", "/readinessProbe'", "'period' not allowed"),
    ("strategy.type=OnDelete", "/strategy/type'", "'RollingUpdate', 'Recreate'"),
    ("revisionHistoryLimit=-1", "/revisionHistoryLimit'", "minimum"),
    ("dnsPolicy=Cluster", "/dnsPolicy'", "must be one of"),
    ("dnsPolicy=None", ".dnsPolicy is None", "dnsConfig.nameservers"),
    ("dnsConfig.servers={a}", "/dnsConfig'", "'servers' not allowed"),
    ("hostAliases[0].ip=10.0.0.1", "/hostAliases/0'", "missing property 'hostnames'"),
    ("deploymentAnnotations.a=true", "/deploymentAnnotations/a'", "want string"),
    ("extraArgs={flag}", "/extraArgs/0'", "does not match pattern"),
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_wrong_is_refused_by_name(helm: Helm, program: str) -> None:
    for setting, where, why in WRONG:
        with pytest.raises(RefusedError) as refusal:
            helm.render(*ROUTED, f"{program}.{setting}")
        assert f"{program}{where}" in str(refusal.value), setting
        assert why in str(refusal.value), setting
    taken = [f"{program}.extraContainers[0].name={program}", f"{program}.extraContainers[0].image=x"]
    with pytest.raises(RefusedError, match=rf"{program}.extraContainers: the chart has one named {program} already"):
        helm.render(*ROUTED, *taken)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("global.imageRegistry=https://mirror", "'/global/imageRegistry'"),
        ("global.imagePullSecrets={a}", "'/global/imagePullSecrets/0'"),
        ("gate.image.digest=abc", "'/gate/image/digest'"),
        ("gate.image.tag=", "gate.image: set its tag or its digest"),
        ("commonAnnotations.a=1", "'/commonAnnotations/a'"),
        ("rbac.agregate=false", "'agregate' not allowed"),
        ("extraObjects={1}", "'/extraObjects/0'"),
    ],
)
def test_what_is_wrong_beside_the_programs_is_refused_too(helm: Helm, setting: str, sentence: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        helm.render(setting)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize("name", ["startupProbe", "extraEnv", "strategy", "dnsConfig", "revisionHistoryLimit"])
def test_null_is_as_good_as_nothing(helm: Helm, name: str) -> None:
    before = find(helm.render(), "Deployment", "readpool-scaler")
    deployment = find(helm.render(f"scaler.{name}=null", "global=null", "rbac=null"), "Deployment", "readpool-scaler")
    before["spec"].pop("revisionHistoryLimit")
    if name == "revisionHistoryLimit":
        assert name not in deployment["spec"], "Kubernetes' own default, not none"
    deployment["spec"].pop("revisionHistoryLimit", None)
    assert deployment == before
