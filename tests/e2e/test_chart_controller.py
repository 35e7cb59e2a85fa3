"""The controller in the chart: its flags as the program has them, its way to the scaler, and how it is replaced."""

import click
import pytest

from controller.__main__ import controller as controller_command
from readpool.alerts.rule import RUNBOOK_URL
from scaler.__main__ import scaler as scaler_command
from tests.e2e.rendered_chart import Helm, RefusedError, args_of, find, pod_of

pytestmark = pytest.mark.timeout(900)  # Helm may have to be built

CONTROLLER, SCALER = "readpool-controller", "readpool-scaler"
SOME = "controller.namespaces={one,two}"
ALONE = "controller.enabled=false"
SCALER_LABELS = [f"app.kubernetes.io/{k}" for k in ("component=scaler", "instance=readpool", "name=readpool")]
OFF = "tls.mode=off"
KEDA_TRUSTS = "controller.scalerAuthentication=keda-readpool"
GIVEN = ("tls.mode=secret", "scaler.tls.secretName=given", KEDA_TRUSTS)
ISSUED = "tls.mode=certManager"
MUTUAL = "scaler.tls.clientCA.enabled=true"
ISSUED_SECRETS = {"/scaler-ca": "readpool-scaler-tls", "/client-tls": "readpool-controller-client-tls"}
VARIANTS = [
    pytest.param((), id="all namespaces"),
    pytest.param((SOME,), id="some namespaces"),
    pytest.param((OFF,), id="plain text"),
    pytest.param((ISSUED,), id="cert-manager"),
]


def test_the_controller_is_told_who_it_is_and_where_the_scaler_is(helm: Helm) -> None:
    pod = pod_of(helm.render(OFF), CONTROLLER)
    assert args_of(pod) == [
        "controller",
        "--telemetry-listen=[::]:8080",
        "--scaler=readpool-scaler.readpool:9090",
        "--scaler-namespace=readpool",
        f"--scaler-selector={','.join(SCALER_LABELS)}",
        "--lease-namespace=readpool",
        "--lease-name=readpool-controller",
        "--identity=$(POD_NAME)",
        "--log-level=info",
        "--log-format=json",
        "--gate-image=envoyproxy/envoy:distroless-v1.40.0",
        f"--runbook-url={RUNBOOK_URL}",
    ]
    assert pod["containers"][0]["env"] == [
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    ]


def test_the_selector_that_it_is_told_is_that_of_the_scalers_pods(helm: Helm) -> None:
    objects = helm.render("nameOverride=eyes", "commonLabels.team=stellar")
    (flag,) = (
        one for one in args_of(pod_of(objects, "readpool-eyes-controller")) if one.startswith("--scaler-selector=")
    )
    told = dict(pair.split("=") for pair in flag.removeprefix("--scaler-selector=").split(","))
    assert told == find(objects, "Deployment", "readpool-eyes-scaler")["spec"]["selector"]["matchLabels"]


@pytest.mark.parametrize(
    ("settings", "flag", "program"),
    [
        pytest.param(SOME, "--namespaces=one,two", CONTROLLER, id="namespaces"),
        pytest.param(SOME, "--namespaces=one,two", SCALER, id="the same of the scaler"),
        pytest.param(
            "scaler.service.port=9191", "--scaler=readpool-scaler.readpool:9191", CONTROLLER, id="scaler's port"
        ),
        pytest.param("controller.telemetry.port=8081", "--telemetry-listen=[::]:8081", CONTROLLER, id="telemetry"),
        pytest.param("controller.logLevel=debug", "--log-level=debug", CONTROLLER, id="logLevel"),
        pytest.param("controller.logFormat=console", "--log-format=console", CONTROLLER, id="logFormat"),
        pytest.param(
            "gate.image=mirror.example/envoy:v1", "--gate-image=mirror.example/envoy:v1", CONTROLLER, id="gate"
        ),
        pytest.param("controller.extraArgs={--workers=16}", "--workers=16", CONTROLLER, id="extraArgs"),
    ],
)
def test_a_value_becomes_a_flag(helm: Helm, settings: str, flag: str, program: str) -> None:
    assert flag in args_of(pod_of(helm.render(settings), program))
    assert flag not in args_of(pod_of(helm.render(), program))


def test_an_empty_gate_image_is_no_flag(helm: Helm) -> None:
    assert not [
        one for one in args_of(pod_of(helm.render("gate.image="), CONTROLLER)) if one.startswith("--gate-image")
    ]


