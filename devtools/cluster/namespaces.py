"""The namespaces of one cluster (PID, mount, network): made with its first process, gone when that one is killed.

Nothing inside outlives the first process, so that taking a cluster down is one kill, whatever state it is in.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devtools.cluster.process_identity import ProcessIdentity, find_children, identify

FIRST_PROCESS = Path(__file__).with_name("first_process.py")


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Namespaces, held by their first process."""

    first: ProcessIdentity

    @property
    def is_alive(self) -> bool:
        """Return whether they are still there."""
        return self.first.is_alive

    def enter(self, *command: str) -> list[str]:
        """Build the command that runs another inside; its files are those of the cluster, its pids too."""
        return ["nsenter", f"--target={self.first.pid}", "--mount", "--net", "--pid", "--", *command]

    def enter_network(self, *command: str) -> list[str]:
        """Build the command that runs another in the network of the cluster's node alone."""
        return ["nsenter", f"--target={self.first.pid}", "--net", "--", *command]

    def list_processes(self) -> list[int]:
        """List the pids, as the machine counts, of all that runs inside, the first process too."""
        space = _read_pid_namespace(self.first.pid)
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [pid for pid in pids if space and _read_pid_namespace(pid) == space]

    def kill(self) -> None:
        """End all that is inside. The kernel does not report the first process dead before the others are.

        Raises:
            TimeoutError: when something inside does not die within 30 s.
        """
        self.first.kill()


def make_namespaces(folder: Path, place: list[str], node_addresses: Sequence[str]) -> Namespaces:
    """Make namespaces whose mounts have `folder` behind them; `place` is a command before the first one's.

    The node in them has these addresses, each ADDRESS/PREFIX.

    Raises:
        RuntimeError: when the first process could not set the place up; says what it said.
    """
    unshare = ["unshare", "--net", "--mount", "--pid", "--fork", "--propagation", "slave", "--mount-proc"]
    first = [sys.executable, "-I", str(FIRST_PROCESS), str(folder), *node_addresses]
    ready, ready_end = os.pipe()
    log = folder / "first-process.log"
    pid = spawn([*place, *unshare, *first], log, {1: ready_end})
    os.close(ready_end)
    with os.fdopen(ready) as answer:
        said = answer.readline()
    children = find_children(pid)
    if said != "ready\n" or not children:
        raise RuntimeError(f"the namespaces of the cluster could not be set up: {log.read_text().strip()}")
    return Namespaces(identify(children[0]))


def spawn(command: list[str], log: Path, descriptors: dict[int, int] | None = None) -> int:
    """Start a command in a session of its own, its output at the end of `log`, and let it go; return its pid.

    `descriptors` says which of our file descriptors it has under which number; 1 and 2 are the log where not said.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, str(log), flags, 0o644),
        (os.POSIX_SPAWN_DUP2, 2, 1),
    ]
    actions += [(os.POSIX_SPAWN_DUP2, ours, theirs) for theirs, ours in (descriptors or {}).items()]
    return os.posix_spawnp(command[0], command, os.environ, file_actions=actions, setsid=True)


def run_inside(namespaces: Namespaces, *command: str, timeout: float = 120) -> str:
    """Run a command inside to its end and return what it printed.

    Raises:
        subprocess.CalledProcessError: when it fails; its stderr is in it.
    """
    done = subprocess.run(
        namespaces.enter(*command),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout


def _read_pid_namespace(pid: int) -> str | None:
    """Read which PID namespace a process is in, or None where it is gone."""
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return None
