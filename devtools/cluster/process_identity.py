"""Which process is meant: its pid together with when it started, so that a pid used again is never taken for it."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from devtools.cluster.waiting import wait_for


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process of this machine, whether it still runs or not."""

    pid: int
    started_ticks: int

    @property
    def is_alive(self) -> bool:
        """Return whether it still runs; a zombie does not."""
        stat = read_stat(self.pid)
        return stat is not None and stat.state not in {"Z", "X"} and stat.started_ticks == self.started_ticks

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens where it has ended."""
        if self.is_alive:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return

    def end(self, grace_seconds: float = 10) -> None:
        """End it by SIGTERM, and by SIGKILL where that was not heard within `grace_seconds`; return when it is gone."""
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        try:
            wait_for(f"process {self.pid} to end", lambda: not self.is_alive, grace_seconds, every=0.05)
        except TimeoutError:
            self.kill()

    def kill(self) -> None:
        """Kill it and return when it is gone.

        Raises:
            TimeoutError: after 30 s.
        """
        self.send(signal.SIGKILL)
        wait_for(f"process {self.pid} to die", lambda: not self.is_alive, seconds=30, every=0.05)
        reap(self.pid)


def identify(pid: int) -> ProcessIdentity:
    """Identify a running process.

    Raises:
        ProcessLookupError: when there is none of that pid.
    """
    stat = read_stat(pid)
    if stat is None:
        raise ProcessLookupError(pid)
    return ProcessIdentity(pid, stat.started_ticks)


def find_children(pid: int) -> list[int]:
    """Find the children of a process's main thread."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def reap(pid: int) -> None:
    """Record the end of a child of this process; it does not matter if it is another's."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """What proc(5)'s stat says: its state as ps shows it, its parent, and the clock ticks from boot to its start."""

    state: str
    parent: int
    started_ticks: int


def read_stat(pid: int) -> ProcessStat | None:
    """Read a process's stat; None where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return ProcessStat(fields[0], int(fields[1]), int(fields[19]))
