"""What the machine and whoever starts the tests bring along: ports that others take, signals that are ignored."""

import contextlib
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from devtools.machine.inherited_signals import ENDING
from devtools.machine.ports import CANDIDATES, take_port, take_ports

CHECKOUT = Path(__file__).resolve().parents[3]
SHARE = len(CANDIDATES) // 40
HOLD = f"from devtools.machine.ports import take_ports; print(*take_ports({SHARE}), flush=True); input()"
IGNORE = "import os, signal, sys; signal.signal(int(sys.argv[1]), signal.SIG_IGN); os.execv(sys.argv[2], sys.argv[2:])"
START_A_CHILD = """
import subprocess, sys
from devtools.machine.inherited_signals import use_default_signals
use_default_signals()
child = subprocess.Popen([sys.executable, "-c", "print(0, flush=True); input()"], stdin=-1, stdout=-1)
child.stdout.read(1)
child.send_signal(int(sys.argv[1]))
print(child.wait(20))
"""


def test_processes_that_take_ports_at_once_get_different_ones() -> None:
    command = [sys.executable, "-c", HOLD]
    with contextlib.ExitStack() as stack:
        holding = [
            stack.enter_context(subprocess.Popen(command, cwd=CHECKOUT, stdin=-1, stdout=-1, text=True))
            for _ in range(4)
        ]
        held = [set(take_ports(SHARE)), *(_read_ports(process) for process in holding)]
        for process in holding:
            process.communicate("\n", timeout=60)  # all hold their ports until here
    assert [len(ports) for ports in held] == [SHARE] * 5
    assert len(set.union(*held)) == 5 * SHARE


def _read_ports(process: subprocess.Popen[str]) -> set[int]:
    assert process.stdout is not None
    return {int(port) for port in process.stdout.readline().split()}


def test_a_port_is_leased_while_its_process_lives_and_nobody_listens_on_it_yet() -> None:
    port = take_port()
    assert port in CANDIDATES
    with socket.create_server(("127.0.0.1", port)), pytest.raises(OSError, match="in use"), socket.socket() as other:
        other.bind(("127.0.0.1", port))
    with pytest.raises(OSError, match="in use"), socket.socket(socket.AF_UNIX) as again:
        again.bind(f"\0readpool-port-{port}")


@pytest.mark.parametrize("number", [signal.SIGINT, *ENDING])
def test_what_tests_start_is_ended_by_signals_that_they_were_started_to_ignore(number: signal.Signals) -> None:
    command = [sys.executable, "-c", IGNORE, str(int(number)), sys.executable, "-c", START_A_CHILD, str(int(number))]
    started = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)
    ended = {-number, 1} if number == signal.SIGINT else {-number}
    assert int(started.stdout) in ended, started.stderr
