"""What holds for every test: no quiet skips in strict runs, the same search by Hypothesis twice in CI, interrupts."""

import os
from collections.abc import Generator
from typing import TypeVar

import pytest
from hypothesis import settings

from devtools.machine.inherited_signals import use_default_signals
from devtools.strictness import IMPOSSIBLE, REAL_CORE, is_strict

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

use_default_signals()

# gRPC's handlers around fork() run in a child that is about to become another program, and may hold it up.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

settings.register_profile("readpool", deadline=None)  # a busy machine is no bug
settings.register_profile("readpool-ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("thorough", deadline=None, max_examples=5000)
settings.load_profile("readpool-ci" if os.environ.get("CI") or is_strict() else "readpool")


def reject_quiet_skip(report: Report) -> Report:
    """Turn a skip into a failure where the run is strict and the machine could have run the test."""
    is_quiet = report.skipped and not hasattr(report, "wasxfail")
    if is_quiet and is_strict() and not any(accepted in str(report.longrepr) for accepted in (IMPOSSIBLE, REAL_CORE)):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"READPOOL_STRICT is set, and this would be skipped: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge the skip of a test."""
    return reject_quiet_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Judge the skip of a whole module."""
    return reject_quiet_skip((yield))
