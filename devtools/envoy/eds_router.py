"""A real Envoy that subscribes to endpoint discovery, by the very bootstrap of examples/envoy-eds.yaml."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from controller.eds.eds import Assignment, build_assignment
from devtools.envoy.eds_slices import build_slice
from devtools.envoy.envoy_process import EnvoyProcess, name_admin_socket, run_envoy
from devtools.machine.ports import take_ports

BOOTSTRAP = Path(__file__).resolve().parents[2] / "examples" / "envoy-eds.yaml"
DELTA, WHOLE = "DELTA_GRPC", "GRPC"
POOL = "default/pool"


@dataclass(frozen=True, slots=True)
class Router:
    """A running router; `port` is where readers go."""

    port: int
    envoy: EnvoyProcess


def build_router_config(eds_port: int, port: int, variant: str, host: str = "127.0.0.1") -> dict[str, Any]:
    """Build the example's bootstrap with the addresses of a test, and one of the protocol's variants."""
    config: dict[str, Any] = yaml.safe_load(BOOTSTRAP.read_text(encoding="utf-8"))
    config["admin"]["address"]["pipe"]["path"] = name_admin_socket()
    (listener,) = config["static_resources"]["listeners"]
    listener["address"]["socket_address"] = {"address": host, "port_value": port}
    pool, readpool = config["static_resources"]["clusters"]
    pool["eds_cluster_config"]["eds_config"]["api_config_source"]["api_type"] = variant
    (endpoint,) = readpool["load_assignment"]["endpoints"][0]["lb_endpoints"]
    endpoint["endpoint"]["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": eds_port}
    return config


@contextlib.asynccontextmanager
async def run_router(binary: Path, folder: Path, eds_port: int, variant: str = DELTA) -> AsyncIterator[Router]:
    """Run a router that is told by the server on this port, live once it has its endpoints, until the block ends."""
    (port,) = take_ports(1)
    async with run_envoy(binary, build_router_config(eds_port, port, variant), folder) as envoy:
        await envoy.wait_until_live()
        yield Router(port, envoy)


def assign(weights: Mapping[str, int], port: int) -> Assignment:
    """Build an assignment of addresses by their weights, from slices as the controller writes them."""
    slices = [
        build_slice([one for one in weights if weights[one] == weight], weight, port=port, name=f"pool-{weight}")
        for weight in sorted(set(weights.values()))
    ]
    return build_assignment(slices)
