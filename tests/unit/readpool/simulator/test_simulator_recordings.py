"""Simulated answers beside recorded ones: in each state the same fields, of the same kinds, in the same order.

The recordings lie beside the checkout, in ../shared/reference/core-info; without them the tests are skipped.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from devtools.strictness import skip_or_fail, skip_where_impossible
from readpool.simulator.core_info import CoreInfo, render_info, write_styled
from readpool.simulator.network import Network, NetworkSettings
from readpool.simulator.node import Node, NodeSettings
from tests.shared_folder import SHARED

RECORDINGS = SHARED / "reference" / "core-info"
START = 1_795_476_000.0
YOUNG = 3
"""Ledgers in which a private network still upgrades itself: fields come and go in seconds, which is not simulated."""


@cache
def find_recordings() -> tuple[Path, ...]:
    return tuple(sorted(RECORDINGS.glob("*.json")))


@pytest.fixture(autouse=True)
def _need_recordings() -> None:
    if not find_recordings():
        reason = f"no recorded answers in ../shared/{RECORDINGS.relative_to(SHARED)}"
        (skip_or_fail if SHARED.is_dir() else skip_where_impossible)(reason)


def describe_shape(value: Any, name: str = "") -> Any:
    """Describe an answer by its fields and kinds; how many milliseconds a peer lags may be unknown at any time."""
    if isinstance(value, dict):
        return tuple((key, describe_shape(member, key)) for key, member in value.items())
    if name == "lag_ms":
        return "number or null"
    return type(value).__name__


def find_watchers() -> Iterator[tuple[str, dict[str, Any]]]:
    """Find what the watchers said once their network was past its first ledgers; the simulator has no validators."""
    for path in find_recordings():
        info = json.loads(path.read_bytes())["info"]
        is_young = info["state"] == "Synced!" and info["ledger"]["num"] <= YOUNG
        if info["quorum"]["node"] != "self" and not is_young:
            yield path.name, info


def play_stories() -> Iterator[CoreInfo]:
    """Play what the recorded nodes went through: joining, catching up both ways, a stop, restarts, a halt."""
    for replays_all in (False, True):
        settings = NetworkSettings(ledger_seconds=1.0, checkpoint_ledgers=8, first_ledger=200)
        network = Network(settings, START)
        node = Node("pool-0", network, NodeSettings(bucket_seconds=4.0, replays_all=replays_all), START, fresh=True)
        for second in range(4 * 60):
            yield node.info(START + second / 4)
        node.stop(START + 60)
        node.resume(START + 130)
        yield from (node.info(START + 130 + second / 4) for second in range(4 * 100))
        for away in (5, 40):
            begin = START + 250 + away * 5
            node.die(begin)
            node.start(begin + away)
            yield from (node.info(begin + away + second / 4) for second in range(4 * 80))
        network.halt(START + 600)
        yield node.info(START + 660)


@cache
def find_simulated_shapes() -> frozenset[tuple[str, Any]]:
    return frozenset(
        (str(info.state), describe_shape(json.loads(render_info(info))["info"])) for info in play_stories()
    )


def test_every_recorded_watchers_answer_has_a_simulated_one_of_its_shape_in_its_state() -> None:
    missing = [
        name for name, info in find_watchers() if (info["state"], describe_shape(info)) not in find_simulated_shapes()
    ]
    assert missing == []


def test_every_simulated_answer_has_the_fields_of_a_recorded_one_in_its_state() -> None:
    recorded: dict[str, set[str]] = {}
    for path in find_recordings():
        info = json.loads(path.read_bytes())["info"]
        recorded.setdefault(info["state"], set()).update(find_fields(info))
    for state, shape in find_simulated_shapes():
        assert find_shape_fields(shape) <= recorded[state], state


def find_fields(info: dict[str, Any]) -> set[str]:
    return find_shape_fields(describe_shape(info))


def find_shape_fields(shape: Any, prefix: str = "") -> set[str]:
    fields: set[str] = set()
    for key, inner in shape:
        fields.add(f"{prefix}{key}")
        if isinstance(inner, tuple):
            fields |= find_shape_fields(inner, f"{prefix}{key}.")
    return fields


def test_the_writer_writes_every_recorded_answer_byte_for_byte() -> None:
    differing = [
        path.name for path in find_recordings() if write_styled(json.loads(path.read_bytes())) != path.read_bytes()
    ]
    assert differing == []


def test_the_answers_headers_are_the_recorded_ones() -> None:
    names = [line.partition(":")[0] for line in (RECORDINGS / "headers.txt").read_text().splitlines() if line]
    assert names == ["HTTP/1.0 200 OK", "Content-Length", "Content-Type"]
