"""What the tests of polling share: running fleets with their log, specs, and waiting with a deadline."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog.testing

from readpool.clock import steady_clock
from readpool.replica_class import ReplicaClass
from scaler.fleets.fleets import Fleets
from scaler.fleets.watched_fleet import WatchedFleet
from scaler.policy.policy import Bounds
from scaler.triggers.fleet_spec import FleetSpec, NodesSource, ServiceSource
from scaler.triggers.poll_settings import PollSettings
from tests.component.hostile_servers import Handler, build_answer, build_honest_info

FAST = PollSettings(interval_seconds=0.5, connect_seconds=0.3, total_seconds=0.4, allow_loopback=True)
"""Short enough for tests, long enough for a busy machine."""


@dataclass(frozen=True)
class Running:
    """Fleets under observation, and every line they logged."""

    fleets: Fleets
    lines: Sequence[MutableMapping[str, Any]]

    def lines_of(self, event: str, **fields: object) -> list[MutableMapping[str, Any]]:
        """Return the lines of one event with these fields."""
        return [
            line
            for line in self.lines
            if line["event"] == event and all(line.get(key) == value for key, value in fields.items())
        ]


@contextlib.asynccontextmanager
async def run_fleets(settings: PollSettings = FAST) -> AsyncIterator[Running]:
    """Run a set of fleets for as long as the block runs."""
    with structlog.testing.capture_logs() as lines:
        fleets = Fleets(settings, steady_clock())
        await fleets.start()
        try:
            yield Running(fleets, lines)
        finally:
            await fleets.stop()


def build_spec(*urls: str, namespace: str = "tests", **fields: Any) -> FleetSpec:
    """Build the spec of a fleet of fixed nodes."""
    return FleetSpec(namespace=namespace, source=NodesSource(urls), bounds=Bounds(1, 3, 10), **fields)


def build_service_spec(name: str = "core", port: int | str = 11626, **fields: Any) -> FleetSpec:
    """Build the spec of a fleet behind a headless Service."""
    return FleetSpec(namespace="stellar", source=ServiceSource(name, port), bounds=Bounds(1, 3, 10), **fields)


async def wait_until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: when it did not within `seconds`.
    """
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for is anything at all
            await asyncio.sleep(0.01)


def classes(fleet: WatchedFleet) -> list[ReplicaClass]:
    """Return the classes of a fleet's replicas, by name."""
    return [replica.standing.replica_class for replica in fleet.snapshot.replicas]


class HonestNode:
    """Answers as a node in step does, and remembers when it was asked. Its ledger moves once a second."""

    def __init__(self) -> None:
        self.asked_at: list[float] = []

    @property
    def handler(self) -> Handler:
        """The node's side of one connection."""

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            now = asyncio.get_running_loop().time()
            self.asked_at.append(now)
            writer.write(build_answer(build_honest_info(ledger=10_000 + int(now))))
            await writer.drain()

        return handle
