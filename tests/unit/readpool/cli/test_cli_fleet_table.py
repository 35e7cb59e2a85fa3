"""What a fleet looks like in a terminal, at any width."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from readpool.cli.clients.observer_client import Connected, Outage
from readpool.cli.fleets.board import GONE_SECONDS, Board, build_board
from readpool.cli.terminal.columns import choose_columns
from readpool.cli.terminal.fleet_table import (
    COLUMNS,
    COLUMNS_WITHOUT_GATES,
    LOOKS,
    SORTS,
    build_fleet,
    build_tip,
    choose_rows,
    count_classes,
    show_seconds,
)
from readpool.v1 import observer_pb2 as pb


def build_replica(name: str, replica_class: int = pb.REPLICA_CLASS_FRESH, lag: int | None = 0) -> pb.Replica:
    replica = pb.Replica(name=name, state="Synced!", rate=0.2, ledger=10**19 - (lag or 0))
    setattr(replica, "class", replica_class)
    if lag is not None:
        replica.lag = lag
    return replica


def build_snapshot(*replicas: pb.Replica, fleet: str = "stellar/core", at: float = 1010.0) -> pb.Snapshot:
    return pb.Snapshot(
        fleet=fleet,
        at=at,
        tip=pb.Tip(ledger=61_234_567, moved_at=1006.0),
        replicas=replicas,
        decision=pb.Decision(desired_replicas=4, message="One replica lags."),
        bounds=pb.Bounds(min_replicas=1, target_replicas=3, max_replicas=9),
        lag_threshold=10,
    )


def draw(renderable: RenderableType, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


@pytest.mark.parametrize("reason", ["PoolNotFound", "PoolDeleted"])
def test_a_pool_that_is_not_there_is_said_not_to_be(reason: str) -> None:
    message = "ReadOnlyPool stellar/core does not exist."
    fleet = pb.Snapshot(fleet="stellar/core", decision=pb.Decision(reason=reason, message=message))
    headline, sentence, *_ = draw(build_fleet(fleet, width=120, max_rows=5)).splitlines()
    assert headline.rstrip() == "stellar/core  the pool does not exist"
    assert sentence.rstrip() == message


def test_bounds_that_are_not_known_yet_are_not_shown_as_none() -> None:
    fleet = pb.Snapshot(fleet="stellar/core", decision=pb.Decision(reason="PoolsNotSynced", message="Not read yet."))
    assert "(0 to 0" not in draw(build_fleet(fleet, width=120, max_rows=5))


EVERY_CLASS = [build_replica(f"core-{number}", number, lag=number * 3) for number in LOOKS]


def test_every_class_has_a_word_and_marks_of_its_own() -> None:
    assert set(LOOKS) == set(pb.ReplicaClass.values()) - {pb.REPLICA_CLASS_UNSPECIFIED}
    assert len({look.word for look in LOOKS.values()}) == len(LOOKS)
    assert len({look.mark for look in LOOKS.values()}) == len(LOOKS)


def test_without_colours_every_class_is_still_told_by_its_word() -> None:
    drawn = draw(build_fleet(build_snapshot(*EVERY_CLASS), width=120, max_rows=20))
    assert all(look.word in drawn for look in LOOKS.values())


def test_where_only_ascii_is_known_only_ascii_is_drawn() -> None:
    assert draw(build_fleet(build_snapshot(*EVERY_CLASS), width=120, max_rows=20, ascii_only=True)).isascii()


def test_the_line_that_counts_the_rest_is_ascii_too() -> None:
    assert draw(build_fleet(build_snapshot(*EVERY_CLASS), width=20, max_rows=2, ascii_only=True), 20).isascii()


def test_a_class_from_a_newer_scaler_shows_as_unknown() -> None:
    assert "unknown" in draw(build_fleet(build_snapshot(build_replica("core-0", 77)), width=120, max_rows=20))


@given(st.integers(16, 300))
def test_columns_fit_any_width_and_stand_in_their_order(width: int) -> None:
    for columns in (COLUMNS, COLUMNS_WITHOUT_GATES):
        chosen = choose_columns(columns, width)
        assert len(chosen) == 1 or sum(column.width + 2 for column in chosen) <= width
        assert [column.position for column in chosen] == sorted(column.position for column in chosen)


@pytest.mark.parametrize(
    ("width", "headings"),
    [
        pytest.param(120, ["replica", "class", "ledger", "behind", "lag", "rate", "fresh in", "state"], id="wide"),
        pytest.param(80, ["replica", "class", "behind", "lag", "rate", "fresh in"], id="a usual terminal"),
        pytest.param(40, ["replica", "class", "lag"], id="a narrow one"),
        pytest.param(10, ["replica"], id="hardly any"),
    ],
)
def test_the_most_telling_columns_stay(width: int, headings: list[str]) -> None:
    assert [column.heading for column in choose_columns(COLUMNS_WITHOUT_GATES, width)] == headings


def test_every_column_has_a_place_of_its_own() -> None:
    assert sorted(column.position for column in COLUMNS) == list(range(len(COLUMNS)))


def test_replicas_stand_in_the_order_of_their_ordinals() -> None:
    shown, rest = choose_rows([build_replica(f"core-{ordinal}") for ordinal in (10, 2, 1)], 5)
    assert [replica.name for replica in shown] == ["core-1", "core-2", "core-10"]
    assert rest == []


@pytest.mark.parametrize("name", ["¹", "core-²", "9" * 5000, "", "-", "0-1"])
def test_a_name_with_odd_digits_is_a_name_like_any_other(name: str) -> None:
    assert len(choose_rows([build_replica(name), build_replica("core-0")], 5)[0]) == 2


def test_where_not_all_fit_the_worst_are_shown_and_the_rest_counted() -> None:
    replicas = [build_replica(f"core-{ordinal}") for ordinal in range(50)]
    replicas += [
        build_replica("core-50", pb.REPLICA_CLASS_LAGGING, 40),
        build_replica("core-51", pb.REPLICA_CLASS_LAGGING, 90),
    ]
    shown, rest = choose_rows(replicas, 3)
    assert [replica.name for replica in shown] == ["core-51", "core-50"]
    assert count_classes(rest) == "50 fresh"
    assert "… and 50 more: 50 fresh" in draw(build_fleet(build_snapshot(*replicas), width=100, max_rows=3))


def test_escape_sequences_of_a_lying_node_do_not_reach_the_terminal() -> None:
    replica = build_replica("core-0\x1b[2J")
    replica.detail = "\x1b]0;owned\x07\nsecond line"
    snapshot = build_snapshot(replica, fleet="a/\x1b[31mcore")
    snapshot.decision.message = "\x9b31m\u202e"
    drawn = draw(build_fleet(snapshot, width=120, max_rows=5))
    assert not set(drawn) & set("\x1b\x07\x9b\u202e")
    assert "?]0;owned??second line" in drawn


def test_a_fleet_of_nothing_says_so() -> None:
    assert "no replicas known" in draw(build_fleet(build_snapshot(), width=80, max_rows=5))


@pytest.mark.parametrize(
    ("tip", "words"),
    [
        pytest.param(pb.Tip(ledger=1234, moved_at=1006), "tip 1,234, last ledger 4 s ago", id="it moves"),
        pytest.param(
            pb.Tip(ledger=1234, moved_at=800, halted=True),
            "tip 1,234, halted: has not moved for 4 min",
            id="it is halted",
        ),
        pytest.param(pb.Tip(ledger=1234, moved_at=1020), "tip 1,234, last ledger 0 s ago", id="never in the future"),
        pytest.param(None, "tip unknown", id="it is not known"),
    ],
)
def test_the_tip_in_words(tip: pb.Tip | None, words: str) -> None:
    assert build_tip(pb.Snapshot(at=1010, tip=tip)).plain == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (99, "99 s"), (100, "2 min"), (5399, "90 min"), (5400, "1.5 h"), (90000, "25.0 h")],
)
def test_durations_are_shown_in_the_unit_that_fits(seconds: float, words: str) -> None:
    assert show_seconds(seconds) == words


@pytest.mark.parametrize(
    ("lag", "bar"),
    [
        pytest.param(0, ".......|.......", id="none"),
        pytest.param(1, "#......|.......", id="any at all shows"),
        pytest.param(10, "#######|.......", id="the threshold is the middle"),
        pytest.param(20, "#######|#######", id="twice that is all of it"),
        pytest.param(9999, "#######|#######", id="and more is no more"),
    ],
)
def test_the_bar_has_the_threshold_in_its_middle(lag: int, bar: str) -> None:
    snapshot = build_snapshot(build_replica("core-0", lag=lag))
    assert bar in draw(build_fleet(snapshot, width=120, max_rows=5, ascii_only=True))


def test_without_ground_the_desired_number_is_not_made_up() -> None:
    snapshot = build_snapshot()
    snapshot.decision.ClearField("desired_replicas")
    assert "desired not known" in draw(build_fleet(snapshot, width=120, max_rows=5))


names = st.text(max_size=60)
classes = st.sampled_from([*pb.ReplicaClass.values(), 99])
replicas = st.builds(build_replica, names, classes, st.none() | st.integers(0, 2**63))


@given(st.lists(replicas, max_size=12), st.integers(1, 200), st.integers(1, 20), st.booleans())
def test_whatever_a_scaler_says_can_be_drawn_within_the_width(
    found: list[pb.Replica], width: int, max_rows: int, ascii_only: bool
) -> None:
    drawn = draw(build_fleet(build_snapshot(*found), width=width, max_rows=max_rows, ascii_only=ascii_only), width)
    assert drawn


def test_fleets_share_the_height_of_the_terminal() -> None:
    board = Board("localhost:9090")
    for fleet in ("a/core", "b/core"):
        board.take(build_snapshot(*(build_replica(f"core-{ordinal}") for ordinal in range(99)), fleet=fleet))
    drawn = draw(build_board(board, width=100, height=40, ascii_only=False), 100)
    assert drawn.count("\n") <= 40
    assert drawn.count("more: ") == 2


def test_a_fleet_that_is_gone_says_so_and_leaves_after_a_while() -> None:
    board = Board("localhost:9090")
    gone = build_snapshot(at=1000)
    gone.gone = True
    board.take(gone)
    assert "No longer observed" in draw(build_board(board, width=100, height=40, ascii_only=False))
    board.take(build_snapshot(fleet="b/core", at=1000 + GONE_SECONDS + 1))
    assert list(board.fleets) == ["b/core"]


def test_an_outage_keeps_what_was_said_last_and_says_that_it_does() -> None:
    board = Board("localhost:9090")
    board.take(Connected())
    board.take(build_snapshot())
    board.take(Outage("The scaler was lost. Trying again."))
    drawn = draw(build_board(board, width=120, height=40, ascii_only=False))
    assert "The scaler was lost. Trying again. What follows is what it sent last." in drawn
    assert "stellar/core" in drawn
    board.take(Connected())
    assert board.remark() == "The scaler at localhost:9090 observes no fleets yet: KEDA has not asked for any."


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("", "core-1 core-2 core-3 core-10"),
        ("name", "core-1 core-2 core-3 core-10"),
        ("class", "core-3 core-2 core-10 core-1"),
        ("lag", "core-3 core-2 core-10 core-1"),
        ("rate", "core-3 core-10 core-1 core-2"),
        ("ledger", "core-3 core-2 core-10 core-1"),
    ],
)
def test_replicas_are_sorted_the_worst_or_unknown_first_and_equal_ones_by_name(sort: str, names: str) -> None:
    silent = build_replica("core-3", pb.REPLICA_CLASS_UNREACHABLE, None)
    silent.ClearField("rate")
    silent.ClearField("ledger")
    slow = build_replica("core-10", lag=2)
    slow.rate = 0.1
    replicas = [slow, silent, build_replica("core-1"), build_replica("core-2", pb.REPLICA_CLASS_LAGGING, 20)]
    shown, _ = choose_rows(replicas, 4, sort)
    assert " ".join(replica.name for replica in shown) == names
    few, rest = choose_rows(replicas, 3, sort or "lag")
    assert [replica.name for replica in (*few, *rest)] == [
        one.name for one in choose_rows(replicas, 9, sort or "lag")[0]
    ]


def test_a_sort_of_every_name_is_drawn() -> None:
    for sort in SORTS:
        board = Board("here", sort=sort)
        board.take(build_snapshot(build_replica("core-0"), build_replica("core-1")))
        assert "core-1" in draw(build_board(board, width=80, height=None, ascii_only=True))


def test_the_reason_is_followed_by_the_capacity_once_it_is_learned() -> None:
    snapshot = build_snapshot(build_replica("core-0"))
    assert "capacity" not in draw(build_fleet(snapshot, width=120, max_rows=5))
    snapshot.decision.learned_requests_per_replica = 1234.4
    assert "capacity 1,234 requests/s each" in draw(build_fleet(snapshot, width=120, max_rows=5))
