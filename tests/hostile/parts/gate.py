"""A replica's pod: the gate with its container's arguments and limit, before a Core.

Readers, the scaler and the kubelet ask. The arguments are those of the pod but for the ports and the address, which are
free ones of this machine.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.core_config.core_config import CorePorts
from controller.gate.gate import build_gate
from controller.gate.gate_config import GateSettings, build_gate_config
from controller.gate.gate_listeners import READY_PATH, GatePorts
from devtools.envoy.envoy_binary import find_envoy
from devtools.envoy.envoy_process import EnvoyProcess, name_admin_socket
from devtools.machine.ports import take_ports
from readpool.pool.spec import PoolSpec
from tests.hostile.core import build_query
from tests.hostile.memory_group import MemoryGroup, make_memory_group, parse_memory
from tests.hostile.part import Honest, Part
from tests.hostile.processes import read_line, run_program
from tests.hostile.readers import be_honest, write_get, write_query

READERS = 3
READ_SECONDS = 0.1
WATCH_SECONDS = 0.5
_CONFIG = "--config-yaml"
_SPEC = {"network": "Mainnet", "version": "v22.4.1"}


@dataclass(frozen=True, slots=True)
class Replica:
    """A gate and the Core behind it, running."""

    ports: GatePorts
    memory: MemoryGroup
    gate: asyncio.subprocess.Process
    core: asyncio.subprocess.Process
    log: Path

    async def find_harm(self) -> list[str]:
        """Find which of the two has ended, and what a gate that has said at last."""
        said = await asyncio.to_thread(self.log.read_text, errors="replace")
        of = {f"the gate, {said[-300:]!r}": self.gate.returncode, "Core": self.core.returncode}
        return [f"{name} has ended with {status}" for name, status in of.items() if status is not None]


def build_container() -> dict[str, Any]:
    """Build the gate's container as pods have it."""
    container = build_gate(PoolSpec.model_validate(_SPEC), "envoy")
    assert container is not None
    return container


@contextlib.asynccontextmanager
async def run_replica(folder: Path, name: str) -> AsyncIterator[Replica]:
    """Run a gate under its container's limit, and a Core behind it."""
    container, ports, admin = build_container(), GatePorts(*take_ports(3)), name_admin_socket()
    limit = parse_memory(container["resources"]["limits"]["memory"])
    async with contextlib.AsyncExitStack() as stack:
        log = folder / f"{name}-core.log"
        core = await stack.enter_async_context(run_program([sys.executable, "-m", "tests.hostile.core"], log))
        command, query = map(int, (await read_line(core, log)).split())
        config = build_gate_config(GateSettings(ports, CorePorts(command=command, query=query), "127.0.0.1", admin))
        arguments = list(container["args"])
        arguments[arguments.index(_CONFIG) + 1] = json.dumps(config)
        memory = stack.enter_context(make_memory_group(name, limit))
        log = folder / f"{name}.log"
        gate = await stack.enter_async_context(run_program([str(find_envoy()), *arguments], log, memory))
        await EnvoyProcess(gate, admin, log).wait_until_live()
        yield Replica(ports, memory, gate, core, log)


def list_readers(port: int) -> Sequence[Honest]:
    """List those who read at this port: some keep their connections, and some come anew each time."""
    query = write_query(build_query(1))
    return [
        be_honest("readers" if keeps else "new readers", port, query, READ_SECONDS, keeps=keeps)
        for keeps in (True, False)
        for _ in range(READERS)
    ]


@contextlib.asynccontextmanager
async def run_part(folder: Path) -> AsyncIterator[Part]:
    """Run it."""
    async with run_replica(folder, "gate") as replica:
        ports = replica.ports
        watchers = (
            be_honest("/info", ports.info, write_get("/info"), WATCH_SECONDS, is_vital=True),
            be_honest(READY_PATH, ports.stats, write_get(READY_PATH), WATCH_SECONDS, is_vital=True),
        )
        named = {"info": ports.info, "read": ports.read, "stats": ports.stats}
        yield Part(named, (*list_readers(ports.read), *watchers), replica.memory, replica.find_harm)
