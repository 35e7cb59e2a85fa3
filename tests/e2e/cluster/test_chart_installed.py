"""The chart on a cluster: what the API server admits, and `helm test` asking every scaler, over TLS as well.

No KEDA takes part here: `helm test` asks in its place.
"""

from typing import Any

import pytest

from devtools.cluster.access import Access, KubectlError
from devtools.cluster.provided import ProvidedCluster
from devtools.cluster.waiting import wait_for
from readpool.pool.crd import CRD_NAME, render_crd
from tests.component.certificates import Authority
from tests.e2e.cluster.own_release import CHART, install_own_release
from tests.e2e.cluster.tls_secrets import TLS_BY_SECRETS, build_keda_secret

VARIANTS = [
    pytest.param((), id="defaults", marks=pytest.mark.full),
    pytest.param(
        (
            "scaler.networkPolicy.enabled=true",
            "tls.mode=secret",
            "scaler.tls.secretName=servers",
            "scaler.tls.clientCA.enabled=true",
            "scaler.tls.testClientSecretName=clients",
            "controller.scalerAuthentication=keda",
            "controller.networkPolicy.enabled=true",
            "controller.eds.tls.secretName=discovery",
            "controller.eds.tls.clientCA.enabled=true",
            "router.enabled=true",
            "router.edsClientSecretName=envoys",
            "router.pools[0].namespace=stellar",
            "router.pools[0].name=readers",
            "scaler.references={horizon=https://horizon.example}",
            "commonLabels.team=stellar",
        ),
        id="all that needs no other kinds",
    ),
]


def restrict(access: Access, namespace: str) -> None:
    """Set the namespace to admit only what Kubernetes calls restricted."""
    access.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")


def run_helm_test(access: Access, namespace: str) -> str:
    """Run `helm test`, and return what it and its pod said."""
    return access.helm("test", "readpool", "--namespace", namespace, "--logs", "--timeout", "90s")


@pytest.mark.parametrize("settings", VARIANTS)
def test_the_api_server_knows_every_field_and_warns_of_none(
    cluster: ProvidedCluster, namespace: str, settings: tuple[str, ...]
) -> None:
    restrict(cluster.access, namespace)
    flags = [word for setting in settings for word in ("--set", setting)]
    template = ("template", "readpool", str(CHART), "--namespace", namespace, "--skip-tests")
    manifests = cluster.access.helm(*template, *flags)
    applied = cluster.access.kubectl(
        *("apply", "--dry-run=server", "--validate=strict", "--warnings-as-errors", "-f", "-"), stdin=manifests
    )
    assert "deployment.apps/readpool-scaler created" in applied
    assert "deployment.apps/readpool-controller created" in applied


@pytest.mark.full
def test_helm_test_asks_each_of_two_scalers_in_a_restricted_namespace(cluster: ProvidedCluster, namespace: str) -> None:
    restrict(cluster.access, namespace)
    install_own_release(cluster.access, namespace, cluster.images.readpool, {})
    said = run_helm_test(cluster.access, namespace)
    assert f"All 2 scalers at readpool-scaler.{namespace}:9090 answer as KEDA asks" in said


@pytest.mark.full
def test_helm_test_asks_the_controllers_too_in_a_namespace_that_they_have_roles_for(
    cluster: ProvidedCluster, namespace: str
) -> None:
    restrict(cluster.access, namespace)
    define_pools(cluster.access)
    controller = {"namespaces": [namespace], "resources": {"requests": {"cpu": "10m"}}}
    install_own_release(cluster.access, namespace, cluster.images.readpool, {}, controller=controller)
    said = run_helm_test(cluster.access, namespace)
    assert f"All 2 scalers at readpool-scaler.{namespace}:9090 answer as KEDA asks" in said
    assert f"All 2 at http://readpool-controller.{namespace}:8080/readyz are ready" in said
    lease = cluster.access.get("lease", "readpool-controller", namespace)
    assert lease is not None
    assert lease["spec"]["holderIdentity"].startswith("readpool-controller-")


def define_pools(access: Access) -> None:
    """Install the CRD of ReadOnlyPools: of several releases only one may bring it."""
    if access.get("crd", CRD_NAME) is None:
        access.kubectl("apply", "-f", "-", stdin=render_crd())
    access.kubectl("wait", f"crd/{CRD_NAME}", "--for=condition=Established", "--timeout=30s")


@pytest.mark.full
def test_helm_test_shows_a_client_certificate_where_one_is_demanded(cluster: ProvidedCluster, namespace: str) -> None:
    authority = Authority("scalers and clients")
    server, client = authority.issue(host=f"readpool-scaler.{namespace}"), authority.issue("helm test")
    cluster.access.apply(
        build_keda_secret("servers", authority.root, server),
        build_keda_secret("clients", authority.root, client),
        namespace=namespace,
    )
    tls: dict[str, Any] = {"secretName": "servers", "clientCA": {"enabled": True}}
    image = cluster.images.readpool
    shown = {"tls": tls | {"testClientSecretName": "clients"}}
    install_own_release(cluster.access, namespace, image, shown, tls=TLS_BY_SECRETS)
    assert "answer as KEDA asks" in run_helm_test(cluster.access, namespace)

    install_own_release(cluster.access, namespace, image, {"tls": tls}, tls=TLS_BY_SECRETS)
    with pytest.raises(KubectlError, match="readpool-scaler-check"):
        run_helm_test(cluster.access, namespace)
    assert "does not answer as KEDA asks" in cluster.access.logs(namespace, "readpool-scaler-check", "check")


@pytest.mark.full
def test_the_controller_hears_a_scaler_that_demands_a_client_certificate(
    cluster: ProvidedCluster, namespace: str
) -> None:
    authority = Authority("scalers and clients")
    server, client = authority.issue(host=f"readpool-scaler.{namespace}"), authority.issue("controller")
    cluster.access.apply(
        build_keda_secret("servers", authority.root, server),
        build_keda_secret("controllers", authority.root, client),
        namespace=namespace,
    )
    define_pools(cluster.access)
    tls = {"secretName": "servers", "clientCA": {"enabled": True}}
    controller = {
        "namespaces": [namespace],
        "replicas": 1,
        "resources": {"requests": {"cpu": "10m"}},
        "scalerAuthentication": "keda",
        "tls": {"clientSecretName": "controllers"},
    }
    image = cluster.images.readpool
    install_own_release(cluster.access, namespace, image, {"tls": tls}, controller=controller, tls=TLS_BY_SECRETS)
    selector = "app.kubernetes.io/component=controller"
    (pod,) = (one["metadata"]["name"] for one in cluster.access.list("pods", namespace, selector))
    wait_for(
        "the controller to hear the scaler",
        lambda: "scalerConnected" in cluster.access.logs(namespace, pod, "controller"),
        seconds=60,
    )
