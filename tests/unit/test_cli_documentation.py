"""docs/cli.md says what the commands do: their own help, every format's fields, every command."""

import re
from pathlib import Path

import pytest

from readpool.cli.__main__ import COMMANDS
from readpool.cli.clients.observer_client import Connected
from readpool.cli.fleets.board import Board, build_list
from readpool.cli.pools.explanation import explain_pool
from readpool.cli.pools.explanation_document import describe_explanation
from readpool.cli.reference import ELSEWHERE, build_help, find_marked, list_commands, write_help
from readpool.cli.terminal.output import API_VERSION, Output
from readpool.cli.validation.checked import Rules, build_report, check_text
from readpool.v1 import observer_pb2 as pb
from tests.unit.pool_statuses import FIVE, build_pool, build_pool_manifest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_page_has_the_help_of_every_command_as_it_is() -> None:
    assert list(find_marked(TEXT)) == list_commands()
    assert write_help(TEXT) == TEXT, "update it: python -m readpool.cli.reference docs/cli.md"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_at_the_top_has_every_command(name: str) -> None:
    assert re.search(rf"^\| .*`{name}`", TEXT, re.MULTILINE)


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - ELSEWHERE))
def test_no_line_of_help_is_wider_than_its_terminal(name: str) -> None:
    assert max(map(len, build_help(name).splitlines())) <= 100


def test_every_format_is_explained() -> None:
    assert [one for one in Output if f"`{one}`" not in TEXT] == []
    assert API_VERSION in TEXT


def find_row(kind: str) -> set[str]:
    (row,) = [line for line in TEXT.splitlines() if f"`{kind}`" in line]
    return set(re.findall(r"`([A-Za-z]+)(?:\[\])?`", row.split("|", 3)[3]))


def test_the_fields_of_a_fleet_list_are_those_of_the_page() -> None:
    board = Board("scaler:9090")
    board.take(Connected())
    board.take(pb.Snapshot(fleet="a/b", tip=pb.Tip(ledger=1), replicas=[pb.Replica(name="b-0")]))
    (fleet,) = build_list(board)["items"]
    assert find_row("FleetList") == {"scaler", "items", *fleet, *fleet["tip"]}
    (row,) = [line for line in TEXT.splitlines() if line.startswith("| | | `replicas[]`")]
    assert set(re.findall(r"`([A-Za-z]+)`", row)) == set(fleet["replicas"][0])


def test_the_fields_of_a_validation_report_are_those_of_the_page() -> None:
    checked, others = check_text("f", "text", Rules())
    document = build_report(checked, others)
    (item,) = document["items"]
    named = {*document, *item, *item["findings"][0]} - {"apiVersion", "kind"} | {"kind"}
    assert find_row("ValidationReport") == named


def test_the_fields_of_an_explanation_are_those_of_the_page() -> None:
    pool = build_pool(*FIVE)
    document = describe_explanation(
        build_pool_manifest(*FIVE), pool, explain_pool(pool, None), "", is_from_scaler=False
    )
    named = set(document) - {"apiVersion", "kind"} | set(document["steps"][0]) | {"namespace", "scaler", "status"}
    assert find_row("PoolExplanation") == named
