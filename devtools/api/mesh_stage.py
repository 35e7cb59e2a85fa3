"""The stage of devtools.api.routes_stage with a mesh in place of a gateway: Istio drives the Envoy beside a reader.

Readers ask the pool's own Service, and the HTTPRoute whose parent that is decides what they get.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import yaml

from controller.gate.gate import READ_PORT
from devtools.api.api_server import find_programs, run_api_server
from devtools.api.controller_stage import set_stage
from devtools.api.gateway_definitions import read_experimental_definitions
from devtools.api.mesh_programs import DEFINITIONS, ISTIO, run_mesh_programs
from devtools.api.routes_stage import NAMESPACE, POOL, RoutedBy, RoutesStage, prepare
from devtools.cluster.builds import Binaries, build_parts
from devtools.envoy.envoy_binary import find_envoy
from devtools.envoy.own_network import make_network

MESH = RoutedBy(
    {"kind": "Service", "name": POOL, "port": READ_PORT},
    entrance=None,
    virtual_host=f"{POOL}.{NAMESPACE}.svc.cluster.local:{READ_PORT}",
)
_MANIFESTS = Path(__file__).with_name("mesh.yaml")
_NEEDED = "peerauthentications.security.istio.io"
"""Without it a sidecar waits for certificates, and listens nowhere."""


@contextlib.asynccontextmanager
async def set_mesh_stage(folder: Path) -> AsyncIterator[RoutesStage]:
    """Set the stage during the block.

    Raises:
        UnmetNeedError: where a program can be had neither from the cache nor by building it, or Linux makes no network.
        EnvoyMissingError: where there is no Envoy.
    """
    with make_network() as network:
        envoy, programs = await asyncio.to_thread(find_envoy), await asyncio.to_thread(find_programs)
        binaries = await asyncio.to_thread(build_parts, [ISTIO], print)
        definitions = await asyncio.to_thread(read_experimental_definitions)
        with run_api_server(folder, programs) as server:
            manifests = _MANIFESTS.read_text(encoding="utf-8")
            await asyncio.to_thread(prepare, server, [*definitions, _read_istio_definition(binaries)], manifests)
            async with contextlib.AsyncExitStack() as stack:
                stage = await stack.enter_async_context(set_stage(server, NAMESPACE, folder))
                running = stack.enter_context(run_mesh_programs(network, server, binaries, envoy, folder))
                backends = await stack.enter_async_context(contextlib.AsyncExitStack())
                await stack.enter_async_context(stage.process(kubeconfig=server.kubeconfig))
                yield RoutesStage(stage, network, running, backends, MESH)


def _read_istio_definition(binaries: Binaries) -> str:
    text = (binaries.path("manifests").parent / DEFINITIONS).read_text(encoding="utf-8")
    return next(one for one in text.split("\n---\n") if (yaml.safe_load(one) or {})["metadata"]["name"] == _NEEDED)
