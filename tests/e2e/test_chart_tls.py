"""TLS in the chart, in each of its modes, as rendered by Helm: who has which certificate, and who is shown it."""

from collections.abc import Sequence
from typing import Any

import pytest
import yaml

from readpool.certificates.__main__ import certificates
from readpool.certificates.settings import CertificateSettings
from readpool.certificates.wanted import Lifetimes, parse_copy, parse_duration, parse_leaf, parse_secret
from tests.e2e.rendered_chart import CHART, KUBERNETES, Helm, Object, RefusedError, args_of, find, pod_of

pytestmark = pytest.mark.timeout(900)  # Helm may have to be built

OFF, MUTUAL, ALONE = "tls.mode=off", "scaler.tls.clientCA.enabled=true", "controller.enabled=false"
EXAMPLE = CHART.parents[1] / "examples" / "values-mtls.yaml"
GIVEN = ("tls.mode=secret", "scaler.tls.secretName=given", ALONE)
ISSUED = ("tls.mode=certManager", ALONE)
FOREIGN = (*ISSUED, "tls.certManager.issuerRef.name=authority", "tls.certManager.issuerRef.kind=ClusterIssuer")
SERVER_FILES, CLIENT_FILES, AUTHORITY = ["tls.crt", "tls.key"], ["tls.crt", "tls.key"], ["ca.crt"]
SERVING = ["--tls-cert=/tls/tls.crt", "--tls-key=/tls/tls.key"]
DEMANDING = [*SERVING, "--tls-client-ca=/client-ca/ca.crt"]
TRUSTING = ["--tls-ca=/tls/ca.crt"]
CERTIFICATES = "readpool-certificates"
OWN = {
    "/tls": ("readpool-scaler-tls", SERVER_FILES),
    "/client-ca": ("readpool-scaler-tls", AUTHORITY),
    "/client-tls": ("readpool-scaler-client-tls", ["ca.crt", *CLIENT_FILES]),
}
SHOWING = [*TRUSTING, "--tls-cert=/client-tls/tls.crt", "--tls-key=/client-tls/tls.key"]

CLIENT_VARIABLES = {f"READPOOL_CLIENT_TLS_{name}" for name in ("CA", "CERT", "KEY", "SERVER_NAME")}
Mounts = dict[str, tuple[str, list[str]]]


def list_tls_flags(pod: Object) -> list[str]:
    (container,) = pod["containers"]
    return [argument for argument in container["args"] if argument.startswith("--tls")]


def list_mounts(pod: Object) -> Mounts:
    """Return what is mounted where: the Secret's name and its files."""
    secrets = {volume["name"]: volume["secret"] for volume in pod.get("volumes", [])}
    (container,) = pod["containers"]
    assert all(mount["readOnly"] and "subPath" not in mount for mount in container.get("volumeMounts", []))
    mounts = ((mount["mountPath"], secrets[mount["name"]]) for mount in container.get("volumeMounts", []))
    return {path: (secret["secretName"], [item["path"] for item in secret["items"]]) for path, secret in mounts}


@pytest.mark.parametrize(
    ("settings", "flags", "mounts"),
    [
        pytest.param((OFF,), [], {}, id="off"),
        pytest.param((), DEMANDING, OWN, id="auto"),
        pytest.param(ISSUED, DEMANDING, OWN, id="issued"),
        pytest.param(GIVEN, SERVING, {"/tls": ("given", SERVER_FILES)}, id="a Secret"),
        pytest.param(
            (*GIVEN, MUTUAL),
            DEMANDING,
            {"/tls": ("given", SERVER_FILES), "/client-ca": ("given", AUTHORITY)},
            id="clients of the same authority",
        ),
        pytest.param(
            (*GIVEN, MUTUAL, "scaler.tls.clientCA.secretName=clients"),
            DEMANDING,
            {"/tls": ("given", SERVER_FILES), "/client-ca": ("clients", AUTHORITY)},
            id="clients of another authority",
        ),
    ],
)
def test_the_scaler_serves_with(helm: Helm, settings: Sequence[str], flags: list[str], mounts: Mounts) -> None:
    pod = find(helm.render(*settings), "Deployment", "readpool-scaler")["spec"]["template"]["spec"]
    assert [flag for flag in list_tls_flags(pod) if "names" not in flag] == flags
    assert list_mounts(pod) == mounts
    environment = {one["name"]: one["value"] for one in pod["containers"][0].get("env", [])}
    assert set(environment) == (CLIENT_VARIABLES if "/client-tls" in mounts else set())


