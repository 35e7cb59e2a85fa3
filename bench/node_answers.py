"""What the stand-in nodes of the benchmarks answer, by kind: as large as what the real ones send."""

import json
from datetime import UTC, datetime
from email.utils import formatdate

from scaler.probes.kinds import ProbeKind

_NETWORK = "Public Global Stellar Network ; September 2015"
_FIRST_LEDGER = 50_000_000
_LEDGER_SECONDS = 5.0
_LINKS = {
    f"resource_{number}": {
        "href": f"https://horizon.example/resources_{number}{{?cursor,limit,order}}",
        "templated": True,
    }
    for number in range(32)
}
"""As many bytes of links as a Horizon's root has, about 3.5 KB."""


def build_answer(kind: ProbeKind, path: bytes, now: float) -> tuple[bytes, str]:
    """Build the body, and a header that goes with it, of a node in step at a Unix time in seconds."""
    ledger, age = divmod(now, _LEDGER_SECONDS)
    number, closed_at = _FIRST_LEDGER + int(ledger) % 10_000_000, int(now - age)
    date = f"Date: {formatdate(now, usegmt=True)}"
    if kind is ProbeKind.RPC:
        return _build_batch(number, closed_at), date
    return (_build_root(number, closed_at) if path == b"/" else _build_records(number)), date


def _build_batch(number: int, closed_at: int) -> bytes:
    ages = {
        "latestLedger": number,
        "latestLedgerCloseTime": str(closed_at),
        "oldestLedger": 2,
        "oldestLedgerCloseTime": "1",
    }
    results: list[dict[str, object]] = [
        {"status": "healthy", **ages, "ledgerRetentionWindow": 120960},
        {"status": "NOT_FOUND", **ages, "txHash": "0" * 64, "applicationOrder": 0, "feeBump": False, "ledger": 0},
        {"passphrase": _NETWORK, "protocolVersion": 22},
    ]
    return json.dumps([{"jsonrpc": "2.0", "id": n, "result": each} for n, each in enumerate(results, 1)]).encode()


def _build_root(number: int, closed_at: int) -> bytes:
    root = {
        "_links": _LINKS,
        "horizon_version": "28.0.0",
        "core_version": "v22.4.1",
        "ingest_latest_ledger": number,
        "history_latest_ledger": number,
        "history_latest_ledger_closed_at": _format_time(closed_at),
        "history_elder_ledger": 2,
        "core_latest_ledger": number,
        "network_passphrase": _NETWORK,
        "current_protocol_version": 22,
    }
    return json.dumps(root, indent=2).encode()


def _build_records(number: int) -> bytes:
    record = {"_links": dict(list(_LINKS.items())[:8]), "sequence": number, "header_xdr": "A" * 700}
    return json.dumps({"_links": {}, "_embedded": {"records": [record]}}, indent=2).encode()


def _format_time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
