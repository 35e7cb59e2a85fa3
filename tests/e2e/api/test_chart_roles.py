"""Both programs on a real API server with what the chart's roles grant, and nothing else: all namespaces, and some."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from devtools.api.api_relay import run_relay
from devtools.api.api_server import ApiServer
from devtools.api.controller_stage import ControllerStage
from devtools.api.rights import Right, list_rights
from devtools.api.running_pool import BALANCED, has_replicas
from readpool.kubernetes.kinds import POD, STATEFUL_SET
from tests.e2e.api.pool_stage import run_pool_stage
from tests.e2e.rendered_chart import NAMESPACE, Helm, Object

pytestmark = pytest.mark.timeout(900, func_only=True)  # Helm may have to be built
ROLES = {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
SCOPES = [pytest.param(False, id="all namespaces"), pytest.param(True, id="some namespaces")]


def grant(server: ApiServer, helm: Helm, namespace: str, *, is_narrow: bool) -> Sequence[Object]:
    """Apply the roles of a release that looks after a namespace, or all; return those roles."""
    settings = (f"controller.namespaces={{{namespace}}}",) if is_narrow else ()
    found = [o for o in helm.render("tls.mode=off", *settings) if o["kind"] in ROLES]
    if server.access.get("namespace", NAMESPACE) is None:
        server.access.kubectl("create", "namespace", NAMESPACE)
    server.access.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": found}))
    return found


def revoke(server: ApiServer, roles: Sequence[Object]) -> None:
    """Remove the roles again."""
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": roles})
    server.access.kubectl("delete", "-f", "-", stdin=listed)


@pytest.mark.parametrize("is_narrow", SCOPES)
async def test_the_controller_gets_a_pool_running_and_rolls_it_without_being_refused(
    stage: ControllerStage, helm: Helm, is_narrow: bool
) -> None:
    roles = grant(stage.server, helm, stage.namespace, is_narrow=is_narrow)
    stage.relay.user = f"system:serviceaccount:{NAMESPACE}:readpool-controller"
    scope = {"namespaces": (stage.namespace,) if is_narrow else (), "lease_namespace": NAMESPACE}
    try:
        async with stage.controller(**scope):
            await stage.apply(**BALANCED)
            await stage.until(lambda: has_replicas(stage, 5), "a StatefulSet")
            await stage.cluster.run_pods("pool")
            await stage.say()
            await stage.until_condition("Ready", status="True")
            await stage.until_condition("Fresh", status="True")
            await stage.apply(**{**BALANCED, "version": "v23.0.1"})
            await stage.until(lambda: has_version(stage, "v23.0.1"), "a StatefulSet of the new version")
            await stage.cluster.run_pods("pool")
            await stage.until_condition("Reconciling", status="True", reason="RollingOut")
            await stage.until(lambda: is_one_ending(stage), "a replica to be replaced")
            await stage.until_quiet()
    finally:
        revoke(stage.server, roles)
    assert stage.relay.forbidden == []
    assert stage.relay.rights <= list_granted(roles, "readpool-controller")


@pytest.mark.parametrize("is_narrow", SCOPES)
async def test_the_scaler_reads_pools_by_its_role_and_uses_all_of_it(
    api_server: ApiServer, namespace: str, helm: Helm, tmp_path: Path, is_narrow: bool
) -> None:
    roles = grant(api_server, helm, namespace, is_narrow=is_narrow)
    flags = ("--namespaces", namespace) if is_narrow else ()
    kubeconfig = tmp_path / "relay.kubeconfig"
    try:
        async with run_relay(api_server, tmp_path) as relay:
            relay.user = f"system:serviceaccount:{NAMESPACE}:readpool-scaler"
            async with run_pool_stage(namespace, api_server.kubeconfig, *flags, scaler_kubeconfig=kubeconfig) as stage:
                await stage.apply()
                await stage.ask_until(3.0)
                await stage.apply(targetReplicas=4)
                await stage.ask_until(4.0)
            assert relay.forbidden == []
            assert relay.rights == list_granted(roles, "readpool-scaler")
    finally:
        revoke(api_server, roles)


def list_granted(roles: Sequence[Object], account: str) -> set[Right]:
    """List what those roles grant that are named after an account."""
    named = [o for o in roles if account in o["metadata"]["name"] and "rules" in o]
    return list_rights(rule for o in named for rule in o["rules"])


async def has_version(stage: ControllerStage, version: str) -> bool:
    """Return whether the pool's StatefulSet is of this version."""
    found = await stage.read(STATEFUL_SET, "pool")
    return any(one["image"].endswith(f":{version}") for one in found["spec"]["template"]["spec"]["containers"])


async def is_one_ending(stage: ControllerStage) -> bool:
    """Return whether a pod is gone, or about to go."""
    pods, _ = await stage.client.list(POD, stage.namespace)
    return len(pods) < 5 or any("deletionTimestamp" in pod["metadata"] for pod in pods)
