"""The light node of the end-to-end tests, as a process: the scaler's own probe must read it as it reads Core."""

import contextlib
import json
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

from scaler.probes.core import parse_core
from scaler.probes.report import NodeReport
from tests.e2e.cluster import light_node_program as program

ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class LightNode:
    process: subprocess.Popen[str]
    info_port: int
    control_port: int

    def ask(self, path: str = "/info") -> tuple[bytes, bytes]:
        """Ask as the scaler does; return the head and the body."""
        with socket.create_connection(("127.0.0.1", self.info_port), timeout=ANSWER_SECONDS) as client:
            client.sendall(f"GET {path} HTTP/1.0\r\nHost: node\r\n\r\n".encode())
            answer = b"".join(iter(lambda: client.recv(4096), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        return head, body

    def report(self) -> NodeReport:
        """Read its answer as the scaler does."""
        return parse_core(self.ask()[1])


@contextlib.contextmanager
def run_light_node(*settings: str) -> Iterator[LightNode]:
    """Run one in the very way its pod does, but on loopback and at free ports."""
    command = [sys.executable, "-I", "-S", str(Path(program.__file__)), "serve", *settings]
    command += ["--host", "127.0.0.1", "--info-port", "0", "--control-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            ports = json.loads(process.stdout.readline())
            yield LightNode(process, ports["info"], ports["control"])
        finally:
            process.kill()


def test_the_scalers_probe_reads_a_synced_node_of_its_network() -> None:
    with run_light_node("ledger_seconds=5") as node:
        head, body = node.ask()
        report = parse_core(body)
    assert head.startswith(b"HTTP/1.0 200 OK")
    assert f"Content-Length: {len(body)}".encode() in head
    assert report.ledger == pytest.approx(program.FIRST_LEDGER + time.time() / 5, abs=2)
    assert (report.is_synced, report.network) == (True, program.KNOWN["network"])
    assert report.heard_ledger == report.ledger
    assert report.age_seconds is not None
    assert report.age_seconds <= 6


def test_two_nodes_agree_on_the_ledger_without_a_word_between_them() -> None:
    with run_light_node() as one, run_light_node() as other:
        assert abs(one.report().ledger - other.report().ledger) <= 1


@pytest.mark.parametrize(
    ("values", "behind"),
    [
        pytest.param({"lag_ledgers": 40}, 40, id="a lag, heard ledger and all"),
        pytest.param({"lag_ledgers": -1_000_000}, -1_000_000, id="a lie"),
    ],
)
def test_what_is_set_on_the_control_port_shows_in_the_next_answer(values: program.Settings, behind: int) -> None:
    with run_light_node() as node:
        assert values.items() <= program.send_change(node.control_port, values).items()
        report = node.report()
    assert report.heard_ledger is not None
    assert report.heard_ledger - report.ledger == behind


def test_a_frozen_node_stays_at_its_ledger_while_its_age_grows() -> None:
    at = int(time.time()) - 100
    with run_light_node(f"frozen_at={at}") as node:
        report = node.report()
    assert report.ledger == program.FIRST_LEDGER + at
    assert report.age_seconds is not None
    assert report.age_seconds >= 100


def test_a_newcomer_catches_up_first_and_is_synced_then() -> None:
    with run_light_node("warm_up_seconds=1.0") as node:
        report = node.report()
        assert (report.is_synced, report.age_seconds) == (False, None)
        assert report.catch_up is not None
        deadline = time.monotonic() + ANSWER_SECONDS
        while not node.report().is_synced:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_an_unknown_setting_is_refused_on_the_control_port_and_the_node_goes_on() -> None:
    with run_light_node() as node:
        with pytest.raises(ValueError, match="lag not among"):
            program.send_change(node.control_port, {"lag": 3})
        assert node.report().is_synced


def test_other_paths_are_not_found_and_half_a_request_takes_nothing_down() -> None:
    with run_light_node() as node:
        assert node.ask("/peers")[0].startswith(b"HTTP/1.0 404")
        with socket.create_connection(("127.0.0.1", node.info_port)) as client:
            client.sendall(b"GET /in")
        assert node.report().is_synced


def test_sigterm_ends_it_at_once() -> None:
    with run_light_node() as node:
        node.process.send_signal(signal.SIGTERM)
        assert node.process.wait(ANSWER_SECONDS) == 0


def test_compute_info_is_json_of_fields_that_core_has(recorded_fields: frozenset[str]) -> None:
    info: dict[str, Any] = program.compute_info({**program.KNOWN, "warm_up_seconds": 9}, 0.0, 5.0)
    assert set(info) <= recorded_fields


@pytest.fixture
def recorded_fields() -> frozenset[str]:
    """Every field that a recorded answer of Core has."""
    folder = Path(__file__).parents[2] / "recorded"
    return frozenset().union(*(json.loads(path.read_text())["info"] for path in folder.glob("[1-6]-*.json")))
