"""What history archives say they hold: the ends of checkpoints, and nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.archives.archive_reports import choose_archived_ledgers, parse_archived_ledger


def report(ledger: object) -> bytes:
    return json.dumps({"version": 1, "server": "stellar-core 23.0.0", "currentLedger": ledger}).encode()


@pytest.mark.parametrize("ledger", [63, 127, 55123455, 2**32 - 1])
def test_the_end_of_a_checkpoint_is_believed(ledger: int) -> None:
    assert parse_archived_ledger(report(ledger)) == ledger


@pytest.mark.parametrize(
    "body",
    [
        *(report(ledger) for ledger in (64, 0, -1, 2**32 + 63, 63.0, "63", None, True, [63])),
        b"",
        b"{}",
        b"[]",
        b"[" * 100_000,
        b"<html>",
        b"\xff\xfe",
    ],
)
def test_anything_else_is_no_answer(body: bytes) -> None:
    assert parse_archived_ledger(body) is None


@given(st.binary())
def test_any_bytes_at_all_are_an_answer_or_none(body: bytes) -> None:
    ledger = parse_archived_ledger(body)
    assert ledger is None or (ledger + 1) % 64 == 0


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([], None),
        ([None, None], None),
        ([127], (1, 127)),
        ([None, 127], (1, 127)),
        ([127, 127, 2**32 - 1], (1, 127)),
        ([63, 1023, 1023], (1, 1023)),
        ([959, 1023], (1, 959)),
    ],
)
def test_one_liar_among_several_moves_nothing(answers: list[int | None], expected: tuple[int, int] | None) -> None:
    assert choose_archived_ledgers(answers) == expected
