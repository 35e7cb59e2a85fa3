"""Stellar Core that is too old for its network: who is, by whose word, and that no replica more is asked for."""

from dataclasses import replace

import pytest

from readpool.public_networks import list_protocols
from readpool.replica_class import ReplicaClass
from scaler.fleet.fleet import Fleet, FleetSettings
from scaler.policy.hold_reasons import CORE_TOO_OLD
from scaler.probes.core import parse_core
from scaler.probes.kinds import ProbeKind
from scaler.probes.report import NodeReport, PollFailure
from scaler.standing.core_protocol import find_network_protocol, leave_out_too_old, note_too_old
from scaler.standing.standing import ReplicaState
from scaler.triggers.fleet_spec import Reference
from tests.unit.staged_fleet import GONE, NETWORK, SPEC, START, Script, StagedFleet, StagedNetwork, desired

FRESH, LAGGING, CATCHING_UP = ReplicaClass.FRESH, ReplicaClass.LAGGING, ReplicaClass.CATCHING_UP
HOUR = 3600.0
STAGE = StagedNetwork()


def stand(replica_class: ReplicaClass, supports: int | None, told: int | None = None) -> ReplicaState:
    report = NodeReport(100, is_synced=replica_class is FRESH, protocol=supports, ledger_protocol=told)
    return ReplicaState(replica_class, report=report)


@pytest.mark.parametrize(
    ("standings", "trusted", "known", "protocol"),
    [
        pytest.param([], [], None, None, id="nobody tells"),
        pytest.param([], [], 30, 30, id="the table alone"),
        pytest.param([stand(FRESH, 30, 30)] * 2, [], None, 30, id="two fresh replicas"),
        pytest.param([stand(FRESH, 30, 30)], [], None, None, id="one may lie"),
        pytest.param([stand(FRESH, 31, 31), stand(FRESH, 30, 30)], [], None, 30, id="what both have closed"),
        pytest.param([stand(LAGGING, 30, 30)] * 2, [], None, None, id="not those that lag"),
        pytest.param([stand(FRESH, 29, 30)] * 2, [], None, None, id="not what they do not support themselves"),
        pytest.param([], [NodeReport(1, is_synced=True, protocol=30, ledger_protocol=30)], None, 30, id="a reference"),
        pytest.param([stand(FRESH, 29, 29)], [], 30, None, id="a fresh replica refutes the table"),
        pytest.param([stand(FRESH, 29, 29)] * 2, [], 30, 29, id="and two say what it is"),
        pytest.param([stand(FRESH, 31, 31)] * 2, [], 30, 31, id="the network is ahead of the table"),
        pytest.param([stand(FRESH, None)] * 2, [], 30, 30, id="nodes of another kind say nothing"),
    ],
)
def test_the_network_s_protocol_by(
    standings: list[ReplicaState], trusted: list[NodeReport], known: int | None, protocol: int | None
) -> None:
    assert find_network_protocol(standings, trusted, known) == protocol


@pytest.mark.parametrize(
    ("replica", "needs"),
    [
        pytest.param(stand(CATCHING_UP, 29), 30, id="a new one that cannot get there"),
        pytest.param(stand(LAGGING, 29), 30, id="one left behind by the upgrade"),
        pytest.param(stand(ReplicaClass.UNREACHABLE, 29), 30, id="one that crashed since"),
        pytest.param(stand(FRESH, 29), None, id="a fresh one is not"),
        pytest.param(stand(LAGGING, 30), None, id="one that lags for another reason"),
        pytest.param(stand(LAGGING, None), None, id="one that does not say"),
        pytest.param(ReplicaState(), None, id="one that has not answered"),
    ],
)
def test_who_is_too_old_for_protocol_30(replica: ReplicaState, needs: int | None) -> None:
    noted = note_too_old({"core-0": replica}, 30)
    assert noted["core-0"].needs_protocol == needs
    assert leave_out_too_old(noted).keys() == (set() if needs else {"core-0"})
    assert note_too_old(noted, None)["core-0"].needs_protocol is None


def test_core_tells_both_in_its_answer() -> None:
    body = (
        b'{"info": {"state": "Synced!", "network": "n", "protocol_version": 29, "startedOn": "2026-11-23T17:00:00Z",'
        b' "ledger": {"num": 5, "closeTime": 1, "age": 1, "version": 28}}}'
    )
    report = parse_core(body)
    assert (report.protocol, report.ledger_protocol) == (29, 28)
    odd = parse_core(body.replace(b"29,", b'"29",').replace(b": 28", b": -1"))
    assert (odd.protocol, odd.ledger_protocol) == (None, None)


