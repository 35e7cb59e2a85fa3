"""docs/tenants.md on a real API server: its values and manifests are taken, what a tenant must not do is refused."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.resources.pod_template import merge_template
from devtools.api.api_server import ApiServer
from devtools.api.controller_stage import USER, ControllerStage
from devtools.cluster.access import Access, KubectlError
from devtools.cluster.waiting import wait_for
from devtools.pools.pool_manifests import build_manifest
from readpool.kubernetes.kinds import POOL, STATEFUL_SET
from tests.e2e.rendered_chart import CHART, KUBERNETES, NAMESPACE, Helm, Object

pytestmark = pytest.mark.timeout(900, func_only=True)  # Helm may have to be built
EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
TENANT: list[dict[str, Any]] = list(yaml.safe_load_all((EXAMPLES / "tenant.yaml").read_text(encoding="utf-8")))
VALUES = EXAMPLES / "values-tenants.yaml"
TEAM = "team-a"
SOMEBODY = ("--as=alice", f"--as-group={TEAM}")
OPTIONAL = ("cert-manager.io", "keda.sh", "monitoring.coreos.com")
"""Groups of kinds that a cluster has from elsewhere."""


@pytest.fixture(scope="module")
def tenant(api_server: ApiServer) -> Iterator[Access]:
    """Admit the tenant. No controller counts what the quota counts here, so the test says that nothing is used."""
    access = api_server.access
    apply(access, *TENANT)
    count(access, {})
    yield access
    access.kubectl("delete", "resourcequota", "pools", "-n", TEAM)


def apply(access: Access, *manifests: Object, flags: tuple[str, ...] = ()) -> None:
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
    access.kubectl("apply", *flags, "-f", "-", stdin=listed)


def count(access: Access, used: dict[str, str]) -> None:
    """Write what is used, as the controller of quotas does."""
    hard = next(one["spec"]["hard"] for one in TENANT if one["kind"] == "ResourceQuota")
    status = json.dumps({"status": {"hard": hard, "used": dict.fromkeys(hard, "0") | used}})
    access.kubectl(
        *("patch", "resourcequota", "pools", "-n", TEAM, "--subresource=status", "--type=merge", "-p"), status
    )


def refusal(access: Access, *arguments: str, stdin: str | None = None) -> str:
    """Do something, and return what the API server says against it; empty where it takes it."""
    try:
        access.kubectl(*arguments, stdin=stdin)
    except KubectlError as error:
        return str(error)
    return ""


def create(access: Access, manifest: Object, *flags: str) -> str:
    return refusal(access, "create", "--dry-run=server", *flags, "-f", "-", stdin=json.dumps(manifest))


def render(helm: Helm) -> list[Object]:
    where = ("--namespace", NAMESPACE, "--kube-version", KUBERNETES, "--values", str(VALUES))
    return [one for one in yaml.safe_load_all(helm.run("template", "readpool", str(CHART), *where)) if one]


def test_the_values_are_taken_and_reach_no_further_than_the_tenants(api_server: ApiServer, helm: Helm) -> None:
    objects = render(helm)
    for namespace in (NAMESPACE, TEAM, "keda"):
        apply(api_server.access, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    known = [one for one in objects if not one["apiVersion"].startswith(OPTIONAL)]
    apply(api_server.access, *known, flags=("--server-side", "--dry-run=server", "--force-conflicts"))
    kinds = {one["kind"] for one in objects}
    roles = [one["metadata"].get("labels", {}) for one in objects if one["kind"] == "ClusterRole"]
    assert all(any(label.startswith("rbac.authorization.k8s.io/aggregate-to-") for label in one) for one in roles)
    assert "ClusterRoleBinding" not in kinds, "what a role grants to administrators of namespaces is bound there alone"
    assert "ValidatingAdmissionPolicy" in kinds
    policies = {one["metadata"]["name"]: one["spec"] for one in objects if one["kind"] == "NetworkPolicy"}
    assert set(policies) == {"readpool-scaler", "readpool-controller", "readpool-certificates"}
    assert all(one["policyTypes"] == ["Ingress", "Egress"] for one in policies.values())


def test_a_tenant_writes_pools_and_nothing_else(tenant: Access) -> None:
    pool = build_manifest("readers", TEAM)
    assert create(tenant, pool, *SOMEBODY) == ""
    assert "forbidden" in create(tenant, pool | {"metadata": {"name": "readers", "namespace": "default"}}, *SOMEBODY)
    for verb, resource in (
        ("patch", "readonlypools/status"),
        ("create", "statefulsets.apps"),
        ("create", "pods"),
        ("create", "pods/exec"),
        ("get", "secrets"),
        ("create", "endpointslices.discovery.k8s.io"),
        ("create", "scaledobjects.keda.sh"),
        ("create", "httproutes.gateway.networking.k8s.io"),
        ("create", "rolebindings.rbac.authorization.k8s.io"),
        ("update", "resourcequotas"),
        ("update", "networkpolicies.networking.k8s.io"),
    ):
        resource, _, part = resource.partition("/")  # noqa: PLW2901 - `can-i` wants the two apart
        flags = (f"--subresource={part}",) if part else ()
        # It ends with 1 where the answer is no.
        assert refusal(tenant, "auth", "can-i", verb, resource, "-n", TEAM, *flags, *SOMEBODY), (verb, resource)


def test_a_tenant_has_as_many_pools_as_the_quota_says(tenant: Access) -> None:
    pool = build_manifest("readers", TEAM)
    count(tenant, {"count/readonlypools.stellar.org": "5"})
    wait_for("the quota to be exceeded", lambda: "exceeded quota" in create(tenant, pool, *SOMEBODY), 30, 0.2)
    count(tenant, {})
    wait_for("there to be room", lambda: not create(tenant, pool, *SOMEBODY), 30, 0.2)


HARMFUL: dict[str, dict[str, Any]] = {
    "the host's files": {"volumes": [{"name": "host", "hostPath": {"path": "/"}}]},
    "the host's network": {"hostNetwork": True},
    "the host's processes": {"hostPID": True},
    "capabilities": {
        "containers": [{"name": "beside", "image": "x", "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}]
    },
    "root": {"securityContext": {"runAsNonRoot": False, "runAsUser": 0}},
}


async def test_a_pools_pods_are_admitted_and_what_reaches_for_the_host_is_not(
    stage: ControllerStage, tenant: Access
) -> None:
    async with stage.controller(namespaces=(TEAM,)):
        await stage.client.apply(POOL, build_manifest("readers", TEAM, replicas=3), manager=USER)
        await stage.until(lambda: stage.client.get(STATEFUL_SET, TEAM, "readers"), "a StatefulSet")
    made = await stage.client.get(STATEFUL_SET, TEAM, "readers")
    assert made is not None
    template = made["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", **copy.deepcopy(dict(template))}
    pod["metadata"] |= {"name": "readers-0", "namespace": TEAM}
    claim = {"persistentVolumeClaim": {"claimName": "data-readers-0"}}
    pod["spec"]["volumes"] = [*pod["spec"].get("volumes", []), {"name": "data", **claim}]
    assert create(tenant, pod) == ""
    for wish, harm in HARMFUL.items():
        spec = merge_template({"spec": pod["spec"]}, {"spec": harm})["spec"]
        assert "violates PodSecurity" in create(tenant, pod | {"spec": spec}), wish
