"""What real stellar-core nodes answered, second by second, through tip, freshness and policy: the classes it must give.

Recorded on a network that closes a ledger a second; they lie beside the checkout, in ../shared/reference/core-info.
"""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from devtools.strictness import skip_or_fail, skip_where_impossible
from readpool.replica_class import ReplicaClass
from scaler.fleet.fleet import Fleet, FleetSettings
from scaler.fleet.snapshot import FleetSnapshot
from scaler.policy.policy import Bounds
from scaler.probes.core import parse_core
from scaler.probes.report import NodeReport, PollFailure
from scaler.triggers.fleet_spec import FleetSpec, ServiceSource
from tests.shared_folder import SHARED

RECORDINGS = SHARED / "reference" / "core-info"
FRESH, LAGGING, CATCHING_UP = ReplicaClass.FRESH, ReplicaClass.LAGGING, ReplicaClass.CATCHING_UP
UNREACHABLE, UNKNOWN = ReplicaClass.UNREACHABLE, ReplicaClass.UNKNOWN
LEDGER_EPOCH = 1_795_476_095
"""Close time less ledger, on the recorded network: one a second, but for a second here and there."""
SPEC = FleetSpec("stellar", ServiceSource("core", 11626), Bounds(2, 3, 10), lag_threshold=12, sustain_seconds=10.0)
NETWORK = "Private Autoscaler Test Network"


class Poll(NamedTuple):
    """One line of a trace: when, as Unix time, and what came of it."""

    at: float
    outcome: NodeReport | PollFailure


@pytest.fixture(autouse=True)
def _need_recordings() -> None:
    if not (RECORDINGS / "w1.tsv").is_file():
        reason = f"no recorded traces in ../shared/{RECORDINGS.relative_to(SHARED)}"
        (skip_or_fail if SHARED.is_dir() else skip_where_impossible)(reason)


def render_line(state: str, num: str, age: str, close_time: str, status: str) -> bytes:
    ledger = {"num": int(num), "age": int(age), "closeTime": int(close_time)}
    info = {"state": state, "network": NETWORK, "startedOn": "2026-11-23T23:29:46Z", "ledger": ledger}
    return json.dumps({"info": {**info, "status": json.loads(status)}}).encode()


@cache
def read_trace(name: str) -> tuple[Poll, ...]:
    """Read a trace as polls, the first line of each second; the wall clock less closeTime tells when it began."""
    lines = [line.split("\t") for line in (RECORDINGS / name).read_text().splitlines()]
    began = next(float(li[4]) + float(li[6]) - float(li[0]) for li in lines if li[4] not in {"", "0"})
    polls, second = [], -1
    for t, state, num, age, close_time, _, _, status, _ in lines:
        if int(float(t)) == second:
            continue
        second = int(float(t))
        failure = PollFailure(state.removeprefix("!").removesuffix("Error"), status)
        is_failed = state.startswith("!")
        outcome = failure if is_failed else parse_core(render_line(state, num, age, close_time, status))
        polls.append(Poll(began + float(t), outcome))
    return tuple(polls)


def build_companion(now: float) -> NodeReport:
    """Answer as a node in step: its newest ledger closed within the last second."""
    return NodeReport(
        int(now) - LEDGER_EPOCH, is_synced=True, network=NETWORK, age_seconds=0.0, uptime_seconds=600.0, started_on=1.0
    )


def replay(name: str) -> list[tuple[int, FleetSnapshot]]:
    """Replay a trace beside two companions: seconds into it, and what was seen then."""
    polls = read_trace(name)
    began = polls[0].at
    fleet = Fleet("stellar/core", SPEC, FleetSettings(poll_interval_seconds=1.0), began)
    fleet.set_members({name: f"http://{name}:11626" for name in ("core-0", "core-1", "core-2")}, began)
    shown, due = [], list(polls)
    for second in range(int(polls[-1].at - began) + 1):
        now = began + second
        for companion in ("core-1", "core-2"):
            fleet.observe(companion, build_companion(now), now)
        while due and due[0].at <= now + 1:
            poll = due.pop(0)
            fleet.observe("core-0", poll.outcome, poll.at)
        shown.append((second, fleet.advance(now + 1)))
    return shown


def find_class(shown: list[tuple[int, FleetSnapshot]], second: float) -> ReplicaClass:
    return next(s.replicas[0].standing.replica_class for at, s in shown if at >= second)


def walk(shown: list[tuple[int, FleetSnapshot]]) -> list[ReplicaClass]:
    """Return the classes that the recorded node went through, each once."""
    seen = [snapshot.replicas[0].standing.replica_class for _, snapshot in shown]
    return [c for i, c in enumerate(seen) if i == 0 or seen[i - 1] is not c]


