"""TLS in the chart: from a Secret or by cert-manager, with and without client certificates, as rendered by Helm."""

from collections.abc import Sequence
from typing import Any

import pytest
import yaml

from tests.e2e.rendered_chart import CHART, KUBERNETES, Helm, Object, RefusedError, find

pytestmark = pytest.mark.timeout(900)  # Helm may have to be built

ON, MUTUAL = "scaler.tls.enabled=true", "scaler.tls.clientCA.enabled=true"
ALONE = "controller.enabled=false"
EXAMPLE = CHART.parents[1] / "examples" / "values-mtls.yaml"
GIVEN = (ON, "scaler.tls.secretName=given", ALONE)
ISSUED = (ON, ALONE, "scaler.tls.certManager.enabled=true", "scaler.tls.certManager.issuerRef.name=authority")
SERVER_FILES, CLIENT_FILES, AUTHORITY = ["tls.crt", "tls.key"], ["tls.crt", "tls.key"], ["ca.crt"]
SERVING = ["--tls-cert=/tls/tls.crt", "--tls-key=/tls/tls.key"]
DEMANDING = [*SERVING, "--tls-client-ca=/client-ca/ca.crt"]
TRUSTING = ["--tls-ca=/tls/ca.crt"]
SHOWING = [*TRUSTING, "--tls-cert=/client-tls/tls.crt", "--tls-key=/client-tls/tls.key"]

Mounts = dict[str, tuple[str, list[str]]]


def list_tls_flags(pod: Object) -> list[str]:
    (container,) = pod["containers"]
    return [argument for argument in container["args"] if argument.startswith("--tls")]


def list_mounts(pod: Object) -> Mounts:
    """Give what is mounted where: the Secret's name and its files."""
    secrets = {volume["name"]: volume["secret"] for volume in pod.get("volumes", [])}
    (container,) = pod["containers"]
    assert all(mount["readOnly"] and "subPath" not in mount for mount in container.get("volumeMounts", []))
    mounts = ((mount["mountPath"], secrets[mount["name"]]) for mount in container.get("volumeMounts", []))
    return {path: (secret["secretName"], [item["path"] for item in secret["items"]]) for path, secret in mounts}


@pytest.mark.parametrize(
    ("settings", "flags", "mounts"),
    [
        pytest.param((), [], {}, id="off"),
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
        pytest.param(ISSUED, SERVING, {"/tls": ("readpool-scaler-tls", SERVER_FILES)}, id="issued"),
        pytest.param(
            (*ISSUED, "scaler.tls.secretName=named"),
            SERVING,
            {"/tls": ("named", SERVER_FILES)},
            id="issued into a name",
        ),
    ],
)
def test_the_scaler_serves_with(helm: Helm, settings: Sequence[str], flags: list[str], mounts: Mounts) -> None:
    pod = find(helm.render(*settings), "Deployment", "readpool-scaler")["spec"]["template"]["spec"]
    assert list_tls_flags(pod) == flags
    assert list_mounts(pod) == mounts


