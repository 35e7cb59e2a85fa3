"""The rendering of `/info`, byte for byte, against an answer recorded from a real node and the shape of the others."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.simulator.core_info import (
    BUILD,
    CoreInfo,
    CoreState,
    HeardQuorum,
    LedgerInfo,
    render_exception,
    render_info,
    write_styled,
)

RECORDED = """\
{
   "info" : {
      "build" : "v22.4.1",
      "ledger" : {
         "age" : 0,
         "baseFee" : 100,
         "baseReserve" : 100000000,
         "closeTime" : 1795477169,
         "hash" : "2143acbb822e14e5577f14d1acd5a215fff000975ac451fb80c9b3daf67615be",
         "maxSorobanTxSetSize" : 1,
         "maxTxSetSize" : 100,
         "num" : 65,
         "version" : 22
      },
      "network" : "Private Autoscaler Test Network",
      "peers" : {
         "authenticated_count" : 1,
         "pending_count" : 0
      },
      "protocol_version" : 22,
      "quorum" : {
         "node" : "GBW5S",
         "qset" : {
            "agree" : 1,
            "cost" : 988,
            "delayed" : 0,
            "disagree" : 0,
            "fail_at" : 1,
            "hash" : "d05a3b",
            "lag_ms" : 3,
            "ledger" : 64,
            "missing" : 0,
            "phase" : "EXTERNALIZE"
         },
         "transitive" : {
            "critical" : null,
            "intersection" : true,
            "last_check_ledger" : 4,
            "node_count" : 2
         }
      },
      "startedOn" : "2026-11-23T23:35:14Z",
      "state" : "Synced!",
      "status" : [
         "Catching up to ledger 63: Applying buffered ledgers: apply ledger 65"
      ]
   }
}
"""
LEDGER = LedgerInfo(
    num=65,
    hash="2143acbb822e14e5577f14d1acd5a215fff000975ac451fb80c9b3daf67615be",
    close_time=1795477169,
    version=22,
    age=0,
    max_soroban_tx_set_size=1,
)
INFO = CoreInfo(
    state=CoreState.SYNCED,
    network="Private Autoscaler Test Network",
    started_on=datetime(2026, 11, 23, 23, 35, 14, tzinfo=UTC).timestamp() + 0.7,
    node_id="GBW5S",
    ledger=LEDGER,
    authenticated_peers=1,
    heard=HeardQuorum(64, 3),
    last_check_ledger=4,
    status=("Catching up to ledger 63: Applying buffered ledgers: apply ledger 65",),
)


def test_a_recorded_answer_is_rendered_byte_for_byte() -> None:
    assert render_info(INFO).decode() == RECORDED


def test_what_a_young_node_does_not_know_is_absent() -> None:
    young = CoreInfo(CoreState.JOINING, "net", 0.0, "GABCD", LedgerInfo(1, "aa", 0, 0, 0))
    info = json.loads(render_info(young))["info"]
    assert info["quorum"] == {"node": "GABCD", "qset": {"cost": 0, "lag_ms": None}}
    assert "maxSorobanTxSetSize" not in info["ledger"]
    assert "status" not in info
    assert info["build"] == BUILD


@pytest.mark.parametrize(
    ("line", "is_on_one_line"),
    [
        pytest.param("Catching up to ledger 575: Succeeded: catchup-seq", True, id="short"),
        pytest.param("Publishing 1 queued checkpoints [63-63]: Waiting: resolve-snapshot", True, id="recorded at 72"),
        pytest.param(
            "Catching up to ledger 63: Applying buffered ledgers: apply ledger 65", False, id="recorded at 74"
        ),
    ],
)
def test_a_list_wraps_where_cores_writer_wraps_it(line: str, is_on_one_line: bool) -> None:
    assert (f'[ "{line}" ]' in write_styled({"status": [line]}).decode()) is is_on_one_line


def test_an_empty_list_and_null_are_written_as_they_are() -> None:
    assert write_styled({"bans": None, "all": []}) == b'{\n   "all" : [],\n   "bans" : null\n}\n'


def test_a_commands_error_is_json_of_its_own() -> None:
    assert render_exception('say "why"') == b'{"exception": "say \\"why\\""}'


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_whatever_is_written_reads_back_the_same(value: object) -> None:
    assert json.loads(write_styled(value)) == value
