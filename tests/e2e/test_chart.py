"""The chart as Helm renders it: secure by default, TLS in every form, and wrong values refused with a sentence."""

from collections.abc import Sequence
from typing import Any

import pytest
import yaml

from devtools.release.versions import to_chart_version
from readpool import __version__
from tests.e2e.rendered_chart import CHART, KUBERNETES, Helm, Object, RefusedError, args_of, find, list_pods, pod_of

pytestmark = pytest.mark.timeout(900)  # Helm may have to be built

KEDA_TRUSTS = "controller.scalerAuthentication=keda-readpool"
OFF = ("tls.mode=off",)
TLS = ("tls.mode=secret", "scaler.tls.secretName=scaler-tls", KEDA_TRUSTS)
MUTUAL = (*TLS, "scaler.tls.clientCA.enabled=true", "controller.tls.clientSecretName=controller-tls")
ISSUED = ("tls.mode=certManager",)
EXTRAS = (
    *(
        f"{program}.{kind}.enabled=true"
        for program in ("scaler", "controller")
        for kind in ("networkPolicy", "serviceMonitor")
    ),
    "commonLabels.team=stellar",
)
ROUTED = ("router.enabled=true", "router.pools[0].namespace=stellar", "router.pools[0].name=readers")
ALONE = ("controller.enabled=false",)
VARIANTS = [
    pytest.param((), id="defaults"),
    pytest.param(OFF, id="plain text"),
    pytest.param(TLS, id="TLS"),
    pytest.param(MUTUAL, id="mTLS"),
    pytest.param((*ISSUED, *EXTRAS, *ROUTED), id="all of it"),
    pytest.param(ROUTED, id="a router"),
    pytest.param((*ROUTED, *OFF), id="a router in plain text"),
    pytest.param((*EXTRAS, *ALONE), id="the scaler alone"),
    pytest.param(("controller.namespaces={one,two}",), id="some namespaces"),
]
KEDA_LOOKUP_SECONDS = 30
"""grpc-go looks a name up at most so often (internal/resolver/dns, MinResolutionInterval)."""
CLUSTER_WIDE = {
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ClusterTriggerAuthentication",
}
KEDAS = "readpool.readpool-scaler"
"""What is in KEDA's namespace."""
SCALER = "readpool-scaler"
OWN_LABELS = {
    "app.kubernetes.io/name": "readpool",
    "app.kubernetes.io/instance": "readpool",
    "app.kubernetes.io/component": "scaler",
}


def scaler_of(objects: Sequence[Object]) -> Any:
    """Return the spec of the scaler's pods."""
    return pod_of(objects, SCALER)


def test_the_linter_finds_nothing(helm: Helm) -> None:
    assert "0 chart(s) failed" in helm.run("lint", "--strict", "--kube-version", KUBERNETES, str(CHART))


def test_its_version_is_that_of_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (to_chart_version(__version__), __version__)


@pytest.mark.parametrize("settings", VARIANTS)
def test_every_container_has_no_rights_beyond_need(helm: Helm, settings: Sequence[str]) -> None:
    pods = list_pods(helm.render(*settings))
    is_managed = not {OFF[0], TLS[0]} & set(settings)
    expected = (2 if ALONE[0] in settings else 4) + (ROUTED[0] in settings) + is_managed
    assert len(pods) == expected, "of each program, and of its test; the router; and who looks after certificates"
    for pod in pods:
        spec = pod["spec"]
        assert spec["enableServiceLinks"] is False
        assert spec["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        assert {"secret", "configMap"} >= {
            kind for volume in spec.get("volumes", []) for kind in volume if kind != "name"
        }
        for container in spec.get("initContainers", []) + spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"requests", "limits"} <= set(container["resources"])
            assert not any("hostPort" in port for port in container.get("ports", []))