SHOWN = {"/tls": ("readpool-scaler-tls", AUTHORITY), "/client-tls": ("readpool-scaler-client-tls", CLIENT_FILES)}


@pytest.mark.parametrize(
    ("settings", "flags", "mounts"),
    [
        pytest.param((OFF,), [], {}, id="off"),
        pytest.param((), SHOWING, SHOWN, id="auto"),
        pytest.param(ISSUED, SHOWING, SHOWN, id="issued"),
        pytest.param(GIVEN, TRUSTING, {"/tls": ("given", AUTHORITY)}, id="a Secret"),
        pytest.param((*GIVEN, MUTUAL), TRUSTING, {"/tls": ("given", AUTHORITY)}, id="mTLS and nothing to show"),
        pytest.param(
            (*GIVEN, MUTUAL, "scaler.tls.testClientSecretName=shown"),
            SHOWING,
            {"/tls": ("given", AUTHORITY), "/client-tls": ("shown", CLIENT_FILES)},
            id="mTLS",
        ),
    ],
)
def test_helm_test_asks_with(helm: Helm, settings: Sequence[str], flags: list[str], mounts: Mounts) -> None:
    pod = find(helm.render(*settings), "Pod", "readpool-scaler-check")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert pod["spec"]["restartPolicy"] == "Never"
    (container,) = pod["spec"]["containers"]
    assert container["args"][:3] == ["check", "readpool-scaler.readpool:9090", "--at-least=2"]
    assert list_tls_flags(pod["spec"]) == flags
    assert list_mounts(pod["spec"]) == mounts


NAMES = ["readpool-scaler", "readpool-scaler.readpool", "readpool-scaler.readpool.svc"]


def test_cert_manager_issues_for_every_form_of_the_address_and_a_key_of_its_own_each_time(helm: Helm) -> None:
    objects = helm.render(*FOREIGN, "scaler.clusterDomain=k8s.example")
    spec = find(objects, "Certificate", "readpool-scaler")["spec"]
    assert spec["dnsNames"] == [*NAMES, "readpool-scaler.readpool.svc.k8s.example"]
    assert spec["issuerRef"] == {"name": "authority", "kind": "ClusterIssuer"}
    assert spec["privateKey"]["rotationPolicy"] == "Always"
    assert "server auth" in spec["usages"]


@pytest.mark.parametrize("mode", ["auto", "certManager"])
def test_everybody_who_takes_part_has_a_certificate_of_one_name_and_one_use(helm: Helm, mode: str) -> None:
    routed = ("router.enabled=true", "router.pools[0].namespace=a", "router.pools[0].name=b")
    objects = helm.render(f"tls.mode={mode}", *routed)
    servers = {
        "readpool-scaler-tls": [*NAMES, f"{NAMES[-1]}.cluster.local"],
        "readpool-controller-eds-tls": [
            f"readpool-controller-eds{rest}"
            for rest in ("", ".readpool", ".readpool.svc", ".readpool.svc.cluster.local")
        ],
    }
    keda = "keda/readpool.readpool-scaler" if mode == "auto" else "readpool-keda-tls"
    clients = {
        "readpool-scaler-client-tls": ["readpool-scaler-client.readpool"],
        "readpool-controller-client-tls": ["readpool-controller.readpool"],
        "readpool-router-client-tls": ["readpool-router.readpool"],
        keda: ["readpool-keda.readpool"],
    }
    if mode == "certManager":
        specs = [o["spec"] for o in objects if o["kind"] == "Certificate" and not o["spec"].get("isCA")]
        found = {s["secretName"]: (s["dnsNames"], s["usages"][-1]) for s in specs}
    else:
        flags = [one.split("=", 2) for one in read_args(objects) if one.startswith(("--server=", "--client="))]
        found = {secret: (names.split(","), f"{use[2:]} auth") for use, secret, names in flags}
    assert found == {one: (names, "server auth") for one, names in servers.items()} | {
        one: (names, "client auth") for one, names in clients.items()
    }


