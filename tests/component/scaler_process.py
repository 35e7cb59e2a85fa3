"""The real scaler, started as a process of its own: `with run_scaler("--allow-static-nodes") as scaler:`."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

_Event = dict[str, Any]
START_SECONDS = 60.0
STOP_SECONDS = 40.0


class ScalerProcess:
    """A scaler that serves.

    Attributes:
        process: the child.
        events: its log so far, one dictionary a line; lines that are no JSON are under `text`.
        grpc: HOST:PORT of its gRPC port.
        telemetry: HOST:PORT of its telemetry port.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.events: list[_Event] = []
        self._news = threading.Condition()
        self._has_ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.grpc = ""
        self.telemetry = ""

    def wait_for(self, event: str, seconds: float = START_SECONDS, **values: object) -> _Event:
        """Wait for a line of the log with this event and these values, and return it."""

        def find() -> _Event | None:
            matching = (e for e in self.events if e.get("event") == event and values.items() <= e.items())
            return next(matching, None)

        return self._wait(find, seconds, f"no event {event!r} {values or ''}")

    def events_named(self, event: str) -> list[_Event]:
        """Return all lines of the log so far with this event."""
        return [e for e in self.events if e.get("event") == event]

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = STOP_SECONDS) -> int:
        """Send a signal, wait for the end, and return the exit code."""
        self.process.send_signal(number)
        return self.wait_until_ended(seconds)

    def wait_until_ended(self, seconds: float = STOP_SECONDS) -> int:
        """Wait for the end and for its last line, and return the exit code."""
        code = self.process.wait(seconds)
        self._reader.join(seconds)
        return code

    def end(self) -> None:
        """End the process if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.wait_until_ended()
        assert self.process.stdout
        self.process.stdout.close()

    def _wait(self, find: Callable[[], _Event | None], seconds: float, failure: str) -> _Event:
        with self._news:
            self._news.wait_for(lambda: find() is not None or self._has_ended, seconds)
        found = find()
        if found is None:
            state = "has ended" if self._has_ended else "runs"
            raise AssertionError(f"{failure} within {seconds} s; the scaler {state} and said {self.events[-20:]}")
        return found

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self._news:
                self.events.append(_parse(line))
                self._news.notify_all()
        with self._news:
            self._has_ended = True
            self._news.notify_all()


@contextlib.contextmanager
def start_scaler(*flags: str, **environment: str) -> Iterator[ScalerProcess]:
    """Start a scaler at free loopback ports, and end it after the block; it may not serve yet, or never."""
    command = [sys.executable, "-W", "error", "-m", "scaler", "--listen", "127.0.0.1:0"]
    command += ["--telemetry-listen", "127.0.0.1:0", *flags]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **environment}
    )
    scaler = ScalerProcess(process)
    try:
        yield scaler
    finally:
        scaler.end()


@contextlib.contextmanager
def run_scaler(*flags: str, **environment: str) -> Iterator[ScalerProcess]:
    """Start a scaler at free loopback ports, wait until it serves, and end it after the block."""
    with start_scaler(*flags, **environment) as scaler:
        serving = scaler.wait_for("serving")
        scaler.grpc, scaler.telemetry = serving["grpc"], serving["telemetry"]
        yield scaler


def _parse(line: str) -> _Event:
    with contextlib.suppress(ValueError):
        event = json.loads(line)
        if isinstance(event, dict):
            return event
    return {"text": line.rstrip("\n")}
