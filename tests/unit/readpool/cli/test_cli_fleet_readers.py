"""What readers met with, and the sizes that were wanted, in the view of a fleet."""

import pytest

from readpool.cli.clients.observer_client import Connected
from readpool.cli.fleets.board import Board, build_board
from readpool.cli.terminal.columns import choose_columns
from readpool.cli.terminal.fleet_table import COLUMNS, build_fleet, choose_rows
from readpool.v1 import observer_pb2 as pb
from tests.unit.readpool.cli.test_cli_fleet_table import build_replica, build_snapshot, draw


def test_requests_stand_beside_each_replica_whose_gate_reports_them_and_those_of_all_beside_the_reason() -> None:
    read, silent = build_replica("core-0"), build_replica("core-1")
    read.requests.CopyFrom(pb.RequestFigures(requests_per_second=120, latency_p90_ms=3.14, error_percent=0.04))
    snapshot = build_snapshot(read, silent)
    snapshot.requests.CopyFrom(pb.RequestFigures(requests_per_second=120, latency_p90_ms=3.14, error_percent=0.04))
    _, reason, heading, of_read, of_silent = draw(build_fleet(snapshot, width=160, max_rows=9), 160).splitlines()
    assert reason.rstrip() == "One replica lags.  120 requests/s, p90 3.1 ms, 0.04 % errors"
    assert "requests     p90  errors" in heading
    assert "120/s  3.1 ms  0.04 %" in of_read
    assert of_silent.split()[-4:] == ["-", "-", "-", "Synced!"]


def test_where_no_gate_reports_requests_there_are_no_columns_for_them() -> None:
    drawn = draw(build_fleet(build_snapshot(build_replica("core-0")), width=200, max_rows=9), 200)
    assert "requests" not in drawn
    assert "p90" not in drawn


@pytest.mark.parametrize(
    ("sort", "names"),
    [("requests", "core-2 core-1 core-0"), ("latency", "core-2 core-0 core-1"), ("errors", "core-2 core-1 core-0")],
)
def test_replicas_with_the_most_requests_the_slowest_and_the_most_failing_come_first(sort: str, names: str) -> None:
    replicas = [build_replica(f"core-{ordinal}") for ordinal in range(3)]
    replicas[0].requests.CopyFrom(pb.RequestFigures(requests_per_second=5, latency_p90_ms=90))
    replicas[1].requests.CopyFrom(pb.RequestFigures(requests_per_second=50, latency_p90_ms=9, error_percent=1))
    shown, _ = choose_rows(replicas, 3, sort)
    assert " ".join(replica.name for replica in shown) == names


def test_the_sizes_of_the_last_minutes_stand_in_the_headline_where_there_is_room() -> None:
    board = Board("here")
    board.take(Connected())
    for at, desired in ((1000, 3), (1090, 4), (1180, 3)):
        snapshot = build_snapshot(build_replica("core-0"), at=at)
        snapshot.decision.desired_replicas = desired
        board.take(snapshot)
    (headline, *_) = draw(build_board(board, width=140, height=None, ascii_only=False), 140).splitlines()
    assert headline.rstrip().endswith("(1 to 9, target 3)  ▁▁▁████ 3 to 4 in 4 min")
    assert " to 4 in " not in draw(build_board(board, width=80, height=None, ascii_only=False), 80)
    board.take(Connected())
    assert " to 4 in " not in draw(build_board(board, width=140, height=None, ascii_only=False), 140)
    for at in (1185, 1190):
        board.take(build_snapshot(build_replica("core-0"), at=at))
    assert "3 to 4 in 4 min" in draw(build_board(board, width=140, height=None, ascii_only=False), 140)


@pytest.mark.parametrize(
    ("width", "headings"),
    [
        pytest.param(60, ["replica", "class", "behind", "lag"], id="narrow"),
        pytest.param(80, ["replica", "class", "behind", "lag", "fresh in", "requests"], id="a usual terminal"),
        pytest.param(
            100, ["replica", "class", "behind", "lag", "fresh in", "requests", "p90", "errors"], id="a wide one"
        ),
        pytest.param(
            120,
            ["replica", "class", "ledger", "behind", "lag", "rate", "fresh in", "requests", "p90", "errors"],
            id="a wider one",
        ),
        pytest.param(240, [column.heading for column in sorted(COLUMNS, key=lambda one: one.position)], id="all"),
    ],
)
def test_what_readers_meet_with_comes_before_the_pace_of_ledgers(width: int, headings: list[str]) -> None:
    assert [column.heading for column in choose_columns(COLUMNS, width)] == headings
