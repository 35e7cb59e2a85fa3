"""TLS between KEDA and the scaler by TriggerAuthentication: served, refused, and rotated without a missed metric."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from devtools.cluster.provided import ProvidedCluster
from devtools.cluster.waiting import wait_for
from tests.component.certificates import Authority, Pair
from tests.e2e.cluster.keda_view import KedaView, MetricRecord, ask_throughout
from tests.e2e.cluster.light_nodes import build_light_fleet
from tests.e2e.cluster.own_release import OwnRelease, fetch_series, install_own_release
from tests.e2e.cluster.scaled_object import build_metadata, build_scaled_object
from tests.e2e.cluster.tls_dial import is_served, is_served_by_all
from tests.e2e.cluster.tls_secrets import (
    TLS_BY_SECRETS,
    Manifest,
    build_client_ca_secret,
    build_keda_secret,
    build_scaler_secret,
    build_tls_values,
    build_trigger_authentication,
)

SEEN_SECONDS = 60.0
RELOADED_SECONDS = 90.0
"""The kubelet brings a changed Secret into a pod at its next look at the pod."""
ANSWERS = 5
"""So many answers in a row show that the metric flows."""


@dataclass(frozen=True, slots=True)
class Authorities:
    """Who issues the scaler's certificate, and who those of its clients."""

    servers: Authority
    clients: Authority


def make_authorities(name: str) -> Authorities:
    return Authorities(Authority(f"{name} servers"), Authority(f"{name} clients"))


def install_tls_release(
    cluster: ProvidedCluster, namespace: str, trusted: Authorities, *, is_mutual: bool
) -> OwnRelease:
    """Install scalers with a certificate of their own, and a right Secret `keda` for KEDA."""
    release = OwnRelease(cluster.access, namespace)
    cluster.access.apply(
        build_scaler_secret(trusted.servers.issue(host=release.host)),
        build_client_ca_secret(trusted.clients.root),
        build_keda_secret("keda", trusted.servers.root, trusted.clients.issue("keda") if is_mutual else None),
        build_trigger_authentication("keda", is_mutual=is_mutual),
        namespace=namespace,
    )
    values = build_tls_values(is_mutual=is_mutual)
    return install_own_release(cluster.access, namespace, cluster.images.readpool, values, tls=TLS_BY_SECRETS)


def scale_light_fleet(cluster: ProvidedCluster, release: OwnRelease, name: str, authentication: str) -> KedaView:
    """Start a fleet of two light nodes with a ScaledObject that shows these credentials."""
    metadata = build_metadata(name, target=2, maximum=4) | {"enableTLS": "true"}
    scaled = build_scaled_object(name, metadata, scaler_address=release.address, authentication=authentication)
    fleet = build_light_fleet(name, cluster.images.readpool, 2)
    cluster.access.apply(*fleet, scaled, namespace=release.namespace)
    return KedaView(cluster.access, release.namespace, name)


def expect_answers(record: MetricRecord, more: int = ANSWERS) -> None:
    """Wait for so many more answers, or for the first that is missing."""
    enough = len(record.values) + more
    wait_for(f"{more} more answers", lambda: len(record.values) >= enough or record.misses, SEEN_SECONDS)


@dataclass(frozen=True, slots=True)
class Served:
    """A release that serves with certificates of these authorities, and a fleet that KEDA scales by it."""

    old: Authorities
    release: OwnRelease
    view: KedaView


@pytest.fixture(scope="module")
def served(cluster: ProvidedCluster, module_namespace: str) -> Served:
    """Start a fleet whose KEDA and scalers show each other certificates; the tests go on from each other."""
    old = make_authorities("old")
    release = install_tls_release(cluster, module_namespace, old, is_mutual=True)
    return Served(old, release, scale_light_fleet(cluster, release, "light", "keda"))


@pytest.mark.full
def test_with_an_authority_in_the_trigger_authentication_the_metric_flows_over_tls(
    cluster: ProvidedCluster, namespace: str
) -> None:
    release = install_tls_release(cluster, namespace, make_authorities("old"), is_mutual=False)
    view = scale_light_fleet(cluster, release, "light", "keda")
    view.wait_until_ready()
    assert view.metric() == 2.0


def test_only_the_right_client_certificate_is_served_and_a_wrong_one_is_said_to_be_refused(
    cluster: ProvidedCluster, served: Served
) -> None:
    trusted, good, namespace = served.old, served.view, served.release.namespace
    cluster.access.apply(
        build_keda_secret("stranger", trusted.servers.root, Authority("stranger").issue("keda")),
        build_trigger_authentication("stranger", is_mutual=True),
        namespace=namespace,
    )
    refused = scale_light_fleet(cluster, served.release, "refused", "stranger")
    good.wait_until_ready()
    with ask_throughout(good) as record:
        # No event is waited for: KEDA 2.21 writes this message into a field of 128 characters, too, and loses it.
        wait_for("KEDA to call it not ready", lambda: refused.condition("Ready").get("status") == "False", SEEN_SECONDS)
        assert "no metric specs returned from scalers" in refused.condition("Ready")["message"]
        wait_for("the operator to say why", lambda: is_refusal_logged(refused), SEEN_SECONDS)
        assert (refused.hpa(), refused.spec_replicas()) == ({}, 2)
        expect_answers(record)
    assert (set(record.values), record.misses) == ({2.0}, [])

    mended = build_keda_secret("stranger", trusted.servers.root, trusted.clients.issue("keda"))
    cluster.access.apply(mended, namespace=namespace)
    raise_maximum(refused)
    refused.wait_until_ready()


