"""The chart with its own defaults: mutual TLS without a hand on it, from KEDA and from the controller, and rotated."""

import base64
import contextlib
import json
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from devtools.cluster.access import Access
from devtools.cluster.provided import ProvidedCluster
from devtools.cluster.waiting import wait_for
from readpool.certificates.issuing import is_for_servers, issue_leaf, read_dates, read_names, read_pair
from readpool.clock import steady_clock
from tests.component.certificates import Authority, Pair
from tests.e2e.cluster.keda_view import KedaView, ask_throughout
from tests.e2e.cluster.light_nodes import build_light_fleet
from tests.e2e.cluster.own_release import OwnRelease, install_own_release
from tests.e2e.cluster.scaled_object import build_metadata, build_scaled_object
from tests.e2e.cluster.test_chart_installed import define_pools, restrict, run_helm_test
from tests.e2e.cluster.test_tls import count_errors, expect_answers, make_keda_dial_anew
from tests.e2e.cluster.tls_dial import is_served

SPREAD_SECONDS = 150.0
"""The program looks at its Secrets every 30 s, and a kubelet at those of its pods every 60 s to 90 s."""
HEARD_SECONDS = 60.0
DAY_SECONDS = 86400.0


def install(cluster: ProvidedCluster, namespace: str) -> OwnRelease:
    """Install with the defaults of `tls` and `keda`, looking after this one namespace."""
    define_pools(cluster.access)
    controller = {"namespaces": [namespace], "replicas": 1, "resources": {"requests": {"cpu": "10m"}}}
    return install_own_release(
        cluster.access, namespace, cluster.images.readpool, {}, controller=controller, tls={}, keda={}
    )


def read_secret(access: Access, name: str, namespace: str) -> dict[str, bytes]:
    secret = access.get("secret", name, namespace)
    assert secret is not None
    return {key: base64.b64decode(text) for key, text in secret["data"].items()}


def read_issued(access: Access, name: str, namespace: str) -> Pair:
    data = read_secret(access, name, namespace)
    return Pair(data["tls.crt"], data["tls.key"])


def is_served_in_plain_text(release: OwnRelease, pod: str) -> bool:
    with (
        release.access.port_forward(release.namespace, f"pod/{pod}", 9090) as address,
        contextlib.closing(grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)])) as channel,
    ):
        health: Any = health_pb2_grpc.HealthStub(channel)
        try:
            health.Check(health_pb2.HealthCheckRequest(), timeout=10)
        except grpc.RpcError:
            return False
    return True


def scale_light_fleet(cluster: ProvidedCluster, release: OwnRelease) -> KedaView:
    """Start a fleet whose ScaledObject names what the installation has made, and nothing else of TLS."""
    metadata = build_metadata("light", target=2, maximum=4) | {"enableTLS": "true"}
    scaled = build_scaled_object("light", metadata, scaler_address=release.address)
    name = f"{release.namespace}.readpool-scaler"
    scaled["spec"]["triggers"][0]["authenticationRef"] = {"kind": "ClusterTriggerAuthentication", "name": name}
    fleet = build_light_fleet("light", cluster.images.readpool, 2)
    cluster.access.apply(*fleet, scaled, namespace=release.namespace)
    return KedaView(cluster.access, release.namespace, "light")


def age(access: Access, name: str, namespace: str, installed_in: str) -> None:
    """Put a certificate into a Secret that is as the one in it, only six of its seven days old."""
    data = read_secret(access, name, namespace)
    pair = read_pair(data["tls.crt"], data["tls.key"])
    assert pair is not None
    names, is_server = tuple(sorted(read_names(pair))), is_for_servers(pair)
    old = issue(access, installed_in, names, age_seconds=6 * DAY_SECONDS, is_server=is_server)
    changed = {"tls.crt": old.certificate, "tls.key": old.key}
    patch = json.dumps({"data": {key: base64.b64encode(text).decode() for key, text in changed.items()}})
    access.kubectl("patch", "secret", name, f"--namespace={namespace}", f"--patch={patch}")


def issue(
    access: Access, namespace: str, names: tuple[str, ...], *, age_seconds: float = 0.0, is_server: bool = False
) -> Pair:
    """Issue a certificate of the installation's own authority."""
    data = read_secret(access, "readpool-ca", namespace)
    authority = read_pair(data["tls.crt"], data["tls.key"])
    assert authority is not None
    now = steady_clock()() - age_seconds
    issued = issue_leaf(authority, names, now, 7 * DAY_SECONDS, is_server=is_server)
    return Pair(issued.certificate, issued.key)


def is_fresh(access: Access, name: str, namespace: str) -> bool:
    return read_end(read_secret(access, name, namespace)) > steady_clock()() + 6 * DAY_SECONDS


