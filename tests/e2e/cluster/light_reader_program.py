"""A Stellar RPC or a Horizon of one process on the standard library alone: recorded answers, with ledgers by the clock.

It runs inside a pod from a ConfigMap, beside the recordings. Nodes that are started alike agree on the ledger without a
word between them; one that finds a number in the file LAG is that many ledgers behind.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PORT = 8000
LAG = Path("/state/lag")
RPC, HORIZON = "rpc", "horizon"
RECORDINGS = ("rpc-batch-healthy", "rpc-batch-unhealthy", "fresh", "readers-lagging")
_FIRST_LEDGER = -1_700_000_000
"""With a ledger each second the number of the newest one is then small enough for any node to have."""
_UNHEALTHY_SECONDS = 30


def answer(kind: str, folder: Path, path: str, lag: int, now: float) -> tuple[int, Any]:
    """Answer a request of the scaler's: a status and what is written as JSON."""
    closed_at = int(now) - lag
    ledger = closed_at + _FIRST_LEDGER
    if kind == RPC:
        name = "rpc-batch-unhealthy" if lag > _UNHEALTHY_SECONDS else "rpc-batch-healthy"
        return 200, [_move_call(one, ledger, closed_at) for one in _read(folder, name)]
    if path == "/":
        told = {"ingest_latest_ledger": ledger, "history_latest_ledger": ledger, "core_latest_ledger": ledger}
        return 200, _read(folder, "fresh") | told | {"history_latest_ledger_closed_at": _format(closed_at)}
    if path.startswith("/ledgers"):
        body = _read(folder, "readers-lagging")
        body["_embedded"]["records"][0] |= {"sequence": ledger, "closed_at": _format(closed_at)}
        return 200, body
    if path.startswith("/offers"):
        return 200, {"_embedded": {"records": []}}
    return 404, {"type": "not_found", "status": 404}


def _move_call(call: dict[str, Any], ledger: int, closed_at: int) -> dict[str, Any]:
    """Move a recorded response of Stellar RPC to another ledger."""
    result = call.get("result") or {}
    moved: dict[str, Any] = {name: ledger for name in ("latestLedger", "sequence") if name in result}
    moved |= {name: str(closed_at) for name in ("latestLedgerCloseTime", "closeTime") if name in result}
    return call | {"result": result | moved} if result else call


def _read(folder: Path, name: str) -> Any:
    return json.loads((folder / f"{name}.json").read_bytes())["body"]


def _format(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def read_lag(path: Path = LAG) -> int:
    """Read how many ledgers the node is behind."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def serve(kind: str, folder: Path) -> None:
    """Serve until the process ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answer(kind, folder, self.path, read_lag(), time.time())
            written = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's
            del format, args  # a line for each poll would hide all else

    ThreadingHTTPServer(("", PORT), Handler).serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1], Path(__file__).parent)
