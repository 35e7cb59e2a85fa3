"""The scaler and the controller with the arguments and the limit that the chart gives them, in a control group each.

The chart's arguments come first; those that are this machine's, such as free ports of loopback, take their places.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.rendered_chart import Helm, pod_of
from tests.hostile.log_file import find_log_harm
from tests.hostile.memory_group import MemoryGroup, make_memory_group, parse_memory
from tests.hostile.processes import run_program

_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Program:
    """One that runs; `log` has all that it says."""

    name: str
    process: asyncio.subprocess.Process
    memory: MemoryGroup
    log: Path
    started_at: float

    def find_harm(self) -> list[str]:
        """Find whether it has ended, or logged too much."""
        ended = self.process.returncode
        harm = [] if ended is None else [f"the {self.name} has ended with {ended}"]
        return harm + find_log_harm(self.log, time.monotonic() - self.started_at)


@contextlib.asynccontextmanager
async def run_chart_program(
    helm: Helm, name: str, settings: Sequence[str], own: Sequence[str], folder: Path
) -> AsyncIterator[Program]:
    """Run a program of the chart for the block, with `own` arguments after those that it has there."""
    (container,) = pod_of(helm.render(*settings), f"readpool-{name}")["containers"]
    arguments = [one for one in container["args"][1:] if not one.startswith(tuple(_name(flag) for flag in own))]
    limit = parse_memory(container["resources"]["limits"]["memory"])
    command, log = [sys.executable, "-m", name, *arguments, *own], folder / f"{name}.log"
    with make_memory_group(name, limit) as memory:
        async with run_program(command, log, memory, is_read=False) as process:
            program = Program(name, process, memory, log, time.monotonic())
            await _wait_until_serving(program)
            yield program


def _name(flag: str) -> str:
    return flag.partition("=")[0] + "="


async def _wait_until_serving(program: Program) -> None:
    async with asyncio.timeout(_START_SECONDS):
        while b'"event":"serving"' not in (text := program.log.read_bytes().replace(b'": "', b'":"')):
            if program.process.returncode is not None:
                raise RuntimeError(f"the {program.name} has ended: {text[-2000:].decode(errors='replace')}")
            await asyncio.sleep(0.1)
