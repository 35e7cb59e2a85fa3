"""Connections to the simulated Core's ports: many, idle, while its process is stopped, and the request that ends it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.component.readpool.simulator.core_ports import (
    PATIENCE_SECONDS,
    Ports,
    ScriptedNode,
    exchange,
    facts_from,
    json_of,
    read_recorded,
    serving,
)

REPOSITORY = Path(__file__).resolve().parents[4]
INFO = b"GET /info HTTP/1.0\r\n\r\n"
QUERY = b"POST /getledgerentryraw HTTP/1.1\r\nContent-Length: 4\r\n\r\nkey="
DEADLY = b"POST /getledgerentryraw HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\nConnection: close\r\n\r\nkey=AAAA"
BACKLOG = 128
SYN_SECONDS = 0.5
"""Within this the kernel takes a connection to loopback, or won't."""


@dataclass(frozen=True)
class Process:
    """A process with both ports."""

    process: "subprocess.Popen[str]"
    command: int
    query: int


@pytest.fixture
def process() -> Iterator[Process]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    program = [sys.executable, str(Path(__file__).with_name("core_ports_process.py"))]
    with subprocess.Popen(
        program, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as started:
        assert started.stdout is not None
        command, query = started.stdout.readline().split()
        try:
            yield Process(started, int(command), int(query))
        finally:
            started.kill()


@pytest.fixture(scope="module")
def ports() -> Iterator[Ports]:
    recorded = read_recorded("states.json")["Synced!"]["info"]
    with serving(ScriptedNode(facts_from(json_of(recorded)["info"]))) as served:
        yield served


@pytest.mark.parametrize("count", [4, 5, 16, 64, 127, 128, 129, 200, 300])
@pytest.mark.parametrize("port", ["command", "query"])
def test_idle_connections_hold_nobody_up(ports: Ports, port: str, count: int) -> None:
    number, request, begins = {
        "command": (ports.command, INFO, b"HTTP/1.0 200 OK"),
        "query": (ports.query, QUERY, b"HTTP/1.0 404 Not Found"),
    }[port]
    with contextlib.ExitStack() as open_ones:
        idle = [open_ones.enter_context(socket.create_connection(("127.0.0.1", number), 10)) for _ in range(count)]

        assert exchange(number, [request]).answer.startswith(begins)

        for one in idle:
            one.sendall(request)
        assert all(one.recv(15).startswith(begins[:15]) for one in idle)


@pytest.mark.parametrize("port", ["command", "query"])
def test_stopped_process_has_its_backlog_filled_and_answers_all_when_it_goes_on(process: Process, port: str) -> None:
    number, request = (process.command, INFO) if port == "command" else (process.query, QUERY)
    process.process.send_signal(signal.SIGSTOP)
    _wait_until_every_thread_is_stopped(process.process.pid)
    with contextlib.ExitStack() as open_ones:
        taken = [open_ones.enter_context(one) for one in _connect_until_the_kernel_takes_no_more(number)]
        assert len(taken) == BACKLOG + 1
        for one in taken[:20]:
            one.sendall(request)

        process.process.send_signal(signal.SIGCONT)

        for one in taken[:20]:
            one.settimeout(PATIENCE_SECONDS)
            assert one.recv(9) == b"HTTP/1.0 "


def test_length_that_is_no_int_ends_the_process_and_all_after_it_is_refused(process: Process) -> None:
    said = exchange(process.query, [DEADLY])

    assert said.answer == b""
    assert process.process.wait(PATIENCE_SECONDS) == -signal.SIGABRT
    assert process.process.stderr is not None
    assert process.process.stderr.read().splitlines()[-1] == 'current exception: std::invalid_argument("stoi")'
    for case in _cases_that_met_a_dead_core():
        assert exchange(process.query, [str(case["request"]).encode()]).is_refused, case["case"]


def test_the_same_length_harms_nobody_at_the_command_port(process: Process) -> None:
    said = exchange(process.command, [DEADLY.replace(b"/getledgerentryraw", b"/info")])
    assert said.answer.startswith(b"HTTP/1.0 200 OK")
    assert process.process.poll() is None


def _wait_until_every_thread_is_stopped(pid: int) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while {_read_state(task) for task in Path(f"/proc/{pid}/task").iterdir()} != {"T"}:
        assert time.monotonic() < end
        time.sleep(0.001)


def _read_state(task: Path) -> str:
    """Read a thread's state from /proc: it follows the name, which is in brackets."""
    return (task / "stat").read_text().rpartition(") ")[2][0]


def _connect_until_the_kernel_takes_no_more(port: int) -> Iterator[socket.socket]:
    with contextlib.suppress(TimeoutError):
        for _ in range(2 * BACKLOG):
            yield socket.create_connection(("127.0.0.1", port), SYN_SECONDS)


def _cases_that_met_a_dead_core() -> list[dict[str, Any]]:
    cases = [one for one in read_recorded("requests.json")["cases"] if "refused" in one["connection"]]
    assert len(cases) > 10
    return cases
