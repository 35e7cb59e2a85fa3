"""Horizon's answers to GET / and to a reader of its history, as one NodeReport.

Source: go-stellar-sdk protocols/horizon Root, v0.11 to v28; internal/httpx/middleware.go for when state is served.
GET / comes from memory, whatever the database does; what readers get is asked for as well.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from scaler.probes.answer import OK, TOO_MANY_REQUESTS, HttpAnswer, find_problem, find_problem_type, take_body
from scaler.probes.fields import find_ledger, find_object, find_words, get_ledger, parse_object
from scaler.probes.report import NodeReport, ProbeError

_STALE, _INGESTING = "stale_history", "still_ingesting"
_NOT_FOR_US = frozenset({401, 403, 404, 405})
"""A proxy that allows others only GET /."""
_CURRENT_SECONDS = 30.0
NO_ANSWER = HttpAnswer(0, b"")
"""What a waiting reader got."""


def parse_horizon(body: bytes, at: float | None = None) -> NodeReport:
    """Parse the answer to GET /.

    `at` is when the server answered by its own clock, in Unix seconds; without it the age is not known. Accounts,
    offers and paths are of ingest_latest_ledger and are served only while that is history_latest_ledger; the ledger is
    the lesser of the two.

    Raises:
        ProbeError: when it is not one.
    """
    root = parse_object(body)
    history = get_ledger(root, "history_latest_ledger")
    ingested = find_ledger(root, "ingest_latest_ledger")
    core = find_ledger(root, "core_latest_ledger")
    ledger = history if ingested is None else min(history, ingested)
    age = _find_age(root.get("history_latest_ledger_closed_at"), at) if ledger == history else None
    is_current = age is not None and age <= _CURRENT_SECONDS
    is_starting = core == 0 and not is_current
    return NodeReport(
        ledger,
        is_synced=ledger > 0 and not is_starting,
        state=_describe(history, ledger, is_starting=is_starting),
        network=find_words(root, "network_passphrase"),
        heard_ledger=core or None,
        age_seconds=age,
        tells_start=False,
        is_starting=is_starting,
    )


def parse_root(answer: HttpAnswer) -> NodeReport:
    """Parse the answer to GET / with its status and headers.

    One that refuses readers since its history is too old is there, and behind: no word on its ledger.

    Raises:
        ProbeError: when it is not one.
    """
    if answer.status != OK and find_problem_type(answer.body) == _STALE:
        return NodeReport(0, is_synced=False, state=find_problem(answer.body), tells_ledger=False, tells_start=False)
    return parse_horizon(take_body(answer), answer.at)


def judge_reading(report: NodeReport, answer: HttpAnswer) -> NodeReport:
    """Compare what a Horizon reports of itself with what a reader of its history got.

    Raises:
        ProbeError: when readers get an error, which is worth more than what it says of itself.
    """
    if answer.status in _NOT_FOR_US:
        return report
    if answer.status == OK:
        return _take_lesser(report, answer)
    if find_problem_type(answer.body) in (_STALE, _INGESTING):
        return replace(report, is_synced=False, state=f"readers get: {find_problem(answer.body)}"[:200])
    if answer.status == TOO_MANY_REQUESTS:
        take_body(answer)
    if not answer.status:
        raise ProbeError("readers got no response at the previous poll", "Timeout")
    words = find_problem(answer.body)
    raise ProbeError(f"readers get status {answer.status}{': ' if words else ''}{words}", "BadStatus")


def _take_lesser(report: NodeReport, answer: HttpAnswer) -> NodeReport:
    """Return the report with the newest ledger that a reader got, and its age, if Horizon reports a newer one."""
    records = find_object(parse_object(answer.body), "_embedded").get("records")
    first = records[0] if isinstance(records, list) and records else None
    if not isinstance(first, dict):
        return report
    newest = find_ledger(first, "sequence")
    if newest is None or newest >= report.ledger:
        return report
    return replace(report, ledger=newest, age_seconds=_find_age(first.get("closed_at"), answer.at))


def _describe(history: int, ledger: int, *, is_starting: bool) -> str:
    if is_starting:
        return "starting: its Core has not responded yet"
    if history == 0:
        return "nothing ingested"
    return f"state at {ledger}, history at {history}" if ledger < history else "ingested"


def _find_age(closed_at: Any, at: float | None) -> float | None:
    """Find how old a ledger is; while there is none its close time is in the year 1."""
    if at is None or not isinstance(closed_at, str) or not closed_at.endswith("Z") or closed_at.startswith("0001"):
        return None
    try:
        return max(0.0, at - datetime.fromisoformat(closed_at).timestamp())
    except (ValueError, OverflowError):
        return None