def with_protocol(script: Script, supports: int, told: int) -> Script:
    """Answer as `script`, of a Core that supports this protocol and has closed a ledger of that one."""

    def answer(now: float) -> NodeReport:
        report = script(now)
        assert isinstance(report, NodeReport)
        return replace(report, protocol=supports, ledger_protocol=told)

    return answer


def left_behind(since: float) -> Script:
    """Answer as a node that closes no ledger from `since` on, and hears the others go on."""

    def answer(now: float) -> NodeReport:
        if now < since:
            return STAGE.in_step(now)
        heard = STAGE.tell(now)[0]
        return replace(STAGE.in_step(since), is_synced=False, state="Catching up", heard_ledger=heard, age_seconds=None)

    return answer


OLD_LEFT = with_protocol(left_behind(START + 100), 29, 29)
NEW = with_protocol(STAGE.in_step, 30, 30)


def stage(*scripts: Script, **settings: object) -> StagedFleet:
    staged = StagedFleet(*scripts)
    staged.fleet = Fleet("stellar/core", SPEC, FleetSettings(5.0, **settings), START)  # type: ignore[arg-type]
    staged.take_members()
    return staged


def test_those_that_an_upgrade_leaves_behind_get_no_substitutes() -> None:
    shown = stage(NEW, NEW, OLD_LEFT).play(900)
    assert desired(shown[200:]) == {3}
    last = shown[-1].decision
    assert "1 not replaced: Stellar Core too old for Protocol 30" in last.message
    assert last.unhealthy == 0


def test_others_that_lag_at_the_same_time_do() -> None:
    lags = with_protocol(STAGE.behind(50), 30, 30)
    assert desired(stage(NEW, NEW, OLD_LEFT, lags).play(900)[400:]) == {4}


@pytest.mark.parametrize("age", [0.0, 5 * HOUR], ids=["at first", "and when newcomers are overdue"])
def test_a_pool_of_which_no_core_can_follow_the_network_stays_as_it_is_and_says_why(age: float) -> None:
    def stuck(now: float) -> NodeReport:
        heard = STAGE.tell(now)[0]
        young = replace(STAGE.in_step(now), ledger=1, is_synced=False, state="Catching up", age_seconds=None)
        return replace(young, heard_ledger=heard, uptime_seconds=None, protocol=29)

    staged = stage(stuck, stuck, stuck, protocols={NETWORK: 30})
    staged.play(60)
    staged.now += age
    shown = staged.play(200)
    assert desired(shown[30:]) == {None}
    assert shown[-1].decision.reason == CORE_TOO_OLD
    assert "3 of 3 replicas run a Stellar Core that is too old for Protocol 30" in shown[-1].decision.message


def test_so_does_one_whose_cores_have_crashed_at_the_upgrade() -> None:
    def crashed(now: float) -> object:
        return with_protocol(STAGE.in_step, 29, 29)(now) if now < START + 100 else GONE

    staged = stage(crashed, crashed, crashed, protocols={NETWORK: 30})  # type: ignore[arg-type]
    shown = staged.play(400)
    assert shown[90].decision.desired == 3  # fresh ones refute the table
    assert shown[-1].decision.reason == CORE_TOO_OLD
    assert 4 not in desired(shown)


def test_one_old_core_is_not_why_all_are_silent() -> None:
    def lose(script: Script) -> Script:
        return lambda now: script(now) if now < START + 600 else GONE

    shown = stage(lose(NEW), lose(NEW), lose(OLD_LEFT)).play(900)
    assert shown[-1].decision.reason == "AllUnreachable"


def test_one_old_core_does_not_keep_laggards_from_being_replaced() -> None:
    lags = with_protocol(STAGE.behind(50), 30, 30)

    def fall(now: float) -> NodeReport | PollFailure:
        return NEW(now) if now < START + 300 else lags(now)

    shown = stage(fall, fall, fall, OLD_LEFT, NEW).play(900)
    assert max(size or 0 for size in desired(shown)) > 4
    alone = stage(fall, fall, fall, OLD_LEFT).play(900)
    assert CORE_TOO_OLD not in {one.decision.reason for one in alone}


def test_a_reference_of_a_newer_core_tells_the_protocol() -> None:
    staged = stage(OLD_LEFT, OLD_LEFT, OLD_LEFT)
    staged.references[Reference(ProbeKind.CORE, "http://other:11626")] = NEW
    shown = staged.play(600)
    assert shown[-1].network_protocol == 30
    assert shown[-1].decision.reason == CORE_TOO_OLD


def test_the_public_networks_have_a_protocol_each_where_one_is_published() -> None:
    assert set(list_protocols().values()) == {30}
