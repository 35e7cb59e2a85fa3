"""The stage of devtools.api.routes_stage with a mesh in place of a gateway: Istio drives the Envoy beside a reader.

Readers ask the pool's own Service, and the HTTPRoute whose parent that is decides what they get.
"""

import contextlib
from functools import partial
from pathlib import Path

import yaml

from controller.gate.gate import READ_PORT
from devtools.api.mesh_programs import DEFINITIONS, ISTIO, run_mesh_programs
from devtools.api.routes_stage import NAMESPACE, POOL, Kit, RoutedBy, RoutesStage, set_stage_with
from devtools.cluster.builds import Binaries, build_parts

MESH = RoutedBy(
    {"kind": "Service", "name": POOL, "port": READ_PORT},
    entrance=None,
    virtual_host=f"{POOL}.{NAMESPACE}.svc.cluster.local:{READ_PORT}",
)
_MANIFESTS = Path(__file__).with_name("mesh.yaml")
_NEEDED = "peerauthentications.security.istio.io"
"""Without it a sidecar waits for certificates, and listens nowhere."""


def set_mesh_stage(folder: Path) -> contextlib.AbstractAsyncContextManager[RoutesStage]:
    """Set the stage with Istio; raises as set_stage_with."""
    kit = Kit(
        build=partial(build_parts, [ISTIO], print),
        read_definition=_read_istio_definition,
        manifests=_MANIFESTS,
        run=run_mesh_programs,
        flags=(),
        routed_by=MESH,
    )
    return set_stage_with(kit, folder)


def _read_istio_definition(binaries: Binaries) -> str:
    text = (binaries.path("manifests").parent / DEFINITIONS).read_text(encoding="utf-8")
    return next(one for one in text.split("\n---\n") if (yaml.safe_load(one) or {})["metadata"]["name"] == _NEEDED)
