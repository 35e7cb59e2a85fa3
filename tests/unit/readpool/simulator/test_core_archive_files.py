"""The files of a simulated archive: what is written is read again, and anything else is refused, never believed."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readpool.simulator.core.archive import (
    ArchiveFileError,
    ArchiveState,
    compress,
    find_checkpoint,
    format_headers,
    format_state,
    format_transactions,
    name_bucket,
    name_file,
    name_state,
    parse_headers,
    parse_state,
    parse_transactions,
)
from readpool.simulator.core.bucket_levels import EMPTY, LEVELS, Level
from readpool.simulator.core.errors import CoreFailure
from readpool.simulator.core.get_command import fill
from tests.core_archive import make_ledgers

NAMES = st.text("0123456789abcdef", min_size=64, max_size=64)
STATES = st.builds(
    ArchiveState,
    st.integers(0, 2**32 - 1),
    st.text(),
    st.lists(st.builds(Level, NAMES, NAMES), min_size=LEVELS, max_size=LEVELS).map(tuple),
    st.text(),
)
ANYTHING = st.one_of(
    st.binary(),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
        lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    ).map(lambda value: json.dumps(value).encode()),
)


@settings(max_examples=40)
@given(state=STATES)
def test_a_state_that_is_written_is_read_again(state: ArchiveState) -> None:
    assert parse_state(format_state(state).encode()) == state


def test_ledgers_that_are_written_are_read_again() -> None:
    ledgers = make_ledgers(9, (b"one", b"two"))
    assert parse_headers(format_headers(ledgers)) == [ledger.header for ledger in ledgers]
    expected = {ledger.header.num: ledger.transactions for ledger in ledgers}
    assert parse_transactions(format_transactions(ledgers)) == expected
    assert parse_transactions(format_transactions(make_ledgers(9))) == {}


READERS = [
    pytest.param(parse_state, id="state"),
    pytest.param(parse_headers, id="headers"),
    pytest.param(parse_transactions, id="transactions"),
]


@pytest.mark.parametrize("read", READERS)
@settings(max_examples=40)
@given(content=ANYTHING)
def test_whatever_a_file_holds_is_read_or_refused(read: Callable[[bytes], Any], content: bytes) -> None:
    for one in (content, compress(content)):
        try:
            read(one)
        except ArchiveFileError:
            continue


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"currentBuckets": [{"curr": "../../etc/passwd", "snap": EMPTY}] * LEVELS}, id="a-path"),
        pytest.param({"currentBuckets": [{"curr": EMPTY, "snap": EMPTY}]}, id="one-level"),
        pytest.param({"currentBuckets": [{"curr": EMPTY.upper() + "A", "snap": EMPTY}] * LEVELS}, id="too-long"),
        pytest.param({"currentLedger": 1e999}, id="no-number"),
        pytest.param({"networkPassphrase": None, "currentLedger": None}, id="nothing"),
    ],
)
def test_a_state_with_names_that_are_none_is_refused(change: dict[str, Any]) -> None:
    value = {**json.loads(format_state(ArchiveState(7, "Rec A"))), **change}
    with pytest.raises(ArchiveFileError):
        parse_state(json.dumps(value).encode())


def test_names_are_those_of_stellar_core() -> None:
    assert name_state(351) == "history/00/00/01/history-0000015f.json"
    assert name_file("ledger", 0x1020304) == "ledger/01/02/03/ledger-01020304.xdr.gz"
    assert name_bucket("2bab06" + "0" * 58) == f"bucket/2b/ab/06/bucket-2bab06{'0' * 58}.xdr.gz"


@given(ledger=st.integers(1, 2**32 - 65), frequency=st.sampled_from([8, 64]))
def test_a_checkpoint_ends_one_before_a_multiple_and_holds_its_ledger(ledger: int, frequency: int) -> None:
    checkpoint = find_checkpoint(ledger, frequency)
    assert (checkpoint + 1) % frequency == 0
    assert ledger <= checkpoint < ledger + frequency


@pytest.mark.parametrize(
    ("template", "line"),
    [
        pytest.param("curl -sf http://h/{0} -o {1}", "curl -sf http://h/A -o B", id="both"),
        pytest.param("cp x y", "cp x y", id="none"),
        pytest.param("{1} {0} {0}", "B A A", id="any-order"),
        pytest.param("awk {{x}} {0}", "awk {x} A", id="braces"),
    ],
)
def test_a_template_is_filled(template: str, line: str) -> None:
    assert fill(template, "A", "B") == line


@pytest.mark.parametrize("template", ["cp {0} {1", "cp {0} }", "cp {2}", "cp {name}", "cp {0.x}"])
def test_a_template_with_wrong_braces_aborts(template: str) -> None:
    with pytest.raises(CoreFailure) as failure:
        fill(template, "A", "B")
    assert failure.value.exit_code == 134
