"""A control group that limits the memory of what runs in it, as the kubelet sets one up for a container.

What counts is what the kernel could not take back: anonymous memory, the kernel's own for these processes, and what is
in their sockets. Files that are mapped, such as the program itself, are not counted: they make no container end.
"""

import contextlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devtools.cluster.control_groups import MOUNT, is_unified
from devtools.cluster.waiting import wait_for
from devtools.machine.needs import UnmetNeedError, require_root

_UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
_QUANTITY = re.compile(r"(\d+)(Ki|Mi|Gi)")


def parse_memory(quantity: str) -> int:
    """Read a limit as containers have it, such as 256Mi, in bytes."""
    parsed = _QUANTITY.fullmatch(quantity)
    if parsed is None:
        raise ValueError(f"{quantity!r} is no amount of memory in Ki, Mi or Gi")
    return int(parsed[1]) * _UNITS[parsed[2]]


@dataclass(frozen=True, slots=True)
class MemoryGroup:
    """A group that is there.

    Attributes:
        place: what comes before a command that is to run in it.
    """

    folder: Path
    limit_bytes: int
    is_unified: bool

    @property
    def place(self) -> tuple[str, ...]:
        """Build the start of a command that runs the rest of it in the group."""
        return ("sh", "-c", f'echo $$ >"{self.folder}/cgroup.procs" || exit 1; exec "$@"', "sh")

    def read_used(self) -> int:
        """Read what is held now, in bytes."""
        facts = self._read_facts("memory.stat")
        if self.is_unified:
            return facts["anon"] + facts["kernel"] + facts["sock"]
        names = ("memory.kmem.usage_in_bytes", "memory.kmem.tcp.usage_in_bytes")
        return facts["total_rss"] + sum(int((self.folder / name).read_text()) for name in names)

    def count_kills(self) -> int:
        """Count the processes that the kernel has killed for want of memory."""
        return self._read_facts("memory.events" if self.is_unified else "memory.oom_control")["oom_kill"]

    def _read_facts(self, name: str) -> dict[str, int]:
        lines = (self.folder / name).read_text().splitlines()
        return {key: int(value) for key, _, value in (line.partition(" ") for line in lines)}


@contextlib.contextmanager
def make_memory_group(name: str, limit_bytes: int, mount: Path = MOUNT) -> Iterator[MemoryGroup]:
    """Make a group of its own for the block; what runs in it has to have ended by its end.

    Raises:
        UnmetNeedError: where this machine lets us make none.
    """
    require_root("A control group with a limit of memory")
    unified = is_unified(mount)
    parent = mount if unified else mount / "memory"
    try:
        if unified:
            (parent / "cgroup.subtree_control").write_text("+memory")
        folder = Path(tempfile.mkdtemp(prefix=f"readpool-{name}-", dir=parent))
    except OSError as error:
        raise UnmetNeedError(f"No control group of memory can be made here: {error}.") from error
    try:
        _limit(folder, limit_bytes, unified=unified)
        yield MemoryGroup(folder, limit_bytes, unified)
    finally:
        wait_for(f"the control group {folder.name} to be free", lambda: _try_remove(folder), seconds=10, every=0.1)


def _limit(folder: Path, limit_bytes: int, *, unified: bool) -> None:
    names = ("memory.max",) if unified else ("memory.limit_in_bytes", "memory.kmem.tcp.limit_in_bytes")
    for name in names:
        (folder / name).write_text(str(limit_bytes))
    swap = folder / ("memory.swap.max" if unified else "memory.memsw.limit_in_bytes")
    if swap.exists():
        swap.write_text("0" if unified else str(limit_bytes))


def _try_remove(folder: Path) -> bool:
    with contextlib.suppress(OSError):  # EBUSY: what ran there is not quite gone
        folder.rmdir()
    return not folder.exists()
