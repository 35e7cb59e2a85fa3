"""What a GitOps tool applies again changes nothing, on a real API server: pools that live, and the rendered chart."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from devtools.api.api_server import ApiServer
from devtools.api.controller_stage import ControllerStage
from devtools.api.running_pool import has_replicas
from devtools.cluster.access import KubectlError
from readpool.kubernetes.kinds import POOL, STATEFUL_SET
from tests.e2e.rendered_chart import NAMESPACE, Helm, Object

pytestmark = pytest.mark.timeout(300, func_only=True)
EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
ARGO = ("--server-side", "--field-manager=argocd-controller")
PARTS = ("readonlypool.yaml", "readonlypool-storage.yaml", "readonlypool-mesh.yaml", "compatibility/proposal.yaml")


def read_pool(example: str) -> dict[str, Any]:
    documents = yaml.safe_load_all((EXAMPLES / example).read_text(encoding="utf-8"))
    pool: dict[str, Any] = next(one for one in documents if one["kind"] == "ReadOnlyPool")
    return pool


def apply(server: ApiServer, objects: Sequence[Object]) -> None:
    """Apply as Argo CD and Flux do: server-side, by a manager of its own, which takes nothing from others."""
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
    server.access.kubectl("apply", *ARGO, "-f", "-", stdin=listed)


def list_versions(server: ApiServer, objects: Sequence[Object]) -> dict[str, str]:
    """List the version of each object as it is stored now."""
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
    found = json.loads(server.access.kubectl("get", "-o", "json", "-f", "-", stdin=listed))
    items = found.get("items", [found])
    return {f"{one['kind']} {one['metadata']['name']}": one["metadata"]["resourceVersion"] for one in items}


def diff(server: ApiServer, objects: Sequence[Object]) -> str:
    """Show what applying would change."""
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
    try:
        return server.access.kubectl("diff", *ARGO, "-f", "-", stdin=listed)
    except KubectlError as error:
        return str(error)


@pytest.mark.parametrize("example", PARTS)
async def test_a_pool_of_the_examples_is_applied_again_without_a_change(stage: ControllerStage, example: str) -> None:
    pool = read_pool(example)
    pool["metadata"] = {"name": "pool", "namespace": stage.namespace}
    target = pool["spec"].get("targetReplicas", 5)
    apply(stage.server, [pool])
    async with stage.controller():
        await stage.until(lambda: has_replicas(stage, target), "a StatefulSet")
        await stage.cluster.run_pods("pool")
        await stage.say(classes={f"pool-{ordinal}": "fresh" for ordinal in range(target)})
        await stage.until_condition("Fresh", status="True")
        stage.server.access.kubectl("scale", "readonlypool/pool", "-n", stage.namespace, f"--replicas={target + 1}")
        await stage.until(lambda: has_replicas(stage, target + 1), "a larger StatefulSet")
        await stage.until_quiet()
        before = await stage.read(POOL, "pool")
        assert diff(stage.server, [pool]) == ""
        apply(stage.server, [pool])
        after = await stage.read(POOL, "pool")
        assert after["metadata"]["generation"] == before["metadata"]["generation"]
        assert after["spec"] == before["spec"]
        assert after["spec"]["replicas"] == target + 1
        assert (await stage.read(STATEFUL_SET, "pool"))["spec"]["replicas"] == target + 1


def test_a_manifest_that_sets_the_size_takes_it_from_whoever_scales(api_server: ApiServer, namespace: str) -> None:
    pool = read_pool("readonlypool.yaml")
    pool["metadata"] = {"name": "pool", "namespace": namespace}
    apply(api_server, [pool])
    api_server.access.kubectl("scale", "readonlypool/pool", "-n", namespace, "--replicas=7")
    pool["spec"]["replicas"] = 5
    apply(api_server, [pool])  # which is why docs/gitops.md leaves it out
    stored = api_server.access.get("readonlypool", "pool", namespace)
    assert stored is not None
    assert stored["spec"]["replicas"] == 5


@pytest.fixture
def rendered(api_server: ApiServer, helm: Helm) -> Iterator[list[Object]]:
    """Yield the default chart's objects that this API server knows, and take them away afterwards."""
    known = set(api_server.access.kubectl("api-resources", "-o", "name").split())
    kinds = {row.split()[-1] for row in api_server.access.kubectl("api-resources", "--no-headers").splitlines()}
    assert "readonlypools.stellar.org" in known
    objects = [
        o for o in helm.render() if o["kind"] in kinds and "helm.sh/hook" not in o["metadata"].get("annotations", {})
    ]
    for namespace in (NAMESPACE, "keda"):
        if api_server.access.get("namespace", namespace) is None:
            api_server.access.kubectl("create", "namespace", namespace)
    yield objects
    own = [o for o in objects if o["kind"] != "CustomResourceDefinition"]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": own})
    api_server.access.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=listed)


def test_the_chart_renders_the_same_twice_and_is_applied_again_without_a_change(
    api_server: ApiServer, helm: Helm, rendered: list[Object]
) -> None:
    assert helm.render() == helm.render()
    apply_forced(api_server, rendered)
    before = list_versions(api_server, rendered)
    assert len(before) == len(rendered) > 10
    assert diff(api_server, rendered) == ""
    apply(api_server, rendered)
    assert list_versions(api_server, rendered) == before


def apply_forced(server: ApiServer, objects: Sequence[Object]) -> None:
    """Apply at first, and take over the definition, which this server has already from another manager."""
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
    server.access.kubectl("apply", *ARGO, "--force-conflicts", "-f", "-", stdin=listed)
