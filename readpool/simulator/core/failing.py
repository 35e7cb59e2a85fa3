"""How a command ends that failed: with Core's last lines and its exit code, or by SIGABRT."""

import os
import resource
import sys

from readpool.simulator.core.errors import ABORTED, CoreFailure, NotSetUpError
from readpool.simulator.core.log import log


def report(failure: CoreFailure) -> int:
    """Print why, and return the exit code; an abort does not return."""
    text = "\n".join(failure.lines)
    if failure.exit_code == ABORTED:
        print(f"current exception: {text}", file=sys.stderr, flush=True)
        _abort()
    if isinstance(failure, NotSetUpError):
        log("default", "ERROR", text)
    else:
        log("default", "FATAL", f"Got an exception: {text}")
        log("default", "FATAL", "Please report this bug along with this log file if this was not expected")
    return failure.exit_code


def _abort() -> None:
    """End as a process does that calls abort(), without a core file."""
    sys.stdout.flush()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.abort()  # from any thread, whatever is done with SIGABRT otherwise