@pytest.mark.parametrize(
    "settings", [*VARIANTS, pytest.param((*GIVEN, MUTUAL, "controller.tls.clientSecretName=c"), id="c")]
)
@pytest.mark.parametrize(
    ("name", "command"), [(CONTROLLER, controller_command), (SCALER, scaler_command)], ids=["controller", "scaler"]
)
def test_every_flag_is_one_that_the_program_knows(
    helm: Helm, settings: tuple[str, ...], name: str, command: click.Command
) -> None:
    known = {flag for parameter in command.params for flag in parameter.opts}
    given = [argument.split("=")[0] for argument in args_of(pod_of(helm.render(*settings), name))[1:]]
    assert [flag for flag in given if flag not in known] == []


@pytest.mark.parametrize(
    ("settings", "secrets"),
    [
        pytest.param((OFF,), {}, id="off"),
        pytest.param((), ISSUED_SECRETS, id="auto"),
        pytest.param((ISSUED,), ISSUED_SECRETS, id="cert-manager"),
        pytest.param((KEDA_TRUSTS,), ISSUED_SECRETS, id="auto, and KEDA's side by hand"),
        pytest.param(GIVEN, {"/scaler-ca": "given"}, id="a Secret"),
        pytest.param(
            (*GIVEN, MUTUAL, "controller.tls.clientSecretName=shown"),
            {"/scaler-ca": "given", "/client-tls": "shown"},
            id="mTLS",
        ),
        pytest.param(
            (*GIVEN, MUTUAL, "scaler.tls.testClientSecretName=test"),
            {"/scaler-ca": "given", "/client-tls": "test"},
            id="mTLS, with what the test shows",
        ),
    ],
)
def test_it_calls_the_scaler_as_that_wants_to_be_called(
    helm: Helm, settings: tuple[str, ...], secrets: dict[str, str]
) -> None:
    pod = pod_of(helm.render(*settings), CONTROLLER)
    volumes = {volume["name"]: volume["secret"]["secretName"] for volume in pod.get("volumes", [])}
    (container,) = pod["containers"]
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container.get("volumeMounts", [])}
    assert mounts == secrets
    ours = ("--scaler-ca", "--scaler-cert", "--scaler-key", "--scaler-authentication")
    flags = [argument for argument in args_of(pod) if argument.split("=")[0] in ours]
    name = "keda-readpool" if KEDA_TRUSTS in settings else "readpool.readpool-scaler"
    trust = [f"--scaler-authentication={name}", "--scaler-ca=/scaler-ca/ca.crt"] if secrets else []
    shown = ["--scaler-cert=/client-tls/tls.crt", "--scaler-key=/client-tls/tls.key"]
    assert flags == trust + (shown if "/client-tls" in secrets else [])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        pytest.param(
            ("tls.mode=secret", "scaler.tls.secretName=given"),
            "name in controller.scalerAuthentication the ClusterTriggerAuthentication",
            id="KEDA would not trust the scaler of a pool",
        ),
        pytest.param((*GIVEN, MUTUAL), "the controller has no certificate to show to the scaler", id="nothing to show"),
    ],
)
def test_half_a_setting_is_refused(helm: Helm, settings: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(RefusedError, match=sentence):
        helm.render(*settings)
    assert helm.render(*settings, ALONE)


def test_an_update_or_a_drain_leaves_one_that_can_lead(helm: Helm) -> None:
    objects = helm.render()
    deployment = find(objects, "Deployment", CONTROLLER)["spec"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert find(objects, "PodDisruptionBudget", CONTROLLER)["spec"]["maxUnavailable"] == 1
    (container,) = deployment["template"]["spec"]["containers"]
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")}
    assert {name: (probe["path"], probe["port"]) for name, probe in probes.items()} == {
        "startup": ("/readyz", "telemetry"),
        "readiness": ("/readyz", "telemetry"),
        "liveness": ("/healthz", "telemetry"),
    }


def test_helm_test_asks_the_controllers_whether_they_are_ready(helm: Helm) -> None:
    objects = helm.render("controller.telemetry.port=8081", "controller.replicas=3")
    pod = find(objects, "Pod", "readpool-controller-check")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    url = "http://readpool-controller.readpool:8081/readyz"
    assert args_of(pod["spec"]) == ["check", url, "--at-least=3", "--timeout=30"]
