"""Stellar RPC's answer to getHealth: healthy, unhealthy, and what is neither."""

import json

import pytest

from scaler.probes import parse_rpc
from scaler.probes.report import NodeReport, ProbeError
from scaler.probes.rpc import CALL_FAILED

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
"""As in the documentation of Stellar RPC's getHealth; since v27.1 it has close times as well."""


def build(**result: object) -> bytes:
    return json.dumps({**HEALTHY, "result": {"status": "healthy", "latestLedger": 7, **result}}).encode()


def build_error(error: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}).encode()


def test_a_healthy_one_is_in_step_at_its_latest_ledger_and_says_no_network() -> None:
    report = parse_rpc(json.dumps(HEALTHY).encode())
    assert report == NodeReport(ledger=2539605, is_synced=True, state="healthy", tells_start=False)


def test_it_is_as_old_as_its_newest_ledger_by_the_servers_own_clock() -> None:
    closed = build(latestLedgerCloseTime="1796033974")
    assert parse_rpc(closed, 1796033980.0).age_seconds == 6.0
    assert parse_rpc(closed, 1796033970.0).age_seconds == 0.0
    assert parse_rpc(closed).age_seconds is None
    assert parse_rpc(build(latestLedgerCloseTime=1796033974), 1796033980.0).age_seconds == 6.0, "a proxy's number"


@pytest.mark.parametrize("odd", ["", "0", "soon", "-5", "9" * 40, 0, -5, 7.5, True, 10**40, None, [], {}])
def test_a_close_time_that_is_none_is_no_age(odd: object) -> None:
    assert parse_rpc(build(latestLedgerCloseTime=odd), 1796033980.0).age_seconds is None


def test_a_status_other_than_healthy_is_not_in_step() -> None:
    report = parse_rpc(build(status="starting"))
    assert report == NodeReport(ledger=7, is_synced=False, state="starting", tells_start=False)


def test_an_unhealthy_one_is_there_and_tells_no_ledger() -> None:
    why = "latency (1m30s) since last known ledger closed is too high (>30s)"
    report = parse_rpc(build_error({"code": -32603, "message": why}))
    state = f"unhealthy: {why}"
    assert report == NodeReport(ledger=0, is_synced=False, state=state, tells_ledger=False, tells_start=False)


@pytest.mark.parametrize(
    "error",
    [
        {"code": -32001, "message": "[-32001] request exceeded processing limit threshold"},
        {"code": -32003, "message": "request failed to process due to internal issue"},
        {"code": 0, "message": "rpc queue for getHealth surpassed queue limit of 1000 requests"},
        {"code": -32005, "message": "daily request count exceeded, request rate limited"},
        {"code": -32601, "message": "method not found"},
        {"code": -32603, "message": "upstream unavailable"},
        {"message": "forbidden"},
    ],
    ids=lambda error: str(error["message"]),
)
def test_an_error_of_request_quota_or_method_says_nothing_of_the_node(error: dict[str, object]) -> None:
    with pytest.raises(ProbeError) as caught:
        parse_rpc(build_error(error))
    assert caught.value.reason == CALL_FAILED
    assert str(error["message"]) in str(caught.value)


def test_an_empty_one_is_starting() -> None:
    report = parse_rpc(
        build_error({"code": -32603, "message": "[-32603] data stores are not initialized: DB is empty"})
    )
    assert (report.ledger, report.tells_ledger, report.is_starting, report.is_synced) == (0, True, True, False)


def test_the_reason_of_an_unhealthy_one_is_cut_and_cleared() -> None:
    state = parse_rpc(build_error({"message": "\x00\u2028 data stores are not initialized" + "x" * 5000})).state
    assert (len(state), state.isprintable()) == (200, True)


def test_an_error_of_null_is_none() -> None:
    assert parse_rpc(json.dumps({**HEALTHY, "error": None}).encode()).is_synced


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not JSON"),
        (b"[]", "getHealth has no response"),
        (b"7", "the answer is 7, not an object"),
        (b"[7]", "a response is 7, not an object"),
        (b'[{"id": 1}]', "result is missing"),
        (b'[{"id": "1", "result": {}}]', "a response has the id '1'"),
        (b'[{"id": 4, "result": {}}]', "a response has the id 4"),
        (b'[{"id": 1}, {"id": 1}]', "a response has the id 1"),
        (b'[{"id": 2, "result": {"latestLedger": 7}}]', "getHealth has no response"),
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
