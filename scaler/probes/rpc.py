"""Stellar RPC's answers to getHealth, getTransaction and getNetwork, as one NodeReport.

Source: stellar-rpc cmd/stellar-rpc/internal/methods/{get_health,get_transaction,get_network}.go, v22 to v28. Once the
last ledger is 30 s old getHealth is an error without ledger, whatever the cause; getTransaction still has it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scaler.probes.fields import (
    clean,
    expect_object,
    find_words,
    get_ledger,
    get_object,
    get_words,
    parse_document,
    show,
)
from scaler.probes.report import NodeReport, ProbeError
from scaler.probes.requests import HEALTH, NETWORK, TRANSACTION

CALL_FAILED = "CallFailed"
"""Reason of a failure: a JSON-RPC error that speaks of the request, a quota or the method, and not of the node."""
_HEALTHY = "healthy"
_INTERNAL_ERROR = -32603
_SECONDS = re.compile(r"[0-9]{1,12}")
_IS_EMPTY = re.compile(r"data stores are not initialized")
_IS_LATE = re.compile(r"latency \(.*\) since last known ledger")
_NUMBERS = (HEALTH, TRANSACTION, NETWORK)


@dataclass(frozen=True, slots=True)
class RpcWords:
    """What a Stellar RPC answered to each call: a response each, None where there is none."""

    health: Mapping[str, Any] | None = None
    transaction: Mapping[str, Any] | None = None
    network: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Newest:
    """The newest ledger, and when it closed in Unix seconds, 0 where that is not told."""

    ledger: int
    closed_at: int


def parse_rpc(body: bytes, at: float | None = None) -> NodeReport:
    """Parse the answer to the batch, or to getHealth alone.

    `at` is when the server answered by its own clock, in Unix seconds; without it ages are not known.

    Raises:
        ProbeError: when it is neither; with reason CallFailed where the call failed and nothing is said of the node.
    """
    words = split_batch(body)
    return build_report(words or RpcWords(health=expect_object(parse_document(body), "the answer")), at)


def split_batch(body: bytes) -> RpcWords | None:
    """Split the answer to a batch by the calls' ids; None where it is no list, as of a server that takes no batches.

    Raises:
        ProbeError: when it is not JSON, or a list of something else.
    """
    document = parse_document(body)
    if not isinstance(document, list):
        return None
    responses: dict[int, Mapping[str, Any]] = {}
    for one in document:
        response = expect_object(one, "a response")
        number = response.get("id")
        if type(number) is not int or number not in _NUMBERS or number in responses:
            raise ProbeError(f"a response has the id {show(number)}, which is not that of one call")
        responses[number] = response
    return RpcWords(*(responses.get(number) for number in _NUMBERS))


def build_report(words: RpcWords, at: float | None) -> NodeReport:
    """Build the report from what was answered; the network and the close time may be missing.

    Raises:
        ProbeError: where getHealth was not answered by the node itself.
    """
    if words.health is None:
        raise ProbeError("getHealth has no response")
    network = _find_passphrase(words.network)
    error = words.health.get("error")
    if error is not None:
        return _build_unhealthy(expect_object(error, "error"), _find_newest(words.transaction), network, at)
    result = get_object(words.health, "result")
    state = get_words(result, "status")
    own, told = _Newest(get_ledger(result, "latestLedger"), _find_close_time(result)), _find_newest(words.transaction)
    newest = own if told is None or (told.ledger, told.closed_at) < (own.ledger, own.closed_at) else told
    return _build(newest, is_synced=state == _HEALTHY, state=state, network=network, at=at)


def _build_unhealthy(
    error: Mapping[str, Any], told: _Newest | None, network: str | None, at: float | None
) -> NodeReport:
    """Build the report of one that is unhealthy by its own word: its last ledger is old, or it has none."""
    message = get_words(error, "message")
    state = f"unhealthy: {message}"[:200]
    if _IS_EMPTY.search(message):
        return NodeReport(0, is_synced=False, state=state, network=network, tells_start=False, is_starting=True)
    is_late = _IS_LATE.search(message) is not None
    speaks_of_itself = is_late or error.get("code") == _INTERNAL_ERROR
    if told is not None and told.ledger and speaks_of_itself:
        return _build(told, is_synced=False, state=state, network=network, at=at)
    if is_late:
        return NodeReport(0, is_synced=False, state=state, network=network, tells_ledger=False, tells_start=False)
    raise ProbeError(f"getHealth failed: {clean(message)} (code {show(error.get('code'))})"[:250], CALL_FAILED)


def _build(newest: _Newest, *, is_synced: bool, state: str, network: str | None, at: float | None) -> NodeReport:
    return NodeReport(
        newest.ledger,
        is_synced=is_synced and newest.ledger > 0,
        state=state,
        network=network,
        age_seconds=max(0.0, at - newest.closed_at) if at is not None and newest.closed_at else None,
        tells_start=False,
    )


def _find_newest(response: Mapping[str, Any] | None) -> _Newest | None:
    """Find the newest ledger in a response to getTransaction; getLatestLedger calls it sequence."""
    result = _find_result(response)
    key = next((key for key in ("latestLedger", "sequence") if result is not None and key in result), None)
    return None if result is None or key is None else _Newest(get_ledger(result, key), _find_close_time(result))


def _find_result(response: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    result = None if response is None else response.get("result")
    return result if isinstance(result, dict) else None


def _find_passphrase(response: Mapping[str, Any] | None) -> str | None:
    result = _find_result(response)
    return None if result is None else find_words(result, "passphrase")


def _find_close_time(result: Mapping[str, Any]) -> int:
    """Find when the newest ledger closed, in Unix seconds (since v27.1 in getHealth); 0 where that is not told.

    They are text; a proxy that reads and writes JSON may have made them a number.
    """
    closed_at = result.get("latestLedgerCloseTime", result.get("closeTime"))
    told = str(closed_at) if isinstance(closed_at, str) or type(closed_at) is int else ""
    return int(told) if _SECONDS.fullmatch(told) else 0
