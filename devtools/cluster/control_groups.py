"""The control groups of one cluster, version 1 or 2: the kubelet's root among them, and a container's by its id.

Each cluster has a group of its own name in every hierarchy, with the pods below it, so that two kubelets never meet.
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from devtools.cluster.process_identity import reap
from devtools.cluster.waiting import wait_for

MOUNT = Path("/sys/fs/cgroup")
NEEDED = ("cpu", "cpuset", "memory", "pids")
"""The controllers that the kubelet asks for."""
CPUSET_FILES = ("cpuset.cpus", "cpuset.mems")


def is_unified(mount: Path = MOUNT) -> bool:
    """Return whether the machine has version 2 alone."""
    return (mount / "cgroup.controllers").exists()


def find_missing_controllers(mount: Path = MOUNT) -> list[str]:
    """Find which of the controllers that the kubelet needs are not there."""
    there = (
        (mount / "cgroup.controllers").read_text().split()
        if is_unified(mount)
        else [entry.name for entry in mount.iterdir()]
        if mount.exists()
        else []
    )
    return [name for name in NEEDED if name not in there]


class ControlGroups:
    """The groups of the cluster `name`."""

    def __init__(self, name: str, mount: Path = MOUNT) -> None:
        self.name = f"readpool-{name}"
        self._mount = mount

    def make(self) -> None:
        """Make a group in each hierarchy, with one below it for the parts of the cluster itself."""
        for hierarchy in self._hierarchies():
            group = hierarchy / self.name
            (group / "parts").mkdir(parents=True, exist_ok=True)
            if is_unified(self._mount):
                # In version 2 a group has the controllers that its parent passes on.
                for parent in (hierarchy, group):
                    (parent / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in NEEDED))
            elif (hierarchy / "cpuset.cpus").exists():
                _inherit_cpuset(group)
                _inherit_cpuset(group / "parts")

    def place(self) -> list[str]:
        """Build the start of a command that runs the rest of it in the group for the cluster's parts."""
        files = " ".join(f"'{hierarchy / self.name}/parts/cgroup.procs'" for hierarchy in self._hierarchies())
        return ["sh", "-c", f'for file in {files}; do echo $$ >"$file" || exit 1; done; exec "$@"', "sh"]

    def kill_all(self) -> None:
        """Kill all that runs in any of it, and return when it is gone.

        Raises:
            TimeoutError: when something does not die within 30 s.
        """

        def kill_and_look() -> bool:
            pids = self._list_all_pids()
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                reap(pid)
            return not pids

        wait_for(f"the processes in the control groups {self.name} to die", kill_and_look, seconds=30, every=0.05)

    def remove(self) -> None:
        """Remove all of it, the innermost first; nothing may run there any more.

        Raises:
            TimeoutError: when the kernel keeps one busy for more than 10 s.
        """
        wait_for(f"the control groups {self.name} to be free", self._try_remove, seconds=10, every=0.1)

    def exists(self) -> bool:
        """Return whether any of it is there."""
        return any((hierarchy / self.name).exists() for hierarchy in self._hierarchies())

    def find(self, controller: str, *, pod_uid: str = "", container_id: str = "") -> Path:
        """Find the group of a container, or of a pod.

        Raises:
            LookupError: when there is none: the pod has ended, or is not of this cluster.
        """
        hierarchy = self._mount if is_unified(self._mount) else self._mount / controller
        named = container_id or f"pod{pod_uid}"
        for group in (hierarchy / self.name).rglob(f"{named}/"):
            return group
        raise LookupError(f"no control group of {named} below {hierarchy / self.name}")

    def list_pids(self, *, pod_uid: str = "", container_id: str = "") -> list[int]:
        """List the pids, as the machine counts, of a container or of a whole pod."""
        group = self.find("pids", pod_uid=pod_uid, container_id=container_id)
        pids = [int(pid) for file in group.rglob("cgroup.procs") for pid in file.read_text().split()]
        return sorted(set(pids))

    def set_cpu_limit(self, container_id: str, cores: float | None) -> None:
        """Limit a container to so many cores; None removes the limit."""
        group = self.find("cpu", container_id=container_id)
        quota = None if cores is None else max(1000, int(cores * 100_000))
        if is_unified(self._mount):
            (group / "cpu.max").write_text("max 100000" if quota is None else f"{quota} 100000")
        else:
            (group / "cpu.cfs_quota_us").write_text(str(quota or -1))

    def _list_all_pids(self) -> list[int]:
        files = [file for hierarchy in self._hierarchies() for file in (hierarchy / self.name).rglob("cgroup.procs")]
        return sorted({int(pid) for file in files for pid in file.read_text().split()})

    def _try_remove(self) -> bool:
        for hierarchy in self._hierarchies():
            root = hierarchy / self.name
            for group in [*sorted(root.rglob("*/"), reverse=True), root] if root.exists() else []:
                with contextlib.suppress(OSError):  # EBUSY: what was killed there is not quite gone
                    group.rmdir()
        return not self.exists()

    def _hierarchies(self) -> Iterator[Path]:
        if is_unified(self._mount):
            yield self._mount
            return
        for entry in sorted(self._mount.iterdir()):
            if entry.is_dir() and not entry.is_symlink():  # a link is another name of one that is listed
                yield entry


def _inherit_cpuset(group: Path) -> None:
    """Copy to a new group of version 1 what its parent may use: it starts with nothing, and takes no process then."""
    for name in CPUSET_FILES:
        (group / name).write_text((group.parent / name).read_text())
