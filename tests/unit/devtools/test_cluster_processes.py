"""Processes are told by pid and start, and ended whatever they make of it; real ones."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from devtools.cluster.process_identity import ProcessIdentity, find_children, identify
from devtools.cluster.waiting import wait_for

DEAF = "import signal, sys, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"


@pytest.fixture
def deaf() -> Iterator[ProcessIdentity]:
    """A process that does not hear SIGTERM."""
    with subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        try:
            yield identify(process.pid)
        finally:
            process.kill()


def test_a_process_that_does_not_hear_is_killed(deaf: ProcessIdentity) -> None:
    deaf.end(grace_seconds=0.1)
    assert not deaf.is_alive


def test_a_stopped_process_is_alive_and_can_be_killed(deaf: ProcessIdentity) -> None:
    deaf.send(signal.SIGSTOP)
    assert deaf.is_alive
    deaf.kill()
    assert not deaf.is_alive


def test_a_pid_that_another_process_has_by_now_is_not_taken_for_it(deaf: ProcessIdentity) -> None:
    earlier = ProcessIdentity(deaf.pid, deaf.started_ticks - 1)
    assert not earlier.is_alive
    earlier.kill()
    assert deaf.is_alive


def test_the_children_of_a_process_are_found() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 60 & wait"]) as shell:
        children = wait_for("the child", lambda: find_children(shell.pid), seconds=5, every=0.01)
        identify(children[0]).kill()
        shell.kill()
    assert find_children(shell.pid) == []


def test_no_process_is_identified_where_there_is_none() -> None:
    with pytest.raises(ProcessLookupError):
        identify(2**22)
