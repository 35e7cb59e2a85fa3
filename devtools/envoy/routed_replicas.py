"""Readers who go to replicas through a real Envoy, by the example's bootstrap, and what becomes of their reads."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controller.eds.eds import Assignment, build_assignment
from controller.eds.eds_server import EdsServer
from controller.eds.eds_store import EdsStore
from devtools.envoy.eds_router import POOL, Router, run_router
from devtools.envoy.eds_slices import build_slice
from devtools.envoy.envoy_binary import find_envoy
from devtools.envoy.weighted_backends import Connect, Reader
from readpool.host_port import HostPort

PAUSE_SECONDS = 0.01


@contextlib.asynccontextmanager
async def run_told_router(folder: Path, assignment: Assignment) -> AsyncIterator[Router]:
    """Run a router that is told of these replicas, until the block ends.

    Raises:
        EnvoyMissingError: where there is no Envoy.
    """
    store = EdsStore()
    store.ready.set()
    store.update(POOL, assignment)
    server = EdsServer(HostPort("127.0.0.1", 0), store)
    await server.start()
    try:
        async with run_router(find_envoy(), folder, server.port) as router:
            yield router
    finally:
        await server.stop()


def assign_ports(weights: Mapping[int, int]) -> Assignment:
    """Build an assignment of ports of 127.0.0.1 by their weights."""
    return build_assignment(
        build_slice(["127.0.0.1"], weight, port=port, name=f"pool-{port}") for port, weight in weights.items()
    )


@dataclass
class Readers:
    """A crowd that reads on and on.

    Attributes:
        connect: the way to the router.
        count: how many there are; each asks when it has been answered, after a short pause.
        seconds: how long each request took, in the order of their ends.
    """

    connect: Connect
    count: int = 6
    seconds: list[float] = field(default_factory=list)
    _crowd: list[Reader] = field(default_factory=list)
    _is_reading: bool = True

    @property
    def failures(self) -> list[str]:
        """What went wrong."""
        return [failure for reader in self._crowd for failure in reader.failures]

    @property
    def answered(self) -> dict[str, int]:
        """How often each replica answered."""
        names = {name for reader in self._crowd for name in reader.answered}
        return {name: sum(reader.answered[name] for reader in self._crowd) for name in names}

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Read for as long as the block runs, and to the end of what was asked in it."""
        self._crowd, self._is_reading = [Reader(self.connect) for _ in range(self.count)], True
        async with asyncio.TaskGroup() as group:
            for reader in self._crowd:
                group.create_task(self._ask(reader))
            try:
                yield
            finally:
                self._is_reading = False

    async def _ask(self, reader: Reader) -> None:
        async with reader:
            while self._is_reading:
                begun = time.monotonic()
                await reader.ask()
                self.seconds.append(time.monotonic() - begun)
                await asyncio.sleep(PAUSE_SECONDS)
