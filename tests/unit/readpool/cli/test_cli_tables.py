"""Tables stay readable at any width, however much a node says: no column gives way to another's text."""

import io
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from readpool.cli.pools.pool_entries import read_entries
from readpool.cli.pools.pools_table import POOL_COLUMNS, Paper, build_pools
from readpool.cli.terminal.columns import GAP, choose_columns, fit_widths
from readpool.cli.terminal.fleet_table import COLUMNS, COLUMNS_WITHOUT_GATES, build_fleet
from readpool.v1 import observer_pb2 as pb
from tests.unit.pool_statuses import FIVE, build_condition, build_conditions, build_pool_manifest

WIDTHS = (60, 72, 80, 100, 113, 120, 132, 140, 160, 170, 171, 200, 240)
MUCH = "Catching up to ledger 61234567: downloading and verifying buckets: 12/17 (70%), then " + "applying " * 30


def draw(renderable: RenderableType, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get().splitlines()


def build_replica(name: str, replica_class: int, **known: Any) -> pb.Replica:
    replica = pb.Replica(name=name, detail=MUCH, state="Catching up", **known)
    setattr(replica, "class", replica_class)
    return replica


TALKATIVE = pb.Snapshot(
    fleet="stellar/core",
    lag_threshold=1000,
    replicas=[
        build_replica("core-0", pb.REPLICA_CLASS_FRESH, ledger=61_234_567, lag=0, rate=0.2),
        build_replica(
            "core-1", pb.REPLICA_CLASS_CATCHING_UP, ledger=61_232_000, lag=2567, rate=8, seconds_to_fresh=330
        ),
    ],
)


FIGURES = pb.RequestFigures(requests_per_second=12_345.6, latency_p90_ms=432.1, error_percent=0.05)


@pytest.mark.parametrize("ascii_only", [False, True], ids=["unicode", "ascii"])
@pytest.mark.parametrize("width", WIDTHS)
def test_figures_of_readers_are_whole_or_left_out(width: int, ascii_only: bool) -> None:
    snapshot = pb.Snapshot()
    snapshot.CopyFrom(TALKATIVE)
    for replica in snapshot.replicas:
        replica.requests.CopyFrom(FIGURES)
    drawn = draw(build_fleet(snapshot, width=width, max_rows=9, ascii_only=ascii_only), width)
    lines = [line for line in drawn if "core-" in line or "replica " in line]
    assert max(map(len, drawn)) <= width
    headings = [column.heading for column in choose_columns(COLUMNS, width)]
    for heading, cell, least in (("requests", "12,346/s", 80), ("p90", "432 ms", 100), ("errors", "0.05 %", 100)):
        assert (heading in headings) is (width >= least)
        assert [cell in line for line in lines[1:]] == [width >= least] * 2
        assert (heading in lines[0]) is (width >= least)


@pytest.mark.parametrize("ascii_only", [False, True], ids=["unicode", "ascii"])
@pytest.mark.parametrize("width", WIDTHS)
def test_what_a_node_says_takes_no_room_from_the_other_columns(width: int, ascii_only: bool) -> None:
    lines = draw(build_fleet(TALKATIVE, width=width, max_rows=9, ascii_only=ascii_only), width)
    heading, fresh, catching_up = lines[2:5]
    assert max(map(len, lines)) <= width
    for column in choose_columns(COLUMNS_WITHOUT_GATES, width):
        assert column.heading in heading
    assert "core-0" in fresh
    assert " fresh" in fresh
    assert "core-1" in catching_up
    assert "catching up" in catching_up
    assert "2,567" in catching_up
    if width >= 80:
        assert "8.00/s" in catching_up
        assert "6 min" in catching_up


@pytest.mark.parametrize("width", WIDTHS)
def test_a_long_reason_takes_no_room_from_the_other_columns_of_pools(width: int) -> None:
    stalled = build_condition("Stalled", "True", "AReasonThatSomebodyHasMadeVeryLongIndeed" * 3, "")
    manifest = build_pool_manifest(*FIVE, conditions=build_conditions(stalled))
    manifest["metadata"]["name"] = "readers-of-the-whole-history"
    lines = draw(
        build_pools(read_entries([manifest]), Paper(width, 0.0), with_namespace=True, with_replicas=False), width
    )
    assert max(map(len, lines)) <= width
    assert "5/5" in lines[1]
    for column in choose_columns(POOL_COLUMNS, width - 12):
        assert column.heading in lines[0]


@dataclass(frozen=True)
class Column:
    width: int
    position: int


needs = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 300)), min_size=1, max_size=12)


@given(needs, st.integers(1, 300))
def test_widths_fit_and_are_never_less_than_what_is_needed(drawn: list[tuple[int, int]], width: int) -> None:
    columns = [Column(least, position) for position, (least, _) in enumerate(drawn)]
    natural = {column.position: text for column, (_, text) in zip(columns, drawn, strict=True)}
    chosen = choose_columns(columns, width)
    texts = [natural[column.position] for column in chosen]
    widths = fit_widths(chosen, texts, columns, width)
    if len(chosen) > 1:
        assert sum(widths) + GAP * len(chosen) <= width
    for column, text, given_width in zip(chosen, texts, widths, strict=True):
        assert given_width <= max(1, text)
        assert given_width >= min(text, column.width, width)


def test_what_is_left_goes_to_the_most_telling_first() -> None:
    name, words = Column(5, 1), Column(5, 0)
    assert fit_widths([words, name], [100, 12], [name, words], 40) == [24, 12]


@pytest.mark.parametrize("replica_class", [pb.REPLICA_CLASS_UNREACHABLE, pb.REPLICA_CLASS_FOREIGN])
def test_a_replica_that_does_not_answer_has_no_lag_whatever_its_scaler_sends(replica_class: int) -> None:
    snapshot = pb.Snapshot(lag_threshold=10, replicas=[build_replica("core-0", replica_class, lag=0, ledger=99)])
    (_, row) = draw(build_fleet(snapshot, width=120, max_rows=3, ascii_only=True), 120)[2:4]
    assert "|" not in row
    assert row.split()[3:6] == ["99", "-", "-"]
