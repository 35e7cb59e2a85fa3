"""Fleets beside references that leap, halt or contradict each other, and networks that are reset below their tip."""

from dataclasses import replace

import pytest

from scaler.fleet.evidence import CONTRADICTED, USED
from scaler.fleet.snapshot import FleetSnapshot
from scaler.policy.hold_reasons import NETWORK_RESET
from scaler.policy.policy import Bounds
from scaler.probes.kinds import ProbeKind
from scaler.probes.report import NodeReport
from scaler.triggers.fleet_spec import FleetSpec, Reference
from tests.unit.staged_fleet import (
    NETWORK,
    SPEC,
    START,
    Script,
    StagedFleet,
    StagedNetwork,
    classes,
    desired,
    tip_ledger,
)

ONE, OTHER = Reference(ProbeKind.HORIZON, "https://one.example"), Reference(ProbeKind.HORIZON, "https://other.example")
ARCHIVE = Reference(ProbeKind.ARCHIVE, "https://archive.example")
LEAPS_AT = START + 300


def spec_of(replicas: int) -> FleetSpec:
    return replace(SPEC, bounds=Bounds(1, replicas, 20), lag_threshold=12, network=NETWORK)


def refer(network: StagedNetwork, ahead: int = 0, *, tells_age: bool = True) -> Script:
    """Return a reference that is current by its own clock, so many ledgers ahead of the network."""

    def script(now: float) -> NodeReport:
        ledger, age = network.tell(now)
        return NodeReport(ledger + ahead, is_synced=True, network=NETWORK, age_seconds=age if tells_age else None)

    return script


def leap(before: Script, after: Script) -> Script:
    return lambda now: (before if now < LEAPS_AT else after)(now)


def undated(network: StagedNetwork) -> Script:
    """Return a node that does not tell how old its ledger is, as a Stellar RPC behind a proxy that drops the Date."""
    return lambda now: NodeReport(network.tell(now)[0], is_synced=True, network=NETWORK, tells_start=False)


def words(shown: list[FleetSnapshot]) -> set[str]:
    return {str(one) for snapshot in shown for one in classes(snapshot).values()}


NET = StagedNetwork()


@pytest.mark.parametrize("ahead", [100, 2**31])
@pytest.mark.parametrize(
    ("replicas", "tells_age"),
    [
        pytest.param([NET.in_step], True, id="one replica"),
        pytest.param([NET.in_step], False, id="one replica, and a reference that tells no age"),
        pytest.param([undated(NET)] * 2, True, id="replicas that tell no age"),
    ],
)
def test_a_reference_that_leaps_ahead_is_set_aside_until_it_is_back(
    replicas: list[Script], tells_age: bool, ahead: int
) -> None:
    stage = StagedFleet(*replicas, spec=spec_of(len(replicas)))
    right = refer(NET, tells_age=tells_age)
    stage.references[ONE] = leap(right, refer(NET, ahead, tells_age=tells_age))
    shown = stage.play(900)[10:]
    assert {snapshot.references[0].state for snapshot in shown[400:]} == {CONTRADICTED}
    stage.references[ONE] = right
    shown += stage.play(60)
    assert (words(shown), desired(shown)) == ({"fresh"}, {len(replicas)})
    assert shown[-1].references[0].state == USED


def test_of_two_references_the_one_with_which_a_replica_agrees_is_right() -> None:
    stage = StagedFleet(NET.in_step, spec=spec_of(1))
    stage.references = {ONE: refer(NET, 200), OTHER: refer(NET)}
    shown = stage.play(120)
    assert [verdict.state for verdict in shown[-1].references] == [CONTRADICTED, USED]
    assert "two others that are current are at" in shown[-1].references[0].message
    assert (words(shown), desired(shown)) == ({"fresh"}, {1})


def test_two_references_that_agree_are_believed_rather_than_one_replica() -> None:
    stage = StagedFleet(NET.in_step, spec=spec_of(1))
    stage.references = {ONE: refer(NET, 200), OTHER: refer(NET, 201)}
    shown = stage.play(120)
    assert words(shown[20:]) == {"lagging"}
    assert {verdict.state for verdict in shown[-1].references} == {USED}


