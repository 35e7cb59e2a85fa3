"""Folders in which recorded command lines are run again: configurations, ports, and what stood in the way."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from devtools.core.simulated_core import simulated_core
from devtools.machine.ports import take_ports
from devtools.strictness import skip_where_impossible
from readpool.simulator.core.identity import random_seed
from tests.component.recorded_commands import RUNNING, Case, Step, normalise

PATIENCE_SECONDS = 30.0
NOBODY = 65532
STATE_FILE = "DIR/history/.well-known/stellar-history.json"
_PORTS = ("27600", "27601", "27900", "27901", "27902")
_IN_USE = {"HTTP port in use": "27601", "peer port in use": "27600", "query port in use": "27601"}
_AS_NOBODY = "folder not writable (as uid 65532)"


@dataclass(frozen=True)
class Seen:
    """What a command answered, made comparable."""

    exit_code: int
    stdout: str
    stderr: str


class CoreFolder:
    """A folder of one case. What was recorded as DIR is a folder in it that is not there."""

    def __init__(self, path: Path, case: Case, stack: contextlib.ExitStack) -> None:
        self.path = path
        self._case = case
        self._ports = dict(zip(_PORTS, map(str, take_ports(len(_PORTS))), strict=True))
        self._is_nobody = case.name == _AS_NOBODY
        if (port := _IN_USE.get(case.name)) is not None:
            stack.enter_context(socket.create_server(("", int(self._ports[port]))))
        if case.configuration is not None:
            self._write(case.configuration.replace('"SEED', f'"{random_seed()}'))
        if case.name in {"DATABASE garbage file", "DATABASE empty file"}:
            (path / "stellar.db").write_text("no database " * 100 if "garbage" in case.name else "")

    def prepare(self, step: Step) -> None:
        """Do what was done before a step."""
        if self._case.name == "DATABASE of another network" and step.argv.endswith("upgrade-db"):
            self._write((self._case.configuration or "").replace("Rec A", "Rec Z"))
        if self._case.name == "buckets removed, database kept" and step.argv.endswith("upgrade-db"):
            shutil.rmtree(self.path / "buckets")
        if step.argv.endswith("report-last-history-checkpoint"):
            state = self.path / STATE_FILE
            state.parent.mkdir(parents=True)
            state.write_text(step.stdout.replace("HEX64", "0" * 64))

    def execute(self, step: Step) -> Seen:
        """Run a command; one that was ended by SIGTERM until it has said RUNNING."""
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            process = subprocess.Popen(
                [simulated_core(), *step.argv.split()], cwd=self.path, stdout=out, stderr=err, **self._identity()
            )
            try:
                if step.runs:
                    _wait_until_running(err, process)
                    process.send_signal(signal.SIGTERM)
                exit_code = process.wait(PATIENCE_SECONDS)
            finally:
                process.kill()
                process.wait()
            return Seen(exit_code, self._read(out), self._read(err))

    def _write(self, configuration: str) -> None:
        for recorded, port in self._ports.items():
            configuration = configuration.replace(recorded, port)
        (self.path / "node.cfg").write_text(configuration.replace("DIR/", f"{self.path}/DIR/"))

    def _read(self, file: IO[str]) -> str:
        file.seek(0)
        text = normalise(file.read().replace(f"{self.path}/DIR", "DIR"))
        for recorded, port in self._ports.items():
            text = text.replace(port, recorded)
        return text

    def _identity(self) -> dict[str, Any]:
        if not self._is_nobody:
            return {}
        self.path.chmod(0o555)
        if os.geteuid() != 0:
            return {}
        path = "/usr/bin:/bin"
        if shutil.which("python3", path=path) is None:
            skip_where_impossible("run a Python as somebody who may not write")
        return {"user": NOBODY, "group": NOBODY, "extra_groups": (), "env": {"PATH": path}}


@contextlib.contextmanager
def core_folder(case: Case) -> Iterator[CoreFolder]:
    """Make the folder of a case, which anybody may read; it is gone afterwards."""
    with contextlib.ExitStack() as stack:
        path = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        path.chmod(0o755)
        stack.callback(path.chmod, 0o755)
        yield CoreFolder(path, case, stack)


def _wait_until_running(err: IO[str], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        err.seek(0)
        if RUNNING in err.read():
            return
        time.sleep(0.02)
