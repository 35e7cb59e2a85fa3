"""What a reference's word is worth, and that each verdict is told."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from scaler.fleet.evidence import (
    BEHIND,
    CONTRADICTED,
    NO_ANSWER,
    NO_LEDGER,
    OTHER_NETWORK,
    STOPPED,
    UNKNOWN_NETWORK,
    USED,
    Circumstances,
    Hearing,
    hear,
    judge,
)
from scaler.fleet.snapshot import FleetSnapshot
from scaler.fleets.change_log import ChangeLog
from scaler.policy.policy import Bounds
from scaler.probes.kinds import ProbeKind
from scaler.probes.report import NodeReport, PollFailure
from scaler.standing.tip import DEFAULT_LIMITS, Tip
from scaler.triggers.fleet_spec import Reference
from tests.unit.staged_fleet import NETWORK, SPEC, START, StagedFleet, StagedNetwork, classes, desired

NOW = 10_000.0
LEDGER = 50_000
HORIZON = Reference(ProbeKind.HORIZON, "https://horizon.example")
ARCHIVE = Reference(ProbeKind.ARCHIVE, "https://archive.example")
OURS = NodeReport(LEDGER, is_synced=True, network=NETWORK)
AGAINST = Circumstances(NETWORK, Tip(LEDGER, NOW - 2), LEDGER, False, 5.0, DEFAULT_LIMITS)


def heard(report: NodeReport | None, *, seconds_ago: float = 1.0, moved_seconds_ago: float = 5.0) -> Hearing:
    return Hearing(NOW - seconds_ago, report, NOW - seconds_ago, NOW - moved_seconds_ago, has_moved=True)


@pytest.mark.parametrize(
    ("hearing", "against", "state"),
    [
        pytest.param(heard(OURS), AGAINST, USED, id="in step"),
        pytest.param(heard(None), AGAINST, NO_ANSWER, id="never answered"),
        pytest.param(heard(OURS, seconds_ago=21), AGAINST, NO_ANSWER, id="answered too long ago"),
        pytest.param(heard(replace(OURS, network="theirs")), AGAINST, OTHER_NETWORK, id="of another network"),
        pytest.param(heard(replace(OURS, network=None)), AGAINST, UNKNOWN_NETWORK, id="of a network it does not name"),
        pytest.param(
            heard(replace(OURS, network=None)), replace(AGAINST, network=None), USED, id="nobody names a network"
        ),
        pytest.param(heard(replace(OURS, ledger=0)), AGAINST, NO_LEDGER, id="answers without a ledger"),
        pytest.param(heard(replace(OURS, ledger=0, network=None)), AGAINST, NO_LEDGER, id="and without a network"),
        pytest.param(heard(OURS, moved_seconds_ago=600), AGAINST, STOPPED, id="has stopped while others go on"),
        pytest.param(
            heard(OURS, moved_seconds_ago=600),
            replace(AGAINST, tip=Tip(LEDGER, NOW - 600)),
            USED,
            id="stands still with the network",
        ),
        pytest.param(heard(replace(OURS, ledger=LEDGER - 45)), AGAINST, BEHIND, id="follows too far behind"),
        pytest.param(
            heard(replace(OURS, ledger=LEDGER + 45)),
            replace(AGAINST, is_dated=True),
            CONTRADICTED,
            id="ahead of two that know how old their ledger is",
        ),
        pytest.param(heard(replace(OURS, ledger=LEDGER + 45)), AGAINST, USED, id="ahead of two that may be behind"),
        pytest.param(
            heard(replace(OURS, ledger=LEDGER + 45), moved_seconds_ago=600),
            AGAINST,
            CONTRADICTED,
            id="stopped ahead of two that go on",
        ),
    ],
)
def test_the_verdict_on_a_reference_is(hearing: Hearing, against: Circumstances, state: str) -> None:
    verdict = judge(HORIZON, hearing, against, NOW)
    assert verdict.state == state
    assert bool(verdict.message) is (state != USED)
    assert (verdict.claim is not None) is (state in {USED, STOPPED, BEHIND})


@pytest.mark.parametrize(("age", "is_current"), [(None, False), (5.0, True), (31.0, False)])
def test_only_one_that_is_current_by_its_own_clock_says_what_is_the_most(age: float | None, is_current: bool) -> None:
    verdict = judge(HORIZON, heard(replace(OURS, age_seconds=age)), AGAINST, NOW)
    assert verdict.claim is not None
    assert verdict.claim.is_current is is_current
    archive = judge(ARCHIVE, heard(replace(OURS, age_seconds=age)), AGAINST, NOW)
    assert archive.claim is not None
    assert not archive.claim.is_current


def test_a_failure_is_told_and_takes_back_no_word() -> None:
    before = hear(None, OURS, NOW)
    after = hear(before, PollFailure("Timeout", "no response within 4 s"), NOW + 5)
    assert (after.report, after.trouble) == (OURS, "Timeout: no response within 4 s")
    assert judge(HORIZON, after, AGAINST, NOW + 30).message == "Timeout: no response within 4 s"


def test_the_log_names_a_reference_once_for_each_reason_and_when_it_counts_again() -> None:
    log = ChangeLog("stellar/core")
    words = [heard(OURS), heard(replace(OURS, network=None)), heard(replace(OURS, network=None)), heard(OURS)]
    with capture_logs() as lines:
        for sequence, word in enumerate(words):
            verdicts = (judge(HORIZON, word, AGAINST, NOW),)
            stage = StagedFleet(spec=SPEC).fleet.advance(START)
            snapshot = replace(stage, sequence=sequence, references=verdicts)
            assert isinstance(snapshot, FleetSnapshot)
            log.note_snapshot(snapshot)
    told = [(line["event"], line.get("reason")) for line in lines if "eference" in line["event"]]
    assert told == [("referenceIgnored", UNKNOWN_NETWORK), ("referenceUsed", None)]


NET = StagedNetwork()


@pytest.mark.parametrize("kind", [ProbeKind.CORE, ProbeKind.HORIZON, ProbeKind.RPC, ProbeKind.ARCHIVE])
@pytest.mark.parametrize("replicas", [1, 2, 5])
@pytest.mark.parametrize(
    ("network", "offset", "follows"),
    [
        pytest.param(NETWORK, -5000, False, id="stopped long ago"),
        pytest.param(NETWORK, -60, True, id="following behind"),
        pytest.param(None, 56_000_000, True, id="ahead on an unknown network"),
        pytest.param("theirs", 56_000_000, True, id="ahead on another network"),
        pytest.param(None, -500_000, True, id="behind on an unknown network"),
    ],
)
def test_no_reference_takes_readers_or_changes_the_size_of_a_healthy_fleet(
    kind: ProbeKind, replicas: int, network: str | None, offset: int, follows: bool
) -> None:
    def say(now: float) -> NodeReport:
        newest = NET.tell(now)[0] if follows else NET.tell(START)[0]
        return NodeReport(newest + offset, is_synced=True, network=network)

    spec = replace(SPEC, bounds=Bounds(1, replicas, 20), lag_threshold=12, network=NETWORK)
    stage = StagedFleet(*[NET.in_step] * replicas, spec=spec)
    stage.references[Reference(kind, "https://reference")] = say
    shown = stage.play(200)
    assert {c.value for snapshot in shown[10:] for c in classes(snapshot).values()} == {"fresh"}
    assert desired(shown[10:]) == {replicas}
    assert {verdict.state for verdict in shown[-1].references} <= {
        STOPPED,
        BEHIND,
        UNKNOWN_NETWORK,
        OTHER_NETWORK,
        USED,
    }
