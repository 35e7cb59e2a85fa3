"""Stories of Horizon and Stellar RPC fleets, replayed on a stage with the recorded answers: what they come to."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import formatdate
from typing import cast

import pytest

from readpool.replica_class import ReplicaClass
from scaler.policy.hold_reasons import NETWORK_HALTED
from scaler.policy.policy import Bounds
from scaler.policy.shared_database import DATABASE_STOPPED
from scaler.probes.answer import HttpAnswer
from scaler.probes.conversation import Interviewer
from scaler.probes.horizon import parse_root
from scaler.probes.kinds import ProbeKind
from scaler.probes.report import NodeReport, PollFailure
from scaler.probes.rpc import parse_rpc
from tests.recorded.horizon_answers import change_root
from tests.unit.staged_fleet import GONE, NETWORK, SPEC, START, Script, StagedFleet, StagedNetwork, classes, desired

FRESH, LAGGING, CATCHING_UP = ReplicaClass.FRESH, ReplicaClass.LAGGING, ReplicaClass.CATCHING_UP
REFUSED = PollFailure("ConnectionRefused", "nothing listens on that port")
HORIZONS = replace(SPEC, bounds=Bounds(2, 5, 20), probe=ProbeKind.HORIZON, lag_threshold=12)
RPCS = replace(HORIZONS, probe=ProbeKind.RPC)
LATE = {"code": -32603, "message": "[-32603] latency (35s) since last known ledger closed is too high (>30s)"}


def build_root(now: float, history: int, core: int, closed_at: float | None = None, name: str = "fresh") -> NodeReport:
    """Build what a Horizon of the staged network answers, after one that was recorded."""
    closed = "0001-01-01T00:00:00Z" if closed_at is None else format_time(closed_at)
    fields = {
        "network_passphrase": NETWORK,
        "history_latest_ledger": history,
        "ingest_latest_ledger": history,
        "history_latest_ledger_closed_at": closed,
        "core_latest_ledger": core,
    }
    return parse_root(change_root(name, now, **fields))


def format_time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def horizon(network: StagedNetwork) -> Script:
    def script(now: float) -> NodeReport:
        ledger, age = network.tell(now)
        return build_root(now, ledger, ledger, now - age)

    return script


def restored(network: StagedNetwork, behind: int, starts: Callable[[float], bool]) -> Script:
    """Answer as a Horizon on a restored database, always behind; `starts` while its Core has not answered."""

    def script(now: float) -> NodeReport:
        ledger, age = network.tell(now)
        core = 0 if starts(now) else ledger
        return build_root(now, ledger - behind, core, now - age - behind * 5.0, "restored-database")

    return script


def rpc(network: StagedNetwork, *, takes_batches: bool) -> Script:
    """Answer as a Stellar RPC that is unhealthy once its last ledger is 30 s old."""

    def script(now: float) -> NodeReport:
        ledger, age = network.tell(now)
        told = {"latestLedger": ledger, "latestLedgerCloseTime": str(int(now - age))}
        health = {"error": LATE} if age > 30 else {"result": {"status": "healthy", **told}}
        calls = [{"id": 1, **health}, {"id": 2, "result": told}, {"id": 3, "result": {"passphrase": NETWORK}}]
        return parse_rpc(json.dumps(calls if takes_batches else calls[0]).encode(), now)

    return script


@pytest.mark.parametrize("takes_batches", [True, False], ids=["batches", "getHealth alone"])
def test_a_halted_network_changes_no_rpc_fleet(*, takes_batches: bool) -> None:
    network = StagedNetwork(START + 300, START + 900)
    stage = StagedFleet(*[rpc(network, takes_batches=takes_batches)] * 5, spec=RPCS)
    stage.play(60)
    shown = stage.play(1400)
    assert {c for snapshot in shown for c in classes(snapshot).values()} == {FRESH}
    assert desired(shown) == {5, None}
    assert {s.decision.reason for s in shown if s.decision.desired is None} == {NETWORK_HALTED}
    assert shown[-1].decision.desired == 5


@pytest.mark.parametrize("takes_batches", [True, False], ids=["batches", "getHealth alone"])
def test_an_rpc_that_stops_lags(*, takes_batches: bool) -> None:
    running, stopped = StagedNetwork(), StagedNetwork(START + 120)
    scripts = [rpc(running, takes_batches=takes_batches)] * 4
    stage = StagedFleet(*scripts, rpc(stopped, takes_batches=takes_batches), spec=RPCS)
    seen = [classes(snapshot)["core-4"] for snapshot in stage.play(600)]
    assert set(seen[30:150]) == {FRESH}
    assert set(seen[200:]) == {LAGGING}


def test_the_threshold_of_an_rpc_that_follows_is_the_fleets_and_of_one_that_stops_its_own() -> None:
    network, interviewer = StagedNetwork(), Interviewer(ProbeKind.RPC, "http://core-0")

    def behind(now: float) -> NodeReport:
        """Answer as unhealthy, and eight ledgers behind; after ten minutes stand still."""
        ledger, age = network.tell(min(now, START + 600) - 40.0)
        told = {"latestLedger": ledger, "latestLedgerCloseTime": str(int(now - 40.0 - age))}
        calls = [{"id": 1, "error": LATE}, {"id": 2, "result": told}]
        conversation = interviewer.begin()
        next(conversation)
        with pytest.raises(StopIteration) as end:
            conversation.send(HttpAnswer(200, json.dumps(calls).encode(), formatdate(now, usegmt=True).encode()))
        return cast("NodeReport", end.value.value)

    stage = StagedFleet(behind, *[rpc(network, takes_batches=True)] * 4, spec=replace(RPCS, lag_threshold=1000))
    shown = stage.play(700)
    assert {classes(snapshot)["core-0"] for snapshot in shown[60:600]} == {FRESH}
    assert classes(shown[-1])["core-0"] is LAGGING


@pytest.mark.parametrize("phase", range(5))
@pytest.mark.parametrize("start_seconds", [0.0, 1.0, 60.0])
def test_a_new_horizon_on_a_restored_database_is_on_its_way_whenever_it_is_asked_first(
    phase: int, start_seconds: float
) -> None:
    network = StagedNetwork()
    stage = StagedFleet(*[horizon(network)] * 3, spec=HORIZONS)
    stage.play(60 + phase)
    born = stage.now
    stage.scripts["core-3"] = restored(network, 500, lambda now: now < born + start_seconds)
    stage.take_members()
    seen = {classes(snapshot)["core-3"] for snapshot in stage.play(300)}
    assert seen - {ReplicaClass.UNKNOWN} == {CATCHING_UP}


@pytest.mark.parametrize(
    ("away", "starts"),
    [
        pytest.param([REFUSED], lambda _: False, id="nothing listened"),
        pytest.param([REFUSED] * 5, lambda _: False, id="nothing listened for long"),
        pytest.param([], lambda _: True, id="its Core has not answered"),
        pytest.param([GONE], lambda _: True, id="it did not answer, nor has its Core"),
    ],
)
@pytest.mark.parametrize("before", [0, 30], ids=["it was fresh", "it lagged"])
def test_a_horizon_that_restarts_in_place_is_on_its_way(
    away: list[PollFailure], starts: Callable[[float], bool], before: int
) -> None:
    network = StagedNetwork()
    stage = StagedFleet(*[horizon(network)] * 3, spec=HORIZONS)
    stage.play(60)
    stage.scripts["core-0"] = restored(network, before, lambda _: False)
    stage.play(60)
    answers = iter(away)
    after = restored(network, 31, starts)
    stage.scripts["core-0"] = lambda now: next(answers, None) or after(now)
    assert classes(stage.play(120)[-1])["core-0"] is CATCHING_UP


def test_a_database_that_all_share_and_nobody_fills_makes_one_sentence_and_no_growth() -> None:
    network, core = StagedNetwork(START + 300), StagedNetwork()

    def api_only(now: float) -> NodeReport:
        ledger, age = network.tell(now)
        return build_root(now, ledger, core.tell(now)[0], now - age, "api-only")

    stage = StagedFleet(*[api_only] * 5, spec=HORIZONS)
    shown = stage.play(330)
    for size in range(6, 9):  # whoever is added has the same database
        shown += stage.play(200)
        stage.scripts[f"core-{size - 1}"] = api_only
        stage.take_members()
    shown += stage.play(600)
    assert desired(shown) == {5, None}
    reason, message = shown[-1].decision.reason, shown[-1].decision.message
    assert reason == DATABASE_STOPPED
    assert message.startswith("All 8 Horizons that respond are at ledger 1000060, ")
    assert "share a database that is no longer updated" in message
    assert len({s.decision.message.split(",")[0] for s in shown[600:] if s.decision.desired is None}) <= 4


def test_a_horizon_alone_that_stands_still_is_replaced_all_the_same() -> None:
    network = StagedNetwork()
    stage = StagedFleet(*[horizon(network)] * 3, restored(network, 0, lambda _: False), spec=HORIZONS)
    stage.play(60)
    stopped = network.tell(stage.now)[0]
    stage.scripts["core-3"] = lambda now: build_root(now, stopped, network.tell(now)[0], START, "ingestion-blocked")
    shown = stage.play(300)
    assert classes(shown[-1])["core-3"] is LAGGING
    assert DATABASE_STOPPED not in {snapshot.decision.reason for snapshot in shown}


@pytest.mark.parametrize("interval", [1, 5])
def test_horizons_that_all_follow_behind_share_no_database_that_stopped(interval: int) -> None:
    network = StagedNetwork()

    def follow(now: float) -> NodeReport:
        """Fall behind by twenty ledgers, one after the other, and follow from there."""
        ledger, age = network.tell(now)
        lost = min(20, int(max(0.0, now - START - 60) / 10))
        return build_root(now, ledger - lost, ledger, now - age - lost * 5.0)

    stage = StagedFleet(*[follow] * 3, spec=replace(HORIZONS, bounds=Bounds(3, 3, 20)), interval=interval)
    shown = stage.play(900)
    assert set(classes(shown[-1]).values()) == {LAGGING}
    assert DATABASE_STOPPED not in {snapshot.decision.reason for snapshot in shown}


def test_who_joins_horizons_whose_database_stopped_does_not_hide_that() -> None:
    network, core = StagedNetwork(START + 100), StagedNetwork()

    def api_only(now: float) -> NodeReport:
        ledger, age = network.tell(now)
        return build_root(now, ledger, core.tell(now)[0], now - age, "api-only")

    stage = StagedFleet(*[api_only] * 2, spec=replace(HORIZONS, bounds=Bounds(2, 2, 20)))
    shown = stage.play(300)
    assert shown[-1].decision.reason == DATABASE_STOPPED
    stage.scripts["core-2"] = api_only
    stage.take_members()
    assert {snapshot.decision.reason for snapshot in stage.play(120)[6:]} == {DATABASE_STOPPED}