def is_refusal_logged(view: KedaView) -> bool:
    """Return whether KEDA's operator says that the scaler hung up on this ScaledObject right after the handshake.

    In TLS 1.3 a server looks at the client's certificate when the client is done already.
    """
    lines = view.access.kubectl("logs", "--namespace=keda", "deployment/keda-operator", "--since=5m").splitlines()
    own = (line for line in lines if f'"{view.namespace}"' in line and f'"{view.name}"' in line)
    return any("error reading server preface" in line or "broken pipe" in line for line in own)


def test_server_certificate_client_certificate_and_both_authorities_rotate_without_a_missed_metric(
    cluster: ProvidedCluster, served: Served, record_testsuite_property: Callable[[str, object], None]
) -> None:
    old, new, release, view = served.old, make_authorities("new"), served.release, served.view
    cluster.access.delete("scaledobject", "refused", release.namespace)  # its errors are none of ours
    old_client, new_client = old.clients.issue("keda"), new.clients.issue("keda")
    both_servers, both_clients = old.servers.root + new.servers.root, old.clients.root + new.clients.root
    view.wait_until_ready()
    errors = count_errors(release)
    with ask_throughout(view) as record:
        expect_answers(record)

        bring(release, build_client_ca_secret(both_clients), build_keda_secret("keda", both_servers, old_client))
        await_served(release, "both authorities of clients are trusted", old.servers.root, new_client)

        bring(release, build_scaler_secret(new.servers.issue(host=release.host)))
        bring(release, build_keda_secret("keda", both_servers, new_client))
        await_served(release, "the certificate of the new authority is served", new.servers.root, old_client)

        bring(
            release, build_client_ca_secret(new.clients.root), build_keda_secret("keda", new.servers.root, new_client)
        )
        wait_for(
            "the old authority's clients to be refused",
            lambda: not any(is_served(release, pod, both_servers, old_client) for pod in release.pods()),
            RELOADED_SECONDS,
        )
        expect_answers(record)
        make_keda_dial_anew(view)
        expect_answers(record)
    record_testsuite_property("metrics_answered", len(record.values))
    assert (set(record.values), record.misses) == ({2.0}, [])
    assert count_errors(release) == errors


def bring(release: OwnRelease, *secrets: Manifest) -> None:
    """Change Secrets, and have the kubelet look at the scalers' pods at once."""
    release.access.apply(*secrets, namespace=release.namespace)
    changed_at = f"readpool.test/secrets-changed-at={time.time()}"
    release.access.kubectl(
        "annotate", "--overwrite", f"--namespace={release.namespace}", "pods", *release.pods(), changed_at
    )


def await_served(release: OwnRelease, what: str, authorities: bytes, client: Pair) -> None:
    """Wait until every scaler serves such a caller."""
    wait_for(what, lambda: is_served_by_all(release, authorities, client), RELOADED_SECONDS)


def make_keda_dial_anew(view: KedaView) -> None:
    """Change the ScaledObject's spec: KEDA then reads the TriggerAuthentication and dials with what stands there."""
    raised = raise_maximum(view)
    wait_for("KEDA to take it up", lambda: view.hpa()["spec"]["maxReplicas"] == raised, SEEN_SECONDS)


def raise_maximum(view: KedaView) -> int:
    """Raise the ScaledObject's maxReplicaCount by one, and return it."""
    raised = int(view.scaled_object()["spec"]["maxReplicaCount"]) + 1
    patch = json.dumps({"spec": {"maxReplicaCount": raised}})
    where = ("scaledobject", view.name, f"--namespace={view.namespace}")
    view.access.kubectl("patch", *where, "--type=merge", f"--patch={patch}")
    return raised


def count_errors(release: OwnRelease) -> float:
    """Count the calls that did not end well, as each scaler and KEDA's operator count them.

    KEDA's count for a trigger begins anew with each look at its ScaledObject, the one for the ScaledObject does not.
    """
    ours = [release.fetch_series(pod, "readpool_grpc_requests_total") for pod in release.pods()]
    failed = sum(value for series in ours for labels, value in series.items() if 'code="OK"' not in labels)
    (operator,) = release.access.list("pods", "keda", "app=keda-operator")
    theirs = fetch_series(release.access, "keda", operator["metadata"]["name"], "keda_scaled_object_errors_total")
    return failed + sum(value for labels, value in theirs.items() if f'"{release.namespace}"' in labels)
