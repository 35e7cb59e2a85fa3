"""Every manifest of the documentation and of examples/ on a real API server that knows KEDA and the Gateway API.

Fields are validated strictly, so that a misspelt one fails. Kinds of other projects (cert-manager, Prometheus, Argo CD,
Flux) are left out by name.
"""

import json
from collections.abc import Iterator

import pytest
import yaml

from devtools.api.api_server import Programs, run_api_server
from devtools.api.gateway_definitions import find_definitions
from devtools.api.go_modules import fetch_module
from devtools.cluster.access import Access, KubectlError
from devtools.cluster.waiting import wait_for
from devtools.machine.needs import UnmetNeedError
from devtools.strictness import skip_or_fail
from readpool.pool.crd import render_crd
from tests.docs_pages import ROOT, list_manifest_texts
from tests.e2e.rendered_chart import Object

pytestmark = pytest.mark.timeout(600, func_only=True)
ELSEWHERE = ("cert-manager.io", "monitoring.coreos.com", "argoproj.io", "toolkit.fluxcd.io", "snapshot.storage.k8s.io")
KEDA = ("scaledobjects", "triggerauthentications", "clustertriggerauthentications")
PINS = ROOT / "devtools" / "cluster" / "pins" / "keda"


def list_manifests() -> list[tuple[str, Object]]:
    """List those of pages and examples, whole objects alone."""
    examples = [
        path for path in (ROOT / "examples").rglob("*.yaml") if "values" not in path.name and path.stem != "envoy-eds"
    ]
    texts = [*list_manifest_texts(), *((str(path.relative_to(ROOT)), path.read_text()) for path in sorted(examples))]
    whole = [(place, one) for place, text in texts for one in yaml.safe_load_all(text) if isinstance(one, dict)]
    known = [(place, one) for place, one in whole if "apiVersion" in one and "kind" in one]
    return [(place, one) for place, one in known if not any(group in one["apiVersion"] for group in ELSEWHERE)]


@pytest.fixture(scope="module")
def access(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    """Run an API server of this module's own: others count on there being no KEDA."""
    try:
        keda = fetch_module("github.com/kedacore/keda/v2", "KEDA", PINS) / "config" / "crd" / "bases"
        gateway = find_definitions("standard")
    except UnmetNeedError as error:
        skip_or_fail(str(error))
    definitions = [path for kind in KEDA for path in keda.glob(f"*_{kind}.yaml")]
    definitions += sorted(gateway.glob("gateway.networking.k8s.io_*.yaml"))
    with run_api_server(tmp_path_factory.mktemp("api"), programs) as server:
        server.access.kubectl("apply", "-f", "-", stdin=render_crd())
        for path in definitions:
            server.access.kubectl("apply", "--server-side", "-f", str(path))
        wait_for("all kinds to be served", lambda: _is_served(server.access), seconds=30, every=0.2)
        namespaces = {one["metadata"].get("namespace", "default") for _, one in list_manifests()}
        for name in sorted(namespaces - {"default"}):
            server.access.kubectl("create", "namespace", name)
        yield server.access


def _is_served(access: Access) -> bool:
    served = access.kubectl("api-resources", "--cached=false", "-o", "name")
    return all(kind in served for kind in ("readonlypools", "httproutes", *KEDA))


def refuse(access: Access, manifest: Object) -> str:
    """Return what the API server says against a manifest; empty where it takes it."""
    flags = ("--dry-run=server", "--validate=strict", "--server-side", "--force-conflicts")
    try:
        access.kubectl("apply", *flags, "-f", "-", stdin=json.dumps(manifest))
    except KubectlError as error:
        return str(error)
    return ""


def test_every_manifest_is_taken_by_an_api_server(access: Access) -> None:
    manifests = list_manifests()
    assert len(manifests) > 30
    if not refuse(access, {"apiVersion": "v1", "kind": "List", "items": [one for _, one in manifests]}):
        return  # each by itself takes a kubectl, and tells which one it is
    refused = {place: sentence for place, one in manifests if (sentence := refuse(access, one))}
    assert refused == {}


def test_a_misspelt_field_is_seen(access: Access) -> None:
    manifest = next(one for _, one in list_manifests() if one["kind"] == "ReadOnlyPool")
    spec = {**manifest["spec"], "targetReplicsa": 3}
    assert "targetReplicsa" in refuse(access, {**manifest, "spec": spec})