def read_args(objects: Sequence[Object]) -> list[str]:
    return args_of(pod_of(objects, CERTIFICATES))


def test_the_programs_flags_are_such_that_it_knows_and_takes(helm: Helm) -> None:
    for settings in ((), ISSUED, ("tls.auto.duration=2h", "tls.auto.authorityDuration=20h", "keda.namespace=scaling")):
        given = [word.split("=", 1) for word in read_args(helm.render(*settings))[1:]]
        known = {flag: parameter.name for parameter in certificates.params for flag in parameter.opts}
        assert {flag for flag, _ in given} <= set(known)
        values = dict(given)
        durations = [parse_duration(values.get(f"--{name}", default)) for name, default in DURATIONS]
        parsed = CertificateSettings(
            authority=parse_secret(values["--authority"], "readpool") if "--authority" in values else None,
            authority_name="a",
            identity="i",
            lifetimes=Lifetimes(*durations),
            leaves=tuple(parse_leaf(t, "readpool", is_server=f == "--server") for f, t in given if f in LEAF_FLAGS),
            copies=tuple(parse_copy(text, "readpool") for flag, text in given if flag == "--copy"),
        )
        assert parsed.copies or parsed.leaves


DURATIONS = (("duration", "168h"), ("authority-duration", "8760h"))
LEAF_FLAGS = ("--server", "--client")


def test_cert_manager_makes_an_authority_that_nobody_elses_namespace_can_use(helm: Helm) -> None:
    objects = helm.render(*ISSUED)
    issuers = {o["metadata"]["name"]: o["spec"] for o in objects if o["kind"] == "Issuer"}
    assert issuers == {"readpool-selfsigned": {"selfSigned": {}}, "readpool-ca": {"ca": {"secretName": "readpool-ca"}}}
    authority = find(objects, "Certificate", "readpool-ca")["spec"]
    assert authority["isCA"] is True
    assert authority["privateKey"]["rotationPolicy"] == "Never"
    assert not [o for o in helm.render(*FOREIGN) if o["kind"] == "Issuer"]


@pytest.mark.parametrize("settings", [(), ISSUED, ("keda.namespace=scaling",)], ids=["auto", "issued", "elsewhere"])
def test_kedas_side_is_one_authentication_for_all_namespaces(helm: Helm, settings: tuple[str, ...]) -> None:
    objects = helm.render(*settings)
    authentication = find(objects, "ClusterTriggerAuthentication")
    name = authentication["metadata"]["name"]
    secret = next(o for o in objects if o["kind"] == "Secret" and o["metadata"]["name"] == name)
    assert secret["metadata"]["namespace"] == ("scaling" if "keda.namespace=scaling" in settings else "keda")
    assert [(t["parameter"], t["name"], t["key"]) for t in authentication["spec"]["secretTargetRef"]] == [
        ("caCert", name, "ca.crt"),
        ("tlsClientCert", name, "tls.crt"),
        ("tlsClientKey", name, "tls.key"),
    ]


