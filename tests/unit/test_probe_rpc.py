"""Stellar RPC's answer to getHealth: healthy, unhealthy, and what is neither."""

import json

import pytest

from scaler.probes import parse_rpc
from scaler.probes.report import NodeReport, ProbeError

HEALTHY = {
    "jsonrpc": "2.0",
    "id": 1,
    "result": {
        "status": "healthy",
        "latestLedger": 2539605,
        "oldestLedger": 2418646,
        "ledgerRetentionWindow": 120960,
    },
}
"""As in the documentation of Stellar RPC's getHealth."""


def build(**result: object) -> bytes:
    return json.dumps({**HEALTHY, "result": {"status": "healthy", "latestLedger": 7, **result}}).encode()


def build_error(error: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}).encode()


def test_a_healthy_one_is_in_step_at_its_latest_ledger_and_says_no_network() -> None:
    report = parse_rpc(json.dumps(HEALTHY).encode())
    assert report == NodeReport(ledger=2539605, is_synced=True, state="healthy")


def test_a_status_other_than_healthy_is_not_in_step() -> None:
    assert parse_rpc(build(status="starting")) == NodeReport(ledger=7, is_synced=False, state="starting")


def test_an_unhealthy_one_is_there_and_tells_no_ledger() -> None:
    why = "latency (1m30s) since last known ledger closed is too high (>30s)"
    report = parse_rpc(build_error({"code": -32603, "message": why}))
    assert report == NodeReport(ledger=0, is_synced=False, state=f"unhealthy: {why}")


def test_the_reason_of_an_unhealthy_one_is_cut_and_cleared() -> None:
    state = parse_rpc(build_error({"message": "\x00\u2028" + "x" * 5000})).state
    assert (len(state), state.isprintable()) == (200, True)


def test_an_error_of_null_is_none() -> None:
    assert parse_rpc(json.dumps({**HEALTHY, "error": None}).encode()).is_synced


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not JSON"),
        (b"[]", "the answer is a list, not an object"),
        (b"{}", "result is missing"),
        (b'{"result": "healthy"}', "result is 'healthy', not an object"),
        (b'{"result": {}}', "status is missing"),
        (b'{"result": {"status": "healthy"}}', "latestLedger is missing"),
        (b'{"result": {"status": "healthy", "latestLedger": "7"}}', "latestLedger is '7'"),
        (b'{"result": {"status": "healthy", "latestLedger": -7}}', "latestLedger is -7"),
        (b'{"result": {"status": true, "latestLedger": 7}}', "status is True"),
        (b'{"error": "broken"}', "error is 'broken', not an object"),
        (b'{"error": {"code": 1}}', "message is missing"),
        (b'{"error": {"message": ["x"]}}', "message is a list"),
    ],
)
def test_what_is_no_answer_is_refused_with_the_field_that_is_wrong(body: bytes, message: str) -> None:
    with pytest.raises(ProbeError, match=message):
        parse_rpc(body)