def test_a_node_that_was_stopped_is_unreachable_then_lagging_while_it_says_synced_then_fresh() -> None:
    shown = replay("w1.tsv")
    assert walk(shown) == [FRESH, UNREACHABLE, LAGGING, FRESH]
    assert find_class(shown, 1) is FRESH
    assert {find_class(shown, second) for second in range(23, 30)} == {LAGGING}, "Synced!, at a constant age of 20"
    assert {find_class(shown, second) for second in range(36, 119)} == {FRESH}


def test_the_lag_of_a_node_that_was_stopped_is_what_it_was() -> None:
    lags = {at: snapshot.replicas[0].standing.lag_ledgers for at, snapshot in replay("w1.tsv")}
    assert all(17 <= (lags[second] or 0) <= 22 for second in range(22, 30))
    assert all((lags[second] or 0) <= 3 for second in range(36, 119))


def test_a_new_node_catches_up_from_refused_to_fresh() -> None:
    shown = replay("slow.tsv")
    assert walk(shown) == [UNKNOWN, UNREACHABLE, CATCHING_UP, FRESH]
    assert {find_class(shown, second) for second in range(3, 7)} == {UNREACHABLE}
    assert {find_class(shown, second) for second in range(8, 35)} == {CATCHING_UP}
    assert {find_class(shown, second) for second in range(37, 169)} == {FRESH}


@pytest.mark.parametrize("name", ["w1.tsv", "slow.tsv"])
def test_a_recorded_node_takes_no_companion_along_and_never_leads(name: str) -> None:
    for at, snapshot in replay(name)[2:]:
        assert [replica.standing.replica_class for replica in snapshot.replicas[1:]] == [FRESH, FRESH]
        assert snapshot.tip is not None, at
        assert 0 <= snapshot.at - LEDGER_EPOCH - snapshot.tip.ledger <= 2
        assert not snapshot.tip.is_stalled


@pytest.mark.parametrize("name", ["w1.tsv", "slow.tsv"])
def test_a_recorded_trouble_adds_one_replica_at_most(name: str) -> None:
    assert {snapshot.decision.desired for _, snapshot in replay(name)} <= {None, 3, 4}


def test_the_new_nodes_status_line_is_its_detail_while_it_catches_up() -> None:
    details = [snapshot.replicas[0].standing.detail for _, snapshot in replay("slow.tsv")]
    assert any("Download & apply checkpoints" in detail for detail in details)
    assert set(details[40:]) == {""}


STAGES = [
    ("1-fresh--watcher", [CATCHING_UP, FRESH]),
    ("2-late--complete", [CATCHING_UP] * 5 + [FRESH] * 2),
    ("2-late--minimal", [CATCHING_UP] * 3 + [FRESH] * 2),
    ("4-stopwatcher--w1", [FRESH]),
    ("5-restart--slow", [CATCHING_UP] * 7 + [FRESH] * 2),
    ("5-restart--w2", [FRESH, FRESH, *[CATCHING_UP] * 3]),
    ("5-restart--w3", [FRESH, FRESH]),
    ("6-realtime--early", [CATCHING_UP, FRESH]),
    ("6-realtime--late", [CATCHING_UP] * 3 + [FRESH] * 2),
]


def read_situation(name: str) -> list[NodeReport]:
    """Read one node's answers in one situation, in the order of their numbers."""
    paths = sorted(RECORDINGS.glob(f"{name}-*.json"), key=lambda path: int(Path(path).stem.rpartition("-")[2]))
    return [parse_core(path.read_bytes()) for path in paths]


@pytest.mark.parametrize(("name", "classes"), STAGES)
def test_a_node_goes_through_its_situation_as(name: str, classes: list[ReplicaClass]) -> None:
    """Beside two in step: as far as the node itself hears, or has closed by its own clock."""
    reports = read_situation(name)
    fleet = Fleet("stellar/core", SPEC, FleetSettings(poll_interval_seconds=10.0), 1000.0)
    fleet.set_members({n: f"http://{n}:11626" for n in ("core-0", "core-1", "core-2")}, 1000.0)
    seen, newest = [], 2
    for turn, report in enumerate(reports):
        now = 1000.0 + 10 * turn
        newest = max(newest, report.heard_ledger or 0, report.ledger)
        in_step = replace(report, ledger=newest, is_synced=True, age_seconds=0.0, heard_ledger=None, started_on=1.0)
        for companion in ("core-1", "core-2"):
            fleet.observe(companion, in_step, now)
        fleet.advance(now)
        fleet.observe("core-0", report, now)
        seen.append(fleet.advance(now).replicas[0].standing.replica_class)
    assert seen == classes


def test_every_recorded_answer_is_of_one_network_and_none_is_foreign() -> None:
    fleet = Fleet("stellar/core", SPEC, FleetSettings(), 1000.0)
    paths = sorted(RECORDINGS.glob("*.json"))
    fleet.set_members({path.stem: "http://x:11626" for path in paths}, 1000.0)
    for path in paths:
        fleet.observe(path.stem, parse_core(path.read_bytes()), 1000.0)
    assert fleet.advance(1001.0).counts[ReplicaClass.FOREIGN] == 0
