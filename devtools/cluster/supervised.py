"""The parts of one cluster (API server, kubelet, …) as processes in its namespaces: started, stopped, started again.

Each part leaves a record of its command and its process, so that any later process of the harness can stop it or start
it again.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from devtools.cluster.control_groups import ControlGroups
from devtools.cluster.folders import Folders
from devtools.cluster.namespaces import Namespaces, spawn
from devtools.cluster.process_identity import ProcessIdentity, find_children, identify, reap
from devtools.cluster.waiting import wait_for

LOG_TAIL_LINES = 15

# As a node's service manager would: several parts end when they miss another, and count on being started again.
KEEP_RUNNING = """\
trap 'kill "$child"; wait "$child"; exit' TERM
quick=0
while [ "$quick" -lt 5 ]; do
  began=$(date +%s)
  "$@" & child=$!
  wait "$child"
  echo "$0 ended with $?" >&2
  if [ $(($(date +%s) - began)) -lt 2 ]; then quick=$((quick + 1)); else quick=0; fi
  sleep 1
done
"""


@dataclass(frozen=True, slots=True)
class _Record:
    """What is kept of a part: its command, its process, and the process that entered the namespaces for it."""

    command: list[str]
    pid: int
    started_ticks: int
    wrapper: int

    @property
    def process(self) -> ProcessIdentity:
        return ProcessIdentity(self.pid, self.started_ticks)


class Parts:
    """The parts of a cluster whose namespaces are there."""

    def __init__(self, folders: Folders, namespaces: Namespaces) -> None:
        self.folders = folders
        self.namespaces = namespaces
        self._place = ControlGroups(folders.name).place()
        folders.parts.mkdir(exist_ok=True)
        folders.part_logs.mkdir(exist_ok=True)

    def start(self, name: str, command: list[str], descriptors: dict[int, int] | None = None) -> None:
        """Start a part, which is started again when it ends by itself, unless that happens five times in a row at once.

        Raises:
            RuntimeError: when it could not even be entered into the namespaces.
        """
        kept = self.namespaces.enter("sh", "-c", KEEP_RUNNING, name, *command)
        wrapper = spawn([*self._place, *kept], self._log(name), descriptors)
        try:
            child = wait_for(f"{name} to start", lambda: find_children(wrapper), seconds=10, every=0.005)[0]
            process = identify(child)
        except (TimeoutError, ProcessLookupError) as error:
            raise RuntimeError(f"{name} did not start: {self.tail(name)}") from error
        record = _Record(command, process.pid, process.started_ticks, wrapper)
        temporary = self.folders.parts / f".{name}.json"
        temporary.write_text(json.dumps(asdict(record)))
        temporary.rename(self._record(name))

    def start_again(self, name: str) -> None:
        """Start a part that was stopped, with the command it had."""
        if not self.is_alive(name):
            self.start(name, self._read(name).command)

    def stop(self, name: str, grace_seconds: float = 10) -> None:
        """End a part, and return when it is gone."""
        keeper = self._read(name).process
        programs = [identify(pid) for pid in find_children(keeper.pid)]
        keeper.end(grace_seconds)
        for program in programs:
            program.kill()  # one that does not hear SIGTERM outlives its keeper
        reap(self._read(name).wrapper)

    def is_alive(self, name: str) -> bool:
        """Return whether a part runs."""
        return self._read(name).process.is_alive

    def list_names(self) -> list[str]:
        """List what was started, whether it runs or not."""
        return sorted(file.stem for file in self.folders.parts.glob("[!.]*.json"))

    def list_dead(self) -> list[str]:
        """List what was started and does not run."""
        return [name for name in self.list_names() if not self.is_alive(name)]

    def require_alive(self) -> None:
        """Check that all that was started still runs.

        Raises:
            RuntimeError: when something ended; it says what, and the end of its log.
        """
        if dead := self.list_dead():
            raise RuntimeError("; ".join(f"{name} ended: {self.tail(name)}" for name in dead))

    def tail(self, name: str) -> str:
        """Return the end of a part's log."""
        log = self._log(name)
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return "\n".join([f"(log in {log})", *lines[-LOG_TAIL_LINES:]])

    def _log(self, name: str) -> Path:
        return self.folders.part_logs / f"{name}.log"

    def _record(self, name: str) -> Path:
        return self.folders.parts / f"{name}.json"

    def _read(self, name: str) -> _Record:
        if not self._record(name).exists():
            raise LookupError(f"this cluster has no part {name!r}; it has {', '.join(self.list_names())}")
        return _Record(**json.loads(self._record(name).read_text()))
