"""A gate between a test and two servers in Core's place, which keep what reaches them."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from devtools.envoy.envoy_binary import require_envoy
from devtools.envoy.gate_process import Gate, run_gate
from tests.recording_core import RecordingCore, run_recording_core

QUESTION = b"key=AAAA"


@dataclass(frozen=True, slots=True)
class Stage:
    """A gate and the two servers behind it."""

    gate: Gate
    command: RecordingCore
    query: RecordingCore

    def forget(self) -> None:
        """Forget what came in, and answer at once again."""
        for core in (self.command, self.query):
            core.requests.clear()
            core.delay_seconds, core.status, core.most_connections = 0.0, b"200 OK", 0

    @property
    def reached(self) -> list[str]:
        """What reached Core, as request lines."""
        return self.command.request_lines() + self.query.request_lines()


@contextlib.asynccontextmanager
async def run_stage(folder: Path) -> AsyncIterator[Stage]:
    """Run it until the block ends."""
    binary = require_envoy()
    async with (
        run_recording_core() as command,
        run_recording_core() as query,
        run_gate(binary, folder, command.port, query.port) as gate,
    ):
        yield Stage(gate, command, query)
