"""By the chart's policy whoever has the controller's token touches nothing but objects of pools: a real API server."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest
import pytest_asyncio

from devtools.api.api_server import ApiServer
from devtools.api.controller_stage import ControllerStage
from devtools.api.running_pool import BALANCED
from devtools.cluster.access import Access, KubectlError
from devtools.cluster.waiting import wait_for
from readpool.kubernetes.client import connect
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import HTTP_ROUTE, POD, PROMETHEUS_RULE, SCALED_OBJECT, STATEFUL_SET, VOLUME_SNAPSHOT
from tests.e2e.api.open_definitions import defined
from tests.e2e.api.test_chart_roles import grant, revoke
from tests.e2e.api.test_controller_rights import Clock, live_a_full_life, make_storage_class
from tests.e2e.rendered_chart import NAMESPACE, Helm, Object

pytestmark = pytest.mark.timeout(900, func_only=True)  # Helm may have to be built
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:readpool-controller"
LABELS = {"stellar.org/pool": "pool", "app.kubernetes.io/managed-by": "readpool"}
OWNER = {"apiVersion": "stellar.org/v1alpha1", "kind": "ReadOnlyPool", "name": "pool", "uid": "1", "controller": True}
POLICY = "ValidatingAdmissionPolicy 'readpool.readpool-controller'"


@pytest.fixture
def policy(api_server: ApiServer, helm: Helm) -> Iterator[Sequence[Object]]:
    """Keep the chart's policy in force, with the controller's cluster-wide role."""
    roles = grant(api_server, helm, "", is_narrow=False)
    found = [o for o in helm.render() if o["kind"].startswith("ValidatingAdmission")]
    apply(api_server.access, *found)
    wait_for("the policy to be in force", lambda: refusal(api_server.access, config_map("kube-system")), 30, 0.2)
    yield found
    revoke(api_server, [*found, *roles])


@pytest_asyncio.fixture
async def kinds(stage: ControllerStage) -> AsyncIterator[None]:
    """Serve the optional kinds."""
    async with defined(stage.client, SCALED_OBJECT, HTTP_ROUTE, PROMETHEUS_RULE):
        yield


def apply(access: Access, *manifests: Object) -> None:
    access.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}))


def refusal(access: Access, manifest: dict[str, Any], user: str = ACCOUNT) -> str:
    """Apply as the controller does, and return what the API server says against it; empty where it takes it."""
    return attempt(
        access, "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(manifest), user=user
    )


def attempt(access: Access, *arguments: str, stdin: str | None = None, user: str = ACCOUNT) -> str:
    """Do something as a user, and return what the API server says against it; empty where it takes it."""
    try:
        access.kubectl(*arguments, f"--as={user}", stdin=stdin)
    except KubectlError as error:
        return str(error)
    return ""


def manifest_of(kind: str, api: str, namespace: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    named = {"name": "mine", "namespace": namespace, **metadata}
    return {"apiVersion": api, "kind": kind, "metadata": named, **spec}


def config_map(namespace: str, **metadata: Any) -> dict[str, Any]:
    return manifest_of("ConfigMap", "v1", namespace, {"data": {"a": "b"}}, **metadata)


def stateful_set(namespace: str, **metadata: Any) -> dict[str, Any]:
    pod = {"containers": [{"name": "x", "image": "evil"}], "serviceAccountName": "cluster-admin"}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": pod}
    spec = {"serviceName": "x", "selector": {"matchLabels": {"a": "b"}}, "template": template}
    return manifest_of("StatefulSet", "apps/v1", namespace, {"spec": spec}, **metadata)


def others(namespace: str) -> list[dict[str, Any]]:
    """Objects of somebody who knows nothing of pools, of every kind that the controller may write."""
    ports = {"ports": [{"port": 80}]}
    return [
        config_map(namespace),
        stateful_set(namespace),
        manifest_of("Service", "v1", namespace, {"spec": ports}),
        manifest_of("NetworkPolicy", "networking.k8s.io/v1", namespace, {"spec": {"podSelector": {}}}),
        manifest_of("PodDisruptionBudget", "policy/v1", namespace, {"spec": {"maxUnavailable": 1, "selector": {}}}),
        manifest_of(
            "EndpointSlice", "discovery.k8s.io/v1", namespace, {"addressType": "IPv4", "endpoints": [], "ports": []}
        ),
        manifest_of(
            "PersistentVolumeClaim",
            "v1",
            namespace,
            {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
        ),
        manifest_of("ScaledObject", SCALED_OBJECT.api_version, namespace, {"spec": {"a": "b"}}),
        manifest_of("HTTPRoute", HTTP_ROUTE.api_version, namespace, {"spec": {"a": "b"}}),
        manifest_of("PrometheusRule", PROMETHEUS_RULE.api_version, namespace, {"spec": {"a": "b"}}),
    ]


@pytest.mark.usefixtures("policy")
async def test_under_the_policy_the_controller_lives_a_full_life_without_being_refused(stage: ControllerStage) -> None:
    await make_storage_class(stage)
    stage.relay.user, stage.clock = ACCOUNT, (clock := Clock())
    async with (
        defined(stage.client, SCALED_OBJECT, HTTP_ROUTE, PROMETHEUS_RULE, VOLUME_SNAPSHOT),
        stage.controller(lease_namespace=NAMESPACE, lease_name="readpool-controller", check_seconds=0.5),
    ):
        await live_a_full_life(stage, clock)
    stage.relay.user = None
    assert stage.relay.forbidden == []


@pytest.mark.usefixtures("policy", "kinds")
async def test_its_token_makes_changes_and_deletes_nothing_that_is_of_no_pool(stage: ControllerStage) -> None:
    access, namespace = stage.server.access, stage.namespace
    for manifest in others(namespace):
        kind = manifest["kind"]
        for metadata in ({}, {"labels": LABELS}, {"ownerReferences": [OWNER]}):
            if kind != "PersistentVolumeClaim" or not metadata.get("labels"):
                made = manifest | {"metadata": manifest["metadata"] | metadata}
                assert POLICY in refusal(access, made), (kind, metadata)
        apply(access, manifest)
        whole = {"labels": LABELS, "ownerReferences": [OWNER]}
        taken = manifest | {"metadata": manifest["metadata"] | whole}
        assert "may change and delete only what belongs to a ReadOnlyPool" in refusal(access, taken), kind
        said = attempt(access, "delete", kind, "mine", "-n", namespace)
        assert POLICY in said or "cannot delete resource" in said, kind  # its role comes before the policy
    assert access.get("configmap", "mine", namespace) is not None


@pytest.mark.usefixtures("policy")
def test_its_token_writes_nothing_where_clusters_keep_their_own(api_server: ApiServer) -> None:
    whole = {"labels": LABELS, "ownerReferences": [OWNER]}
    for namespace in ("kube-system", "kube-public"):
        assert "may write nothing in this namespace" in refusal(api_server.access, stateful_set(namespace, **whole))
    assert refusal(api_server.access, stateful_set("default", **whole)) == ""
    api_server.access.kubectl("delete", "statefulset", "mine", "-n", "default")


@pytest.mark.usefixtures("policy")
def test_nobody_else_is_held(api_server: ApiServer, namespace: str) -> None:
    access = api_server.access
    apply(access, config_map(namespace), config_map("kube-system"))
    access.kubectl("delete", "configmap", "mine", "-n", "kube-system")


@pytest.mark.usefixtures("policy")
async def test_of_a_pools_pods_it_changes_annotations_and_nothing_that_runs(stage: ControllerStage) -> None:
    namespace = stage.namespace
    async with stage.controller():
        await stage.apply(**BALANCED)
        await stage.until_there(STATEFUL_SET, "pool")
    await stage.cluster.run_pods("pool")
    stage.relay.user = ACCOUNT
    async with connect(stage.folder / "relay.kubeconfig") as client:

        async def patch(body: dict[str, Any]) -> None:
            await client.merge(POD, namespace, "pool-0", body, manager="readpool")

        await patch({"metadata": {"annotations": {"a": "b"}}})
        containers = (await stage.read(POD, "pool-0"))["spec"]["containers"]
        evil = {"spec": {"containers": [one | {"image": "evil"} for one in containers]}}
        for body in (evil, {"metadata": {"labels": {"a": "b"}}}, {"metadata": {"labels": {"stellar.org/pool": None}}}):
            with pytest.raises(ApiError, match=r"readpool\.readpool-controller"):
                await patch(body)
