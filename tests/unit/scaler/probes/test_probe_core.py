"""Stellar Core's answer to GET /info: the eight traps on recorded answers, and what is no answer."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from devtools.strictness import skip_or_fail, skip_where_impossible
from readpool.replica_class import ReplicaClass
from scaler.probes import parse_core
from scaler.probes.report import CatchUp, ClosedLedger, NodeReport, PollFailure, ProbeError
from scaler.standing.freshness import ReplicaState, Thresholds, advance
from scaler.standing.tip import Tip
from tests.recorded import answers
from tests.recorded.answers import read_answer, read_document, read_trace
from tests.shared_folder import SHARED

NETWORK = "Private Autoscaler Test Network"
WITHIN_12 = Thresholds(lag_ledgers=12)
GONE = object()


def parse(name: str) -> NodeReport:
    return parse_core(read_answer(name))


def change(path: str, value: object, name: str = answers.SYNCED) -> bytes:
    """Change one field of a recorded answer; GONE takes it away."""
    document: Any = read_document(name)
    *parents, last = ["info", *path.split(".")]
    inner = document
    for key in parents:
        inner = inner[key]
    if value is GONE:
        del inner[last]
    else:
        inner[last] = value
    return json.dumps(document).encode()


def poll(standing: ReplicaState, outcome: NodeReport | PollFailure, tip_ledger: int, now: float) -> ReplicaState:
    return advance(standing, outcome, Tip(tip_ledger, now), NETWORK, WITHIN_12, now)


def test_trap_1_a_node_that_says_synced_and_advances_lags_while_it_is_behind() -> None:
    """The network closed a ledger each second throughout, so it is its own clock."""
    standing, seen = ReplicaState(), []
    for row in read_trace():
        tip_ledger = 221 + int(row["t"])
        if "failed" in row:
            outcome: NodeReport | PollFailure = PollFailure("Timeout", "no response within 3 s")
        else:
            document = read_document(answers.SYNCED)
            document["info"]["state"] = row["state"]
            document["info"]["ledger"] |= {key: row[key] for key in ("num", "age", "closeTime")}
            outcome = parse_core(json.dumps(document).encode())
            assert outcome.is_synced
        standing = poll(standing, outcome, tip_ledger, row["t"])
        seen.append((row["t"], standing.replica_class))
    lagging = [t for t, replica_class in seen if replica_class is ReplicaClass.LAGGING]
    assert (lagging[0], lagging[-1]) == (22.884, 29.937)
    assert {replica_class for _, replica_class in seen} == {ReplicaClass.FRESH, ReplicaClass.LAGGING}
    assert seen[-1][1] is ReplicaClass.FRESH


@pytest.mark.parametrize(("name", "num"), [(answers.BOOTING, 0), (answers.JOINING, 1)])
def test_trap_2_age_0_of_a_node_that_has_closed_nothing_is_no_age(name: str, num: int) -> None:
    report = parse(name)
    assert (report.ledger, report.age_seconds, report.uptime_seconds, report.is_synced) == (num, None, None, False)
    assert poll(ReplicaState(), report, 200, 1.0).replica_class is ReplicaClass.CATCHING_UP


def test_trap_3_age_grows_in_a_halted_network_and_nobody_lags() -> None:
    fresh, halted = parse(answers.SYNCED), parse(answers.HALTED)
    assert (halted.ledger, halted.age_seconds, halted.is_synced) == (224, 70.0, False)
    standing = poll(ReplicaState(), fresh, 221, 0.0)
    for now in (60.0, 65.0, 70.0, 75.0):
        stalled = Tip(224, 3.0, is_stalled=True, is_halted=True)
        standing = advance(standing, halted, stalled, NETWORK, WITHIN_12, now)
        assert standing.replica_class is ReplicaClass.FRESH


@pytest.mark.parametrize(
    ("name", "heard"),
    [
        (answers.BOOTING, None),
        (answers.JOINING, None),
        (answers.RESTARTED, None),
        (answers.YOUNG, None),
        (answers.BEHIND, 578),
        (answers.APPLYING, 83),
        (answers.WAITING, 14),
        (answers.SYNCED, 221),
        (answers.HALTED, 224),
    ],
)
def test_trap_4_what_a_node_hears_is_one_ledger_past_its_quorum_set_and_absent_early_on(
    name: str, heard: int | None
) -> None:
    assert parse(name).heard_ledger == heard


@pytest.mark.parametrize(
    ("name", "catch_up"),
    [
        (answers.SYNCED, None),
        (answers.STALE_STATUS, None),
        (answers.YOUNG, None),
        (answers.RESTARTED, None),
        (
            answers.APPLYING,
            CatchUp(
                "Catching up to ledger 71: Download & apply checkpoints: num checkpoints left to apply:8 (11% done)",
                target_ledger=71,
                percent_done=11,
            ),
        ),
        (answers.WAITING, CatchUp("Waiting for trigger ledger: 14/65, ETA: 255s", eta_seconds=255.0)),
    ],
)
def test_trap_5_status_tells_of_catch_up_only_while_the_node_is_out_of_sync(
    name: str, catch_up: CatchUp | None
) -> None:
    assert parse(name).catch_up == catch_up


def test_trap_6_a_stopped_node_is_no_other_class_until_three_polls_have_hung() -> None:
    standing = poll(ReplicaState(), parse(answers.SYNCED), 221, 0.0)
    hung = PollFailure("Timeout", "no response within 3 s")
    classes = []
    for now in (5.0, 10.0, 15.0):
        standing = poll(standing, hung, 221, now)
        classes.append(standing.replica_class)
    assert classes == [ReplicaClass.FRESH, ReplicaClass.FRESH, ReplicaClass.UNREACHABLE]


def test_trap_7_a_restarted_node_is_connected_with_its_ledger_frozen_and_catches_up() -> None:
    before, connected, behind = parse(answers.SYNCED), parse(answers.RESTARTED), parse(answers.BEHIND)
    assert connected.started_on is not None
    assert before.started_on != connected.started_on == behind.started_on
    assert (connected.state, connected.is_synced, connected.ledger) == ("Connected", False, behind.ledger)
    assert (connected.age_seconds, connected.uptime_seconds) == (100.0, 0.0)
    standing = poll(ReplicaState(), before, 221, 0.0)
    for now, report in ((100.0, connected), (105.0, connected), (110.0, connected), (135.0, behind)):
        standing = poll(standing, report, 585, now)
    assert standing.replica_class is ReplicaClass.CATCHING_UP


def test_trap_8_young_nodes_lack_fields_and_arrays_can_be_null() -> None:
    young = parse(answers.YOUNG)
    assert "maxSorobanTxSetSize" not in read_document(answers.YOUNG)["info"]["ledger"]
    assert (young.ledger, young.is_synced) == (2, True)
    assert read_document(answers.HALTED)["info"]["quorum"]["transitive"]["critical"] is None
    for path in ("status", "quorum", "quorum.qset", "quorum.qset.ledger", "quorum.transitive", "peers", "startedOn"):
        assert parse_core(change(path, None)).ledger == 221


def test_a_synced_answer_is_read_as_it_stands() -> None:
    started_on = datetime(2026, 11, 23, 23, 20, 36, tzinfo=UTC).timestamp()
    assert parse(answers.SYNCED) == NodeReport(
        ledger=221,
        is_synced=True,
        state="Synced!",
        network=NETWORK,
        heard_ledger=221,
        age_seconds=1.0,
        uptime_seconds=1795476317 - started_on,
        started_on=started_on,
        closed=ClosedLedger(221, "8856432aea56e4e5a446ca2a14945bd49b6c9e0cb94bc962d32f94f92c0dcb64", 1_795_476_316),
        protocol=22,
        ledger_protocol=22,
    )


@pytest.mark.parametrize("name", answers.NAMES)
def test_every_recorded_answer_is_read(name: str) -> None:
    info, report = read_document(name)["info"], parse(name)
    assert (report.ledger, report.state, report.network) == (info["ledger"]["num"], info["state"], NETWORK)
    assert report.is_synced is (info["state"] == "Synced!")


def test_every_answer_beside_the_checkout_is_read_and_the_copies_here_are_of_them() -> None:
    recordings = sorted((SHARED / "reference" / "core-info").glob("*.json"))
    if not recordings:
        (skip_or_fail if SHARED.is_dir() else skip_where_impossible)("no recorded answers in ../shared")
    for path in recordings:
        assert parse_core(path.read_bytes()).network == NETWORK, path.name
    assert all((recordings[0].parent / f"{name}.json").read_bytes() == read_answer(name) for name in answers.NAMES)


@pytest.mark.parametrize("path", ["ledger", "ledger.num", "ledger.closeTime", "ledger.age", "state", "network"])
@pytest.mark.parametrize("value", [GONE, None, [], {}, True, -1, 1e999, float("nan"), 2**53, -(2**70)])
def test_a_needed_field_that_is_not_right_is_named(path: str, value: object) -> None:
    name = "num" if (path, value) == ("ledger", {}) else path.rpartition(".")[2]
    with pytest.raises(ProbeError, match="the number" if isinstance(value, float) else rf"\b{name} is "):
        parse_core(change(path, value))


@pytest.mark.parametrize("value", [2**32, 1.0, 1e3, False, "221", -1, 10**4000])
def test_a_ledger_is_a_whole_number_of_32_bits(value: object) -> None:
    with pytest.raises(ProbeError, match=r"num is .*, not a ledger number from 0 to 4294967295"):
        parse_core(change("ledger.num", value))


def test_the_highest_ledger_that_can_be_heard_is_the_highest_there_is() -> None:
    assert parse_core(change("quorum.qset.ledger", 2**32 - 1)).heard_ledger == 2**32 - 1


@pytest.mark.parametrize(
    "started", ["", "yesterday", "Z", "2026-11-23", "2026-11-23T23:20:36", 7, [], "9" * 5000 + "Z"]
)
def test_a_start_that_cannot_be_read_is_not_known(started: object) -> None:
    report = parse_core(change("startedOn", started))
    assert (report.started_on, report.uptime_seconds) == (None, None)


def test_a_start_at_the_epoch_is_a_start() -> None:
    report = parse_core(change("startedOn", "1970-01-01T00:00:00Z"))
    assert (report.started_on, report.uptime_seconds) == (0.0, 1795476317.0)


def test_a_start_in_the_future_gives_no_negative_uptime() -> None:
    assert parse_core(change("startedOn", "9999-12-31T23:59:59Z")).uptime_seconds == 0.0


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (["Publishing 1 queued checkpoints"], None),
        ([None, 7, {}, "Catching up to ledger 63: (999% done)"], ("Catching up to ledger 63: (999% done)", 63, 100)),
        (["Catching up to ledger 9999999999: x"], ("Catching up to ledger 9999999999: x", None, None)),
        (["Catching up to ledger 42949672950"], None),
        (["x"] * 16 + ["Catching up to ledger 63"], None),
        ("Catching up to ledger 63", None),
        ({"Catching up to ledger 63": 1}, None),
    ],
)
def test_status_lines_that_are_odd_do_no_harm(status: object, expected: tuple[str, int, int] | None) -> None:
    document = read_document(answers.BEHIND)
    document["info"]["status"] = status
    caught = parse_core(json.dumps(document).encode()).catch_up
    assert (None if caught is None else (caught.text, caught.target_ledger, caught.percent_done)) == expected


@pytest.mark.parametrize("path", ["state", "network"])
def test_words_are_cut_and_cleared_of_what_cannot_be_shown(path: str) -> None:
    report = parse_core(change(path, "a\x1b[31m\n\u202eb\ud800" + "x" * 10_000))
    words = getattr(report, path)
    assert (len(words), words.isprintable(), words[:5]) == (200, True, "a [31")


def test_only_the_exact_word_means_in_sync() -> None:
    for word in ("Synced", "synced!", "Synced! ", "Stopping", ""):
        assert not parse_core(change("state", word)).is_synced


def test_an_error_of_the_command_port_comes_as_200_and_is_told() -> None:
    with pytest.raises(ProbeError, match="the node reports an error: 'no such command'"):
        parse_core(b'{"exception": "no such command"}')


def test_what_only_helps_changes_nothing_else() -> None:
    full = parse(answers.SYNCED)
    assert parse_core(change("quorum", GONE)) == replace(full, heard_ledger=None)
    assert parse_core(change("startedOn", GONE)) == replace(full, started_on=None, uptime_seconds=None)