@pytest.mark.parametrize(
    ("settings", "flags", "mounts"),
    [
        pytest.param((), [], {}, id="off"),
        pytest.param(GIVEN, TRUSTING, {"/tls": ("given", AUTHORITY)}, id="a Secret"),
        pytest.param((*GIVEN, MUTUAL), TRUSTING, {"/tls": ("given", AUTHORITY)}, id="mTLS and nothing to show"),
        pytest.param(
            (*GIVEN, MUTUAL, "scaler.tls.testClientSecretName=shown"),
            SHOWING,
            {"/tls": ("given", AUTHORITY), "/client-tls": ("shown", CLIENT_FILES)},
            id="mTLS",
        ),
        pytest.param(
            (*ISSUED, MUTUAL),
            SHOWING,
            {"/tls": ("readpool-scaler-tls", AUTHORITY), "/client-tls": ("readpool-scaler-client-tls", CLIENT_FILES)},
            id="issued mTLS",
        ),
        pytest.param(
            (*ISSUED, MUTUAL, "scaler.tls.clientCA.secretName=clients"),
            TRUSTING,
            {"/tls": ("readpool-scaler-tls", AUTHORITY)},
            id="issued, clients of another authority",
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


def test_cert_manager_issues_for_every_form_of_the_address_and_a_key_of_its_own_each_time(helm: Helm) -> None:
    objects = helm.render(*ISSUED, "scaler.clusterDomain=k8s.example", "scaler.tls.certManager.issuerRef.kind=Issuer")
    spec = find(objects, "Certificate")["spec"]
    assert spec["dnsNames"] == [
        "readpool-scaler",
        "readpool-scaler.readpool",
        "readpool-scaler.readpool.svc",
        "readpool-scaler.readpool.svc.k8s.example",
    ]
    assert spec["issuerRef"] == {"name": "authority", "kind": "Issuer"}
    assert spec["privateKey"]["rotationPolicy"] == "Always"
    assert "server auth" in spec["usages"]


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        pytest.param((), [], id="off"),
        pytest.param(GIVEN, [], id="a Secret"),
        pytest.param(ISSUED, ["readpool-scaler"], id="the scaler's"),
        pytest.param((*ISSUED, MUTUAL), ["readpool-scaler", "readpool-scaler-client"], id="and one to show"),
        pytest.param(
            (*ISSUED, MUTUAL, "scaler.tls.clientCA.secretName=clients"),
            ["readpool-scaler"],
            id="none to show to another authority",
        ),
        pytest.param(
            (*ISSUED, MUTUAL, "scaler.tls.testClientSecretName=shown"), ["readpool-scaler"], id="one is there to show"
        ),
    ],
)
def test_certificates_are_asked_for(helm: Helm, settings: Sequence[str], names: list[str]) -> None:
    found = [o["metadata"]["name"] for o in helm.render(*settings) if o["kind"] == "Certificate"]
    assert found == names


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        pytest.param((ON,), "name a Secret with tls.crt and tls.key in scaler.tls.secretName", id="no Secret"),
        pytest.param(
            (MUTUAL,), "scaler.tls.clientCA.enabled and .* need scaler.tls.enabled=true", id="mTLS without TLS"
        ),
        pytest.param(("scaler.tls.certManager.enabled=true",), "need scaler.tls.enabled=true", id="issued without TLS"),
        pytest.param(
            (ON, "scaler.tls.certManager.enabled=true"), "name the issuer in .*issuerRef.name", id="no issuer"
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
    assert named == ["readpool-controller-client", "readpool-scaler", "readpool-scaler-client"]
    assert not [o for o in objects if o["kind"].startswith("Cluster")]


@pytest.mark.parametrize(
    ("settings", "trigger", "parameters"),
    [
        pytest.param((), {}, [], id="off"),
        pytest.param(GIVEN, {"enableTLS": "true"}, ["caCert"], id="TLS"),
        pytest.param((*GIVEN, MUTUAL), {"enableTLS": "true"}, ["caCert", "tlsClientCert", "tlsClientKey"], id="mTLS"),
    ],
)
def test_the_notes_show_the_scaled_object_to_write(
    helm: Helm, settings: Sequence[str], trigger: dict[str, str], parameters: list[str]
) -> None:
    notes = helm.render_notes("scaler.service.port=9191", ALONE, *settings)
    start, end = notes.index("apiVersion:"), notes.index("Open the scaler's live page")
    shown: list[Any] = list(yaml.safe_load_all(notes[start:end]))
    (external,) = shown[0]["spec"]["triggers"]
    metadata = external["metadata"]
    assert metadata["scalerAddress"] == "readpool-scaler.readpool:9191"
    assert {key: metadata[key] for key in metadata if key == "enableTLS"} == trigger
    assert ("authenticationRef" in external) == (len(shown) > 1) == bool(trigger)
    assert [p["parameter"] for o in shown[1:] for p in o["spec"]["secretTargetRef"]] == parameters
    tolerances = shown[0]["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert tolerances == {way: {"tolerance": "0"} for way in ("scaleUp", "scaleDown")}