@pytest.mark.parametrize("program", ["scaler", "controller", "router"])
@pytest.mark.parametrize("settings", [*VARIANTS, pytest.param(("nameOverride=eyes",), id="another name")])
def test_every_selector_matches_its_own_program_and_nothing_else(
    helm: Helm, settings: Sequence[str], program: str
) -> None:
    objects = helm.render(*settings)
    ours = [o for o in objects if o["metadata"]["labels"].get("app.kubernetes.io/component") == program]
    if (program == "controller" and ALONE[0] in settings) or (program == "router" and ROUTED[0] not in settings):
        assert ours == []
        return
    deployment = find(ours, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()
    others = [pod["metadata"]["labels"].items() for pod in list_pods(objects) if pod != deployment["spec"]["template"]]
    spreads = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
    services = [o for o in ours if o["kind"] == "Service"]
    assert services
    selectors = [deployment["spec"]["selector"]["matchLabels"], *(one["spec"]["selector"] for one in services)]
    selectors += [find(ours, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"]]
    selectors += [spread["labelSelector"]["matchLabels"] for spread in spreads]
    selectors += [o["spec"]["podSelector"]["matchLabels"] for o in ours if o["kind"] == "NetworkPolicy"]
    assert all(selector.items() <= labels for selector in selectors)
    assert not any(selector.items() <= other for selector in selectors for other in others)
    for monitor in (o for o in ours if o["kind"] == "ServiceMonitor"):
        watched = find(ours, "Service", deployment["metadata"]["name"])["metadata"]["labels"]
        assert monitor["spec"]["selector"]["matchLabels"].items() <= watched.items()


@pytest.mark.parametrize("settings", VARIANTS)
def test_every_object_carries_the_usual_labels_and_the_namespace(helm: Helm, settings: Sequence[str]) -> None:
    for thing in helm.render(*settings):
        elsewhere = {"one", "two"} if thing["kind"] in {"Role", "RoleBinding"} else set()
        elsewhere |= {"keda"} if thing["metadata"]["name"] == KEDAS else set()
        expected = {None} if thing["kind"] in CLUSTER_WIDE else {"readpool", *elsewhere}
        assert thing["metadata"].get("namespace") in expected
        assert {
            "app.kubernetes.io/name": "readpool",
            "app.kubernetes.io/instance": "readpool",
            "app.kubernetes.io/part-of": "readpool",
            "app.kubernetes.io/managed-by": "Helm",
            "app.kubernetes.io/version": __version__,
            "helm.sh/chart": f"readpool-{to_chart_version(__version__)}",
        }.items() <= thing["metadata"]["labels"].items()


def test_labels_of_a_user_reach_everything_and_never_replace_ours(helm: Helm) -> None:
    ours = "commonLabels.app\\.kubernetes\\.io/{}=theirs"
    settings = [ours.format(name) for name in ("name", "instance", "component")]
    objects = helm.render(*settings, "commonLabels.team=stellar", "scaler.podLabels.app\\.kubernetes\\.io/name=theirs")
    assert all(o["metadata"]["labels"]["team"] == "stellar" for o in [*objects, *list_pods(objects)])
    assert OWN_LABELS.items() <= find(objects, "Deployment", SCALER)["spec"]["template"]["metadata"]["labels"].items()


def test_a_new_chart_with_the_same_image_restarts_nothing(helm: Helm) -> None:
    deployments = [o for o in helm.render() if o["kind"] == "Deployment"]
    assert len(deployments) == 3
    assert not [one for one in deployments if "helm.sh/chart" in one["spec"]["template"]["metadata"]["labels"]]


def test_the_service_gives_keda_the_address_of_every_ready_scaler(helm: Helm) -> None:
    objects = helm.render("scaler.service.port=9191")
    spec = find(objects, "Service", SCALER)["spec"]
    assert (spec["clusterIP"], spec["publishNotReadyAddresses"]) == ("None", False)
    (container,) = scaler_of(objects)["containers"]
    assert {port["name"]: port["port"] for port in spec["ports"]} == {"grpc": 9191, "telemetry": 8080}
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {"grpc": 9191, "telemetry": 8080}
    assert "--listen=[::]:9191" in container["args"]


def test_a_scaler_is_ready_within_a_second_of_answering_and_probed_without_tls(helm: Helm) -> None:
    (container,) = scaler_of(helm.render(*MUTUAL))["containers"]
    probes = {name: container[f"{name}Probe"] for name in ("startup", "readiness", "liveness")}
    paths = {name: (probe["httpGet"]["path"], probe["httpGet"]["port"]) for name, probe in probes.items()}
    assert paths == {
        "startup": ("/readyz", "telemetry"),
        "readiness": ("/readyz", "telemetry"),
        "liveness": ("/healthz", "telemetry"),
    }
    assert probes["startup"]["periodSeconds"] == 1


def test_an_update_or_a_drain_takes_no_scaler_that_is_not_replaced(helm: Helm) -> None:
    objects = helm.render()
    deployment = find(objects, "Deployment", SCALER)["spec"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert deployment["minReadySeconds"] > KEDA_LOOKUP_SECONDS
    assert find(objects, "PodDisruptionBudget", SCALER)["spec"]["maxUnavailable"] == 1
    spread = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]


@pytest.mark.parametrize(
    ("kubernetes", "hook"),
    [
        pytest.param("1.36.3", {"sleep": {"seconds": 5}}, id="the kubelet sleeps"),
        pytest.param("1.30.0-gke.1", {"sleep": {"seconds": 5}}, id="a vendor's version"),
        pytest.param("1.27.0", {"exec": {"command": ["sleep", "5"]}}, id="before it could"),
    ],
)
def test_a_pod_that_ends_leaves_dns_before_it_drains(helm: Helm, kubernetes: str, hook: Object) -> None:
    pod = scaler_of(helm.render("crds.install=false", *ALONE, kubernetes=kubernetes))
    (container,) = pod["containers"]
    assert container["lifecycle"]["preStop"] == hook
    assert "--drain-seconds=10" in container["args"]
    assert pod["terminationGracePeriodSeconds"] > 5 + 10


@pytest.mark.parametrize(
    ("settings", "flag"),
    [
        pytest.param("scaler.pollInterval=2.5", "--poll-interval=2.5", id="pollInterval"),
        pytest.param(
            "scaler.references={horizon=https://h.example}", "--reference=horizon=https://h.example", id="ref"
        ),
        pytest.param("scaler.allowStaticNodes=true", "--allow-static-nodes", id="allowStaticNodes"),
        pytest.param("scaler.clusterDomain=k8s.example", "--cluster-domain=k8s.example", id="clusterDomain"),
        pytest.param("scaler.logLevel=debug", "--log-level=debug", id="logLevel"),
        pytest.param("scaler.logFormat=console", "--log-format=console", id="logFormat"),
        pytest.param("scaler.telemetry.port=8081", "--telemetry-listen=[::]:8081", id="telemetry"),
        pytest.param("scaler.extraArgs={--dns-server=10.0.0.1:53}", "--dns-server=10.0.0.1:53", id="extraArgs"),
    ],
)
def test_a_value_becomes_a_flag(helm: Helm, settings: str, flag: str) -> None:
    assert flag in args_of(scaler_of(helm.render(settings)))
    assert flag not in args_of(scaler_of(helm.render()))


def test_the_image_is_of_the_charts_own_version_unless_said_otherwise(helm: Helm) -> None:
    def images(*settings: str) -> set[str]:
        return {pod["spec"]["containers"][0]["image"] for pod in list_pods(helm.render(*settings))}

    assert images() == {f"readpool:{__version__}"}
    assert images("image.repository=localhost/readpool", "image.tag=abc") == {"localhost/readpool:abc"}
    assert images("image.tag=abc", f"image.digest=sha256:{'0' * 64}") == {f"readpool@sha256:{'0' * 64}"}


def test_where_the_cluster_chooses_the_user_the_chart_names_none(helm: Helm) -> None:
    users = ("runAsUser", "runAsGroup", "fsGroup")
    programs = ("scaler", "controller", "certificates", "router")
    settings = [f"{program}.podSecurityContext.{key}=null" for program in programs for key in users]
    for pod in list_pods(helm.render(*ROUTED, *settings)):
        assert set(pod["spec"]["securityContext"]) == {"runAsNonRoot", "seccompProfile"}


MAY_BE_LONG = ("rbac.", "admissionregistration.", "keda.sh/")
"""Groups of kinds whose names may have 253 characters; and Secrets have."""


def is_long(thing: Object) -> bool:
    return thing["kind"] == "Secret" or str(thing["apiVersion"]).startswith(MAY_BE_LONG)


def test_no_name_grows_too_long(helm: Helm) -> None:
    objects = helm.render(*ISSUED, *EXTRAS, *ROUTED, f"fullnameOverride={'long-' * 12}er")
    names = [o["metadata"]["name"] for o in objects if not is_long(o)]
    assert 60 <= max(map(len, names)) <= 63


def test_a_second_release_in_the_namespace_meets_nothing_of_the_first(helm: Helm) -> None:
    def names(release: str) -> set[tuple[str, str]]:
        objects = helm.render(*ISSUED, *EXTRAS, *ROUTED, "crds.install=false", release=release)
        return {(o["kind"], o["metadata"]["name"]) for o in objects}

    assert not names("readpool") & names("another")
    assert ("Service", "another-readpool-scaler") in names("another")


def test_a_cluster_that_is_too_old_is_refused(helm: Helm) -> None:
    with pytest.raises(RefusedError, match=r"chart requires kubeVersion: >=1\.27"):
        helm.render(kubernetes="1.26.9")


def test_a_cluster_that_is_too_old_for_pools_gets_the_scaler_alone(helm: Helm) -> None:
    with pytest.raises(RefusedError, match=r"ReadOnlyPool needs Kubernetes 1\.29 or newer; set it to false"):
        helm.render(*ALONE, kubernetes="1.28.9")
    with pytest.raises(RefusedError, match=r"controller.enabled: ReadOnlyPool needs Kubernetes 1\.29 or newer"):
        helm.render("crds.install=false", kubernetes="1.28.9")
    assert helm.render("crds.install=false", *ALONE, kubernetes="1.28.9")


def test_the_definition_of_pools_outlives_the_release_unless_said_otherwise(helm: Helm) -> None:
    kept = find(helm.render(), "CustomResourceDefinition")["metadata"]["annotations"]
    assert kept == {"helm.sh/resource-policy": "keep"}
    assert "annotations" not in find(helm.render("crds.keep=false"), "CustomResourceDefinition")["metadata"]
