"""The simulated Core as tests start it: one executable file, built once for a run of the tests."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from readpool.simulator.core.program import build_program


@cache
def simulated_core() -> Path:
    """Return the path of the program, which anybody may execute."""
    folder = Path(tempfile.mkdtemp(prefix="simulated-core-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    return build_program(folder / "stellar-core")
