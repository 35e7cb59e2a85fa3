"""The chart's router as Helm renders it, with its container's arguments and limit, before one replica.

The addresses and ports alone are others: free ones of this machine. A server of endpoint discovery tells it where the
replica is.
"""

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from controller.eds.eds_server import EdsServer
from controller.eds.eds_store import EdsStore
from devtools.envoy.eds_router import assign
from devtools.envoy.envoy_binary import find_envoy
from devtools.envoy.envoy_process import EnvoyProcess, name_admin_socket
from devtools.machine.ports import take_ports
from readpool.host_port import HostPort
from tests.e2e.rendered_chart import Helm, find, pod_of
from tests.hostile.memory_group import MemoryGroup, make_memory_group, parse_memory
from tests.hostile.processes import run_program

_ROUTER, _POOL, _HOST = "readpool-router", "stellar/readers", "127.0.0.1"
_SETTINGS = (
    *("router.enabled=true", "router.pools[0].namespace=stellar", "router.pools[0].name=readers"),
    "tls.mode=off",  # its endpoints are told in plain text here
)
_ADMIN = "@readpool-router-admin"


@dataclass(frozen=True, slots=True)
class ChartRouter:
    """A router that runs; `read` and `telemetry` are its ports."""

    read: int
    telemetry: int
    memory: MemoryGroup
    envoy: EnvoyProcess


@contextlib.asynccontextmanager
async def run_chart_router(
    helm: Helm, folder: Path, replica_port: int, name: str, addresses: Sequence[str] = (_HOST,)
) -> AsyncIterator[ChartRouter]:
    """Run it before whoever answers at this port of these addresses, until the block ends."""
    objects, admin = helm.render(*_SETTINGS), name_admin_socket()
    (container,) = pod_of(objects, _ROUTER)["containers"]
    read, telemetry = take_ports(2)
    async with contextlib.AsyncExitStack() as stack:
        discovery = await stack.enter_async_context(serve_discovery(_POOL, replica_port, addresses))
        text = find(objects, "ConfigMap", _ROUTER)["data"]["envoy.yaml"].replace(_ADMIN, admin)
        config = _place(yaml.safe_load(text), discovery, read, telemetry)
        (folder / f"{name}.json").write_text(json.dumps(config))
        arguments = [
            str(folder / f"{name}.json") if one.startswith("/etc/envoy/") else one for one in container["args"]
        ]
        limit = parse_memory(container["resources"]["limits"]["memory"])
        memory = stack.enter_context(make_memory_group(name, limit))
        log = folder / f"{name}.log"
        process = await stack.enter_async_context(run_program([str(find_envoy()), *arguments], log, memory))
        envoy = EnvoyProcess(process, admin, log)
        await envoy.wait_until_live()
        yield ChartRouter(read, telemetry, memory, envoy)


@contextlib.asynccontextmanager
async def serve_discovery(pool: str, replica_port: int, addresses: Sequence[str] = (_HOST,)) -> AsyncIterator[int]:
    """Serve where the replicas of a pool are, until the block ends; yields the port to ask."""
    store = EdsStore()
    store.ready.set()
    store.update(pool, assign(dict.fromkeys(addresses, 1), replica_port))
    server = EdsServer(HostPort(_HOST, 0), store)
    await server.start()
    try:
        yield server.port
    finally:
        await server.stop()


def _place(config: dict[str, Any], discovery: int, read: int, telemetry: int) -> dict[str, Any]:
    """Put it where it can be here; what it has of TLS is another test's matter."""
    resources = config["static_resources"]
    for listener, port in zip(resources["listeners"], (read, telemetry), strict=True):
        listener["address"]["socket_address"] = {"address": _HOST, "port_value": port}
        listener["filter_chains"][0].pop("transport_socket", None)
    controllers = next(one for one in resources["clusters"] if one["name"] == "controllers")
    controllers.pop("transport_socket", None)
    (endpoint,) = controllers["load_assignment"]["endpoints"][0]["lb_endpoints"]
    endpoint["endpoint"]["address"]["socket_address"] = {"address": _HOST, "port_value": discovery}
    return config
