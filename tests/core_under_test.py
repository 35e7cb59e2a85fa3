"""Which Stellar Core the tests run on: the simulated one of this checkout, or a real one where STELLAR_CORE names it.

The same tests, with the same assertions, run on both. What only a real one can prove asks by `require_real_core`.
"""

import functools
import os
import tempfile
from pathlib import Path

from simulator.core.program import build_program
from tests.cluster.cache import compute_key, find_cache_folder, forget_older, make_once
from tests.strictness import skip_or_fail, skip_without_real_core

PROGRAM = "stellar-core"
KEPT = 4
"""Programs of earlier states of the checkout."""


def is_real() -> bool:
    """Return whether the tests run on a real stellar-core: STELLAR_CORE, or READPOOL_CORE_IMAGE on a cluster."""
    return bool(os.environ.get("STELLAR_CORE") or os.environ.get("READPOOL_CORE_IMAGE"))


def require_core() -> Path:
    """Give the path of the stellar-core to run tests on, built where it is the simulated one.

    A STELLAR_CORE that leads nowhere skips the test, or fails it in a strict run: it is no reason to take another.
    """
    named = os.environ.get("STELLAR_CORE")
    if not named:
        return build_simulated_core()
    if not os.access(named, os.X_OK):
        skip_or_fail(f"STELLAR_CORE is {named!r}, which is no program")
    return Path(named).absolute()


def require_real_core(reason: str) -> Path:
    """Give the path of a real stellar-core, or skip the test: only a real one can prove it, for this reason."""
    if not os.environ.get("STELLAR_CORE"):
        skip_without_real_core(reason)
    return require_core()


@functools.cache
def build_simulated_core() -> Path:
    """Build the simulated Core as one program, unless the cache has that of these sources."""
    with tempfile.TemporaryDirectory() as temporary:
        program = build_program(Path(temporary) / PROGRAM)
        content = program.read_bytes()
    programs = find_cache_folder() / "simulated-core"

    def write(folder: Path) -> None:
        path = folder / PROGRAM
        path.write_bytes(content)
        path.chmod(0o755)

    folder = make_once(programs / f"core-{compute_key([content])}", write, lambda _line: None)
    forget_older(programs, "core-", KEPT)
    return folder / PROGRAM
