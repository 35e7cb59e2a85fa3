"""Stellar Core's answer to GET /info, as a NodeReport.

Source: stellar-core src/main/CommandHandler.cpp and ApplicationImpl.cpp (getJsonInfo), v22 to v27. What is needed to
class a node must be right; what only helps may be absent, as it is on young nodes.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from scaler.probes.fields import (
    MAX_LEDGER,
    clean,
    find_ledger,
    find_object,
    get_ledger,
    get_object,
    get_seconds,
    get_words,
    parse_object,
    show,
)
from scaler.probes.report import CatchUp, ClosedLedger, NodeReport, ProbeError

_SYNCED = "Synced!"
_TARGET = re.compile(r"Catching up to ledger (\d{1,10})(?!\d)")
_PERCENT = re.compile(r"\((\d{1,3})%")
_ETA = re.compile(r"ETA: (\d{1,7})s")
_MAX_STATUS_LINES = 16
_HASH = re.compile(r"[0-9a-f]{64}")
_LAST_PROTOCOL = 10_000
_LAST_TIME = 10**10 - 1
"""As many digits as a close time has until the year 2286."""


def parse_core(body: bytes) -> NodeReport:
    """Parse the answer to GET /info.

    Raises:
        ProbeError: when it is not one; Core reports its own errors with status 200 and {"exception": …}.
    """
    document = parse_object(body)
    if "exception" in document:
        raise ProbeError(f"the node reports an error: {show(document['exception'])}")
    info = get_object(document, "info")
    ledger = get_object(info, "ledger")
    num, state = get_ledger(ledger, "num"), get_words(info, "state")
    closed_at, age = get_seconds(ledger, "closeTime"), get_seconds(ledger, "age")
    started_on = _parse_time(info.get("startedOn"))
    is_synced = state == _SYNCED
    return NodeReport(
        ledger=num,
        is_synced=is_synced,
        state=state,
        network=get_words(info, "network"),
        heard_ledger=_find_heard_ledger(info),
        # Age is 0 on a node that has closed nothing yet: its close time says so, the age does not.
        age_seconds=age if closed_at else None,
        uptime_seconds=max(0.0, closed_at + age - started_on) if closed_at and started_on is not None else None,
        started_on=started_on,
        # The lines stay for a while once the node is in sync again.
        catch_up=None if is_synced else _find_catch_up(info),
        closed=_find_closed(ledger, num) if is_synced else None,
        protocol=_find_protocol(info.get("protocol_version")),
        ledger_protocol=_find_protocol(ledger.get("version")),
    )


def _find_protocol(told: object) -> int | None:
    """Return a protocol's number; 0 is a node that has closed no ledger yet, and anything else tells nothing."""
    is_one = isinstance(told, int) and not isinstance(told, bool) and 0 < told <= _LAST_PROTOCOL
    return told if is_one and isinstance(told, int) else None


def _find_closed(ledger: Mapping[str, Any], num: int) -> ClosedLedger | None:
    """Return the node's last ledger where it tells its hash and when it closed, as it should be written."""
    told, closed_at = ledger.get("hash"), ledger.get("closeTime")
    if not isinstance(told, str) or not _HASH.fullmatch(told):
        return None
    if not isinstance(closed_at, int) or isinstance(closed_at, bool) or not 0 < closed_at <= _LAST_TIME:
        return None
    return ClosedLedger(num, told, closed_at)


def _find_heard_ledger(info: Mapping[str, Any]) -> int | None:
    """Return what the node hears the network externalize: its quorum set speaks of the ledger before it."""
    heard = find_ledger(find_object(find_object(info, "quorum"), "qset"), "ledger")
    return None if heard is None else min(heard + 1, MAX_LEDGER)


def _parse_time(value: object) -> float | None:
    try:
        return datetime.fromisoformat(value).timestamp() if isinstance(value, str) and value.endswith("Z") else None
    except (ValueError, OverflowError):
        return None


def _find_catch_up(info: Mapping[str, Any]) -> CatchUp | None:
    """Return the first status line that speaks of catching up."""
    for line in _status_lines(info):
        target, percent, eta = _TARGET.search(line), _PERCENT.search(line), _ETA.search(line)
        if target or eta:
            return CatchUp(
                text=line,
                target_ledger=int(target[1]) if target and int(target[1]) <= MAX_LEDGER else None,
                percent_done=min(100, int(percent[1])) if percent else None,
                eta_seconds=float(eta[1]) if eta else None,
            )
    return None


def _status_lines(info: Mapping[str, Any]) -> Iterator[str]:
    lines = info.get("status")
    return (
        clean(line) for line in (lines if isinstance(lines, list) else [])[:_MAX_STATUS_LINES] if isinstance(line, str)
    )
