"""The real scaler as a process of its own, for the demo: started, found by its log, ended with the demo."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 30.0
STOP_SECONDS = 5.0
TAIL_LINES = 12


class ScalerError(Exception):
    """The scaler did not start, or died. The message has the end of its log."""


@dataclass(frozen=True, slots=True)
class RunningScaler:
    """A scaler that serves: its gRPC and telemetry ports as HOST:PORT, and where its log is."""

    process: Process
    log: Path
    grpc: str
    telemetry: str

    async def wait_for_death(self) -> None:
        """Wait for as long as it lives.

        Raises:
            ScalerError: when it has ended.
        """
        raise ScalerError(_describe_end(await self.process.wait(), self.log))


@asynccontextmanager
async def run_scaler(log: Path, *flags: str) -> AsyncIterator[RunningScaler]:
    """Run a scaler on free loopback ports with its log in a file; end it after the block, however that ends.

    Raises:
        ScalerError: when it ends, or does not serve in time.
    """
    command = ["-m", "scaler", "--listen", "127.0.0.1:0", "--telemetry-listen", "127.0.0.1:0", "--log-format", "json"]
    with log.open("wb") as output:
        # A session of its own: Ctrl-C is for the demo, which then ends the scaler in order.
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, *flags, stdout=output, stderr=output, start_new_session=True
        )
    try:
        serving = await _wait_until_serving(process, log)
        yield RunningScaler(process, log, serving["grpc"], serving["telemetry"])
    finally:
        await _end(process)


async def _wait_until_serving(process: Process, log: Path) -> dict[str, str]:
    try:
        async with asyncio.timeout(START_SECONDS):
            while process.returncode is None:
                for event in _read_events(log):
                    if event.get("event") == "serving":
                        return event
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise ScalerError(f"The scaler did not serve within {START_SECONDS:g} s.\n{read_tail(log)}") from None
    raise ScalerError(_describe_end(process.returncode, log))


def _read_events(log: Path) -> Iterator[dict[str, str]]:
    for line in log.read_text(errors="replace").splitlines():
        with suppress(ValueError):  # not every line of a dying process is JSON
            event = json.loads(line)
            if isinstance(event, dict):
                yield event


def read_tail(log: Path) -> str:
    """Read the end of a log, for people, indented."""
    lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    return "\n".join(["The end of its log:", *(f"  {line}" for line in lines or ["(it logged nothing)"])])


def _describe_end(code: int, log: Path) -> str:
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    return f"The scaler ended {how}.\n{read_tail(log)}"


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):  # it has ended
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except (TimeoutError, asyncio.CancelledError):
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
