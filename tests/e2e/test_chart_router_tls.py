"""TLS between the router and the controllers, as rendered: which Secrets both sides have, and what is demanded."""

import pytest

from tests.e2e.rendered_chart import Helm, Object, args_of, pod_of
from tests.e2e.test_chart_router import CONTROLLER, MUTUAL, OFF, ONE, ROUTER, SECRET, TLS

pytestmark = pytest.mark.timeout(900)  # Helm may have to be built

EDS_SECRET, ROUTERS = "readpool-controller-eds-tls", "readpool-router-client-tls"
ISSUED = (
    {"/eds-tls": EDS_SECRET, "/eds-client-ca": EDS_SECRET},
    {"/eds-ca": EDS_SECRET, "/eds-client": ROUTERS},
)


@pytest.mark.parametrize(
    ("settings", "of_controller", "of_router"),
    [
        pytest.param((*ONE, OFF), {}, {}, id="off"),
        pytest.param((*ONE, "controller.eds.tls.enabled=false"), {}, {}, id="off for it alone"),
        pytest.param((*ONE, *SECRET), {}, {}, id="no Secret for it"),
        pytest.param(ONE, *ISSUED, id="auto"),
        pytest.param((*ONE, "tls.mode=certManager"), *ISSUED, id="cert-manager"),
        pytest.param((*ONE, *TLS), {"/eds-tls": "eds"}, {"/eds-ca": "eds"}, id="TLS"),
        pytest.param(
            (*ONE, *MUTUAL),
            {"/eds-tls": "eds", "/eds-client-ca": "eds"},
            {"/eds-ca": "eds", "/eds-client": "envoys"},
            id="mTLS",
        ),
        pytest.param(
            (*ONE, *MUTUAL, "controller.eds.tls.clientCA.secretName=theirs"),
            {"/eds-tls": "eds", "/eds-client-ca": "theirs"},
            {"/eds-ca": "eds", "/eds-client": "envoys"},
            id="mTLS by another authority",
        ),
    ],
)
def test_both_sides_have_the_secrets_that_tls_takes(
    helm: Helm, settings: tuple[str, ...], of_controller: dict[str, str], of_router: dict[str, str]
) -> None:
    objects = helm.render(*settings)
    mounted = read_secrets(pod_of(objects, CONTROLLER)).items()
    assert {path: secret for path, secret in mounted if path.startswith("/eds")} == of_controller
    assert read_secrets(pod_of(objects, ROUTER)) == of_router
    flags = [one for one in args_of(pod_of(objects, CONTROLLER)) if one.startswith("--eds-tls")]
    shown = ["--eds-tls-cert=/eds-tls/tls.crt", "--eds-tls-key=/eds-tls/tls.key"]
    demanded = ["--eds-tls-client-ca=/eds-client-ca/ca.crt"]
    flags = [one for one in flags if not one.startswith("--eds-tls-client-names")]
    assert flags == shown * bool(of_router) + demanded * ("/eds-client" in of_router)


def read_secrets(pod: Object) -> dict[str, str]:
    """Read which Secret is mounted where."""
    secrets = {one["name"]: one["secret"]["secretName"] for one in pod.get("volumes", []) if "secret" in one}
    mounts = pod["containers"][0].get("volumeMounts", [])
    return {one["mountPath"]: secrets[one["name"]] for one in mounts if one["name"] in secrets}
