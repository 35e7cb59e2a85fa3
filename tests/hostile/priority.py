"""The installation and those who ask it come first on this machine, as on one that has room for them.

What attackers and others take of a processor is not what is judged, but what attackers make a program take itself.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

FIRST = -10
AS_OTHERS = ("nice", "-n", str(-FIRST))
"""Before the command of an attacker, which would have the priority of whoever starts it."""


@contextlib.contextmanager
def come_first() -> Iterator[None]:
    """Come first for the block, with whatever is started in it; where that may not be, all are equal."""
    _set(FIRST)
    try:
        yield
    finally:
        _set(0)


def _set(niceness: int) -> None:
    with contextlib.suppress(OSError):  # where each session has a share of its own, it counts among all of them
        Path("/proc/self/autogroup").write_text(str(niceness))
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # not root, or the thread has ended
            os.setpriority(os.PRIO_PROCESS, int(thread.name), niceness)
