"""When may a test be skipped? Where READPOOL_STRICT=1, as in CI, only for what the machine cannot do.

A test that lacks something it could be given calls `skip_or_fail`; one that the machine itself rules out (no IPv6, not
x86-64) calls `skip_where_impossible`; one that proves nothing on the simulated Core calls `skip_without_real_core`.
conftest.py turns every other skip of a strict run into a failure.
"""

import os
from typing import NoReturn

import pytest

IMPOSSIBLE = "this machine cannot: "
REAL_CORE = "only a real Stellar Core can prove it: "


def is_strict() -> bool:
    """Return whether skips are failures: READPOOL_STRICT is set, and not to 0."""
    return os.environ.get("READPOOL_STRICT", "") not in {"", "0"}


def skip_or_fail(reason: str) -> NoReturn:
    """Skip the test for want of something that can be installed or provided; fail it in a strict run."""
    if is_strict():
        pytest.fail(f"READPOOL_STRICT is set, and this would be skipped: {reason}", pytrace=False)
    pytest.skip(reason)


def skip_where_impossible(reason: str) -> NoReturn:
    """Skip the test for what this machine can never do; a strict run accepts it."""
    pytest.skip(f"{IMPOSSIBLE}{reason}")


def skip_without_real_core(reason: str) -> NoReturn:
    """Skip the test for what the simulated Core cannot prove; a strict run accepts it. `make e2e-real-core` runs it."""
    pytest.skip(f"{REAL_CORE}{reason}")
