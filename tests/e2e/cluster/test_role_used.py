"""The controller's role is what it needs and no more: it was refused nothing, and has used each right that it has.

Runs after the stories of pools, by its name, and judges what the audit log has of them; what those had no occasion for
is done here first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from devtools.api.gateway_definitions import read_http_route_definition
from devtools.cluster.provided import ProvidedCluster
from devtools.machine.needs import UnmetNeedError
from devtools.strictness import skip_or_fail, skip_where_impossible
from tests.e2e.cluster.controller_role import Right, list_asked, list_granted
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.light_readers import READERS_NETWORK, build_light_readers, build_pool_before
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.read_only_pool import PoolView, apply_pool, build_pool

ACCOUNT = "readpool-controller"
SEEN_SECONDS = 90.0
RULES = "prometheusrules.monitoring.coreos.com"
ROUTES = "httproutes.gateway.networking.k8s.io"
SELDOM = {
    *(Right(verb, "", "persistentvolumeclaims") for verb in ("get", "create", "patch", "delete")),
    *(
        Right(verb, "snapshot.storage.k8s.io", "volumesnapshots")
        for verb in ("get", "list", "watch", "create", "patch", "delete")
    ),
    Right("patch", "events.k8s.io", "events"),
}
"""For Events that happen again, which no story waits for (tests/e2e/api/test_controller_events.py). And for volumes
that grow, start from a snapshot, or are given up, and for snapshots: tests/e2e/api does that, where no replica waits,
and test_pool_snapshots.py does some of it where it is run as well."""


@pytest.fixture(scope="module")
def pool(
    cluster: ProvidedCluster, module_namespace: str, core_network: CoreNetwork, scaler_release: OwnRelease
) -> PoolView:
    assert scaler_release.pods()
    sizes = {"targetReplicas": 1, "minReplicas": 1, "maxReplicas": 2}
    view = apply_pool(cluster.access, module_namespace, build_pool("core", core_network, alerting=True, **sizes))
    view.wait_until_fresh(1)
    return view


@contextmanager
def bring_kind(cluster: ProvidedCluster, name: str, definition: dict[str, Any] | str) -> Iterator[None]:
    """Bring an optional kind while the block runs, where the cluster lacks it."""
    if cluster.access.get("crd", name) is not None:
        skip_where_impossible("take away a kind that this cluster has")
    cluster.access.apply(definition)
    cluster.access.kubectl("wait", f"crd/{name}", "--for=condition=Established", "--timeout=30s")
    try:
        yield
    finally:
        cluster.access.delete("crd", name)


def test_alerts_are_kept_once_the_cluster_has_their_kind(cluster: ProvidedCluster, pool: PoolView) -> None:
    def find_rules() -> list[Any]:
        return cluster.access.list(RULES, pool.namespace)

    with bring_kind(cluster, RULES, build_definition()):
        pool.wait_for("it has a PrometheusRule", find_rules, SEEN_SECONDS)
        pool.change({"alerting": False})
        pool.wait_for("it has none any more", lambda: not find_rules(), SEEN_SECONDS)


def test_a_route_is_kept_once_the_cluster_has_its_kind(cluster: ProvidedCluster, pool: PoolView) -> None:
    try:
        definition = read_http_route_definition()
    except UnmetNeedError as error:
        skip_or_fail(str(error))

    def list_backends() -> list[tuple[str, int]]:
        routes = cluster.access.list(ROUTES, pool.namespace)
        backends = [one for route in routes for rule in route["spec"]["rules"] for one in rule["backendRefs"]]
        return [(one["name"], one["weight"]) for one in backends]

    with bring_kind(cluster, ROUTES, definition):
        pool.change({"loadBalancing": {"httpRoute": {"parentRefs": [{"name": "edge"}]}}})
        pool.wait_for(
            "its fresh replica has all the weight",
            lambda: list_backends() == [("core-fresh", 100), ("core-lagging", 0)],
            SEEN_SECONDS,
        )
        pool.change({"loadBalancing": {"httpRoute": None}})
        pool.wait_for("it has no route any more", lambda: not cluster.access.list(ROUTES, pool.namespace), SEEN_SECONDS)
        pool.wait_for("nor the Services of one", lambda: not find_class_services(pool), SEEN_SECONDS)


def find_class_services(pool: PoolView) -> list[str]:
    names = [one["metadata"]["name"] for one in pool.access.list("services", pool.namespace)]
    return [name for name in names if name.endswith(("-fresh", "-lagging"))]


def test_its_scaled_object_comes_and_goes_as_the_pool_says(pool: PoolView) -> None:
    pool.wait_for("it is there", pool.keda.scaled_object)
    pool.change({"autoscaling": {"enabled": False}})
    pool.wait_for("it is gone", lambda: not pool.keda.scaled_object(), SEEN_SECONDS)
    pool.wait_for("status says why", lambda: pool.condition("Autoscaling")["reason"] == "Disabled", SEEN_SECONDS)
    pool.change({"autoscaling": {"enabled": True}})
    pool.wait_for("it is there again", pool.keda.scaled_object, SEEN_SECONDS)


def test_a_workload_is_watched_once_a_pool_refers_to_it(cluster: ProvidedCluster, pool: PoolView) -> None:
    cluster.access.apply(*build_light_readers("rpc", cluster.images.readpool, 0), namespace=pool.namespace)
    manifest = build_pool_before("rpc-reads", "rpc", "Deployment", READERS_NETWORK)
    before = apply_pool(cluster.access, pool.namespace, manifest)
    before.wait_for(
        "it has no endpoints yet", lambda: before.condition("Routing").get("reason") == "NoEndpoints", SEEN_SECONDS
    )
    assert before.condition("Stalled")["status"] == "False"
    cluster.access.delete("readonlypool", "rpc-reads", pool.namespace)


def test_the_controller_was_refused_nothing_and_has_used_each_right(
    cluster: ProvidedCluster, pool: PoolView, scaler_release: OwnRelease
) -> None:
    if cluster.audit_log is None:
        skip_where_impossible("this cluster keeps no audit log for tests")
    assert pool.status()
    asked, refused = list_asked(cluster.audit_log, ACCOUNT)
    assert refused == []
    granted = list_granted(cluster.access, scaler_release.namespace, ACCOUNT)
    assert sorted(granted - asked - SELDOM) == []


def build_definition() -> dict[str, Any]:
    """Build a definition of PrometheusRule that takes anything."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "PrometheusRule", "listKind": "PrometheusRuleList", "plural": "prometheusrules"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": RULES},
        "spec": {
            "group": "monitoring.coreos.com",
            "names": names | {"singular": "prometheusrule"},
            "scope": "Namespaced",
            "versions": [version],
        },
    }
