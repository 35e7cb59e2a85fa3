"""What a node of each kind is asked. Beside the parsers of the answers; sent by whoever polls."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scaler.probes.kinds import ProbeKind

_GET_HEALTH = b'{"jsonrpc":"2.0","id":1,"method":"getHealth"}'
_PATHS = {
    ProbeKind.CORE: "/info",
    ProbeKind.RPC: "",
    ProbeKind.HORIZON: "/",
    ProbeKind.ARCHIVE: "/.well-known/stellar-history.json",
    ProbeKind.GATE: "/stats/prometheus",
}


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """One HTTP request; `body` is None for a GET."""

    method: str
    url: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def build_request(kind: ProbeKind, base_url: str) -> ProbeRequest:
    """Build what a node of this kind at `base_url` is asked."""
    url = base_url.rstrip("/") + _PATHS[kind]
    if kind is ProbeKind.RPC:
        return ProbeRequest("POST", url, _GET_HEALTH, {"Content-Type": "application/json"})
    return ProbeRequest("GET", url)