def read_end(data: dict[str, bytes]) -> float:
    pair = read_pair(data["tls.crt"], data["tls.key"])
    return read_dates(pair).not_after if pair is not None else 0.0


def serves_with(release: OwnRelease, pod: str, data: dict[str, bytes], client: Pair) -> bool:
    """Return whether a scaler serves a caller, and the files that it reads at the handshake are the new ones."""
    ends = release.fetch_series(pod, "readpool_tls_not_after_timestamp_seconds").values()
    return read_end(data) in ends and is_served(release, pod, data["ca.crt"], client)


def count_controllers_losses(release: OwnRelease) -> int:
    (pod,) = release.access.list("pods", release.namespace, "app.kubernetes.io/component=controller")
    return release.access.logs(release.namespace, pod["metadata"]["name"], "controller").count("cannotConnectToScaler")


@pytest.mark.timeout(600, func_only=True)
def test_with_the_defaults_keda_and_the_controller_speak_mutual_tls(cluster: ProvidedCluster, namespace: str) -> None:
    access = cluster.access
    restrict(access, namespace)
    release = install(cluster, namespace)
    keda = read_issued(access, f"{namespace}.readpool-scaler", "keda")
    data = read_secret(access, "readpool-scaler-tls", namespace)

    # KEDA scales, and what shows no certificate, or another's, is turned down.
    view = scale_light_fleet(cluster, release)
    view.wait_until_ready()
    assert view.metric() == 2.0
    for pod in release.pods():
        assert is_served(release, pod, data["ca.crt"], keda)
        assert not is_served_in_plain_text(release, pod)
        assert not is_served(release, pod, data["ca.crt"], Authority("stranger").issue("keda"))
    with pytest.raises(grpc.RpcError, match="PERMISSION_DENIED"):
        is_served(release, release.pods()[0], data["ca.crt"], issue(access, namespace, ("somebody.else",)))

    # The controller hears the scaler, and so do `helm test` and the commands in a scaler's pod.
    (controller,) = access.list("pods", namespace, "app.kubernetes.io/component=controller")
    where = (namespace, controller["metadata"]["name"], "controller")
    wait_for("the controller to hear", lambda: "scalerConnected" in access.logs(*where), HEARD_SECONDS)
    asked = run_helm_test(access, namespace)
    assert f"All 2 scalers at readpool-scaler.{namespace}:9090 answer as KEDA asks" in asked
    assert f"http://readpool-controller.{namespace}:8080/readyz is ready" in asked
    assert (access.get("lease", "readpool-controller", namespace) or {})["spec"]["holderIdentity"] == (
        controller["metadata"]["name"]
    )
    said = [access.exec(namespace, pod, "readpool", "top", "--once", "-o", "name") for pod in release.pods()]
    assert any("light" in fleets for fleets in said)  # KEDA asks one of them

    # An upgrade leaves what the program has put into the Secrets.
    install(cluster, namespace)
    assert read_secret(access, "readpool-scaler-tls", namespace) == data


@pytest.mark.full
@pytest.mark.timeout(600, func_only=True)
def test_certificates_rotate_under_keda_and_the_controller(cluster: ProvidedCluster, namespace: str) -> None:
    access = cluster.access
    release = install(cluster, namespace)
    ours, keda = f"{namespace}.readpool-scaler", read_issued(access, f"{namespace}.readpool-scaler", "keda")
    data = read_secret(access, "readpool-scaler-tls", namespace)
    view = scale_light_fleet(cluster, release)
    view.wait_until_ready()
    losses, errors = count_controllers_losses(release), count_errors(release)
    renewed = [("readpool-scaler-tls", namespace), ("readpool-controller-client-tls", namespace), (ours, "keda")]
    with ask_throughout(view) as record:
        expect_answers(record)
        for name, where_it_is in renewed:
            age(access, name, where_it_is, namespace)
        wait_for("new certificates", lambda: all(is_fresh(access, *secret) for secret in renewed), SPREAD_SECONDS)
        new = read_secret(access, "readpool-scaler-tls", namespace)
        assert new["ca.crt"] == data["ca.crt"], "the authority stays"
        wait_for(
            "every scaler to serve with its own",
            lambda: all(serves_with(release, pod, new, keda) for pod in release.pods()),
            SPREAD_SECONDS,
        )
        make_keda_dial_anew(view)
        expect_answers(record)
    assert (set(record.values), record.misses) == ({2.0}, [])
    assert count_errors(release) == errors
    assert count_controllers_losses(release) == losses
    assert {pod["status"]["containerStatuses"][0]["restartCount"] for pod in access.list("pods", namespace)} == {0}
    events = access.kubectl("get", "events", "--namespace", namespace, "--field-selector", "reason=CertificateIssued")
    assert "readpool-scaler-tls" in events
