"""Which Stellar Core the tests run on: the simulated one of this checkout, or a real one where STELLAR_CORE names it.

The same tests, with the same assertions, run on both. What only a real one can prove asks by `require_real_core`.
"""

import os
from pathlib import Path

from devtools.core.simulated_core import simulated_core
from devtools.strictness import skip_or_fail, skip_without_real_core


def is_real() -> bool:
    """Return whether the tests run on a real stellar-core: STELLAR_CORE, or READPOOL_CORE_IMAGE on a cluster."""
    return bool(os.environ.get("STELLAR_CORE") or os.environ.get("READPOOL_CORE_IMAGE"))


def require_core() -> Path:
    """Return the path of the stellar-core to run tests on, built where it is the simulated one.

    A STELLAR_CORE that leads nowhere skips the test, or fails it in a strict run: it is no reason to take another.
    """
    named = os.environ.get("STELLAR_CORE")
    if not named:
        return simulated_core()
    if not os.access(named, os.X_OK):
        skip_or_fail(f"STELLAR_CORE is {named!r}, which is no program")
    return Path(named).absolute()


def require_real_core(reason: str) -> Path:
    """Return the path of a real stellar-core, or skip the test: only a real one can prove it, for this reason."""
    if not os.environ.get("STELLAR_CORE"):
        skip_without_real_core(reason)
    return require_core()