@pytest.mark.parametrize("settings", [(OFF,), GIVEN, ("keda.setUp=false",)], ids=["off", "a Secret", "by hand"])
def test_kedas_side_is_left_alone_where_it_is_somebody_elses(helm: Helm, settings: tuple[str, ...]) -> None:
    objects = helm.render(*settings)
    assert not [o for o in objects if o["kind"] == "ClusterTriggerAuthentication"]
    assert "keda" not in {o["metadata"].get("namespace") for o in objects}
    if settings == ("keda.setUp=false",):
        notes = helm.render_notes(*settings)
        assert "KEDA cannot call the scaler yet: keda.setUp is false" in notes


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        pytest.param(
            ("tls.mode=secret",), "name a Secret with tls.crt and tls.key in scaler.tls.secretName", id="none"
        ),
        pytest.param((OFF, MUTUAL), "scaler.tls.clientCA.enabled needs tls.mode auto, certManager or s", id="without"),
        pytest.param((OFF, "controller.eds.tls.enabled=true"), "controller.eds.tls.enabled needs tls.mode", id="EDS"),
        pytest.param(
            ("scaler.tls.secretName=given",),
            "scaler.tls.secretName is given, and Secrets of your own need tls.mode=secret; tls.mode is auto",
            id="whose",
        ),
        pytest.param(
            ("tls.mode=certManager", "router.edsClientSecretName=a"), "router.edsClientSecretName is a", id="r"
        ),
    ],
)
def test_half_a_setting_is_refused(helm: Helm, settings: Sequence[str], sentence: str) -> None:
    with pytest.raises(RefusedError, match=sentence):
        helm.render(*settings)


def test_the_example_is_all_of_it(helm: Helm) -> None:
    where = ("--namespace", "readpool", "--kube-version", KUBERNETES)
    objects = list(yaml.safe_load_all(helm.run("template", "readpool", str(CHART), *where, "--values", str(EXAMPLE))))
    for program in ("readpool-scaler", "readpool-controller"):
        assert {o["kind"] for o in objects if o["metadata"]["name"] == program} >= {"NetworkPolicy", "ServiceMonitor"}
    named = [o["metadata"]["name"] for o in objects if o["kind"] == "Certificate"]
    assert named == ["readpool-scaler", "readpool-scaler-client", "readpool-controller-client", "readpool-keda"]
    ours = [o for o in objects if "-pools-" not in o["metadata"]["name"]]
    clusterwide = {o["kind"] for o in ours if o["kind"].startswith("Cluster")}
    assert clusterwide == {"ClusterTriggerAuthentication"}


@pytest.mark.parametrize(
    ("settings", "trigger", "parameters"),
    [
        pytest.param((OFF,), {}, [], id="off"),
        pytest.param((), {"enableTLS": "true"}, None, id="auto"),
        pytest.param(GIVEN, {"enableTLS": "true"}, ["caCert"], id="TLS"),
        pytest.param((*GIVEN, MUTUAL), {"enableTLS": "true"}, ["caCert", "tlsClientCert", "tlsClientKey"], id="mTLS"),
    ],
)
def test_the_notes_show_the_scaled_object_to_write(
    helm: Helm, settings: Sequence[str], trigger: dict[str, str], parameters: list[str] | None
) -> None:
    notes = helm.render_notes("scaler.service.port=9191", ALONE, *settings)
    start, end = notes.index("apiVersion:"), notes.index("Open the scaler's live page")
    shown: list[Any] = list(yaml.safe_load_all(notes[start:end]))
    (external,) = shown[0]["spec"]["triggers"]
    metadata = external["metadata"]
    assert metadata["scalerAddress"] == "readpool-scaler.readpool:9191"
    assert {key: metadata[key] for key in metadata if key == "enableTLS"} == trigger
    if parameters is None:
        named = {"kind": "ClusterTriggerAuthentication", "name": "readpool.readpool-scaler"}
        assert (external["authenticationRef"], len(shown)) == (named, 1)
        return
    assert ("authenticationRef" in external) == (len(shown) > 1) == bool(trigger)
    assert [p["parameter"] for o in shown[1:] for p in o["spec"]["secretTargetRef"]] == parameters
    tolerances = shown[0]["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert tolerances == {way: {"tolerance": "0"} for way in ("scaleUp", "scaleDown")}
