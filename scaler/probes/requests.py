"""What a node of each kind is asked. Beside the parsers of the answers; sent by the poller."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from readpool.history_archives import STATE_PATH
from scaler.probes.kinds import ProbeKind

_PATHS = {
    ProbeKind.CORE: "/info",
    ProbeKind.RPC: "",
    ProbeKind.HORIZON: "/",
    ProbeKind.ARCHIVE: STATE_PATH,
    ProbeKind.GATE: "/stats/prometheus",
}
_JSON = {"Content-Type": "application/json"}
HEALTH, TRANSACTION, NETWORK = 1, 2, 3
"""The ids of the three calls to a Stellar RPC."""
_CALLS: Mapping[int, Mapping[str, object]] = {
    HEALTH: {"method": "getHealth"},
    # Of no transaction: it tells the newest ledger and its close time whatever the health, in 400 bytes.
    # getLatestLedger would bring along the whole ledger.
    TRANSACTION: {"method": "getTransaction", "params": {"hash": "0" * 64}},
    NETWORK: {"method": "getNetwork"},
}


@dataclass(frozen=True, slots=True, eq=False)
class ProbeRequest:
    """One HTTP request; `body` is None for a GET."""

    method: str
    url: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def build_request(kind: ProbeKind, base_url: str) -> ProbeRequest:
    """Build what a node of this kind at `base_url` is asked first."""
    url = base_url.rstrip("/") + _PATHS[kind]
    if kind is ProbeKind.RPC:
        calls = [_build_call(number) for number in _CALLS]
        return ProbeRequest("POST", url, json.dumps(calls, separators=(",", ":")).encode(), _JSON)
    return ProbeRequest("GET", url)


def build_call(base_url: str, number: int) -> ProbeRequest:
    """Build one of the three calls to a Stellar RPC by itself, for a server that takes no batches."""
    body = json.dumps(_build_call(number), separators=(",", ":")).encode()
    return ProbeRequest("POST", base_url.rstrip("/"), body, _JSON)


def build_readings(base_url: str) -> tuple[ProbeRequest, ...]:
    """Build what readers of a Horizon ask: the newest ledger, of its history, and an offer, of its state.

    Both are read from the database, and each is refused for reasons of its own.
    """
    base = base_url.rstrip("/")
    return tuple(ProbeRequest("GET", base + path) for path in ("/ledgers?limit=1&order=desc", "/offers?limit=1"))


def _build_call(number: int) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": number, **_CALLS[number]}