def test_a_reference_that_catches_up_in_leaps_shows_who_is_behind() -> None:
    def behind(now: float) -> NodeReport:
        return NodeReport(NET.tell(now)[0] - 400, is_synced=True, network=NETWORK, tells_start=False)

    stage = StagedFleet(behind, behind, spec=spec_of(2))
    stage.references[ONE] = leap(lambda now: replace(behind(now), age_seconds=2000.0), refer(NET))
    assert words(stage.play(200)[10:]) == {"fresh"}, "nobody can know"
    assert words(stage.play(200)[150:]) == {"lagging"}


@pytest.mark.parametrize(
    ("reference", "script"),
    [
        pytest.param(ONE, refer(StagedNetwork(START + 300)), id="a Horizon"),
        pytest.param(ARCHIVE, refer(StagedNetwork(START + 300), -64, tells_age=False), id="an archive"),
    ],
)
def test_a_reference_that_halts_with_the_network_does_not_vouch_for_one_on_a_fork(
    reference: Reference, script: Script
) -> None:
    halted = StagedNetwork(START + 300)
    stage = StagedFleet(NET.in_step, *[halted.in_step] * 4, spec=spec_of(5))
    stage.references[reference] = script
    shown = stage.play(1500)
    assert desired(shown[10:]) == {5}


def renewed(network: StagedNetwork, wiped_at: float) -> Script:
    """Return a replica of a network that was reset when the old one halted: on that until its volume is wiped."""

    def script(now: float) -> NodeReport:
        if now < wiped_at:
            return network.in_step(now)
        seconds = now - network.halts_at
        ledger = 2 + int(seconds // 5)
        return replace(
            network.in_step(now),
            ledger=ledger,
            is_synced=True,
            state="Synced!",
            heard_ledger=ledger,
            age_seconds=seconds % 5,
            started_on=wiped_at,
            uptime_seconds=now - wiped_at,
        )

    return script


@pytest.mark.parametrize("has_old_reference", [False, True])
def test_a_replica_alone_shows_that_its_network_was_reset(*, has_old_reference: bool) -> None:
    old = StagedNetwork(START + 300)
    stage = StagedFleet(renewed(old, START + 900), spec=spec_of(1))
    if has_old_reference:
        stage.references[ONE] = refer(old)
    shown = stage.play(1200)
    assert desired(shown) == {1, None}
    reset = [snapshot.decision.message for snapshot in shown if snapshot.decision.reason == NETWORK_RESET]
    assert reset[0].startswith("The network was reset from ledger 1000060 to ")
    assert tip_ledger(shown[-1]) < 1000
    assert words(shown[-60:]) == {"fresh"}


def test_one_replica_below_others_that_stand_where_the_network_stopped_shows_nothing() -> None:
    old = StagedNetwork(START + 300)
    stage = StagedFleet(renewed(old, START + 900), old.in_step, old.in_step, spec=spec_of(3))
    shown = stage.play(3000)
    assert desired(shown[10:]) == {3, None}
    assert tip_ledger(shown[-1]) == 1_000_060


@pytest.mark.parametrize(("replicas", "interval"), [(5, 1), (5, 5), (1, 20), (2, 60), (5, 60), (1, 300), (3, 300)])
def test_a_halt_changes_nothing_however_seldom_replicas_are_polled(replicas: int, interval: int) -> None:
    halts_at, resumes_at = START + 4 * interval + 107, START + 12 * interval + 311
    network = StagedNetwork(halts_at, resumes_at)

    def one_less(now: float) -> NodeReport:
        return replace(network.in_step(now), ledger=network.tell(now)[0] - (halts_at <= now < resumes_at))

    scripts = [network.in_step] * (replicas - 1) + [one_less]
    stage = StagedFleet(*scripts, spec=spec_of(replicas), interval=interval)
    shown = stage.play(15 * interval + 500)[2 * interval :]
    assert desired(shown) == {replicas, None}
    assert words(shown) == {"fresh"}
