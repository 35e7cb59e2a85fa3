"""A light node: one process on the standard library alone that answers GET /info as Core does, its ledger by the clock.

It runs inside a pod from a ConfigMap; `serve` is the pod's command, `set` what a test runs beside it to make it
misbehave. Nodes that are started alike agree on the ledger without a word between them.
"""

import argparse
import json
import select
import signal
import socket
import sys
import time
from types import FrameType

INFO_PORT = 11626
CONTROL_PORT = 11627
FIRST_LEDGER = 50_000_000
_MAX_REQUEST_BYTES = 16 * 1024
_CLIENT_SECONDS = 2.0

Settings = dict[str, int | float | str | None]
KNOWN: Settings = {
    "ledger_seconds": 1.0,  # one ledger closes in this time
    "network": "Light Test Network ; 2026",
    "warm_up_seconds": 0.0,  # how long it says Catching up after its start
    "behind_numbers": 0,  # its network counts so many fewer ledgers: one that was reset
    "lag_ledgers": 0,  # behind the network, at its pace; negative: it claims to be ahead
    "frozen_at": None,  # Unix time at which its clock stands still, as in a halted network
}
"""What can be set, at the start by a flag and later by `set`, and the default of each."""


def compute_info(settings: Settings, started_at: float, now: float) -> dict[str, object]:
    """Compute what the node says at a Unix time, in the fields that Core has and a scaler may read."""
    pace = float(settings["ledger_seconds"] or 1.0)
    frozen_at = settings["frozen_at"]
    seen = now if frozen_at is None else min(now, float(frozen_at))
    tip = FIRST_LEDGER + int(seen / pace) - int(settings["behind_numbers"] or 0)
    lag = int(settings["lag_ledgers"] or 0)
    closed_at = int(seen // pace * pace - max(0, lag) * pace)
    is_warm = now - started_at >= float(settings["warm_up_seconds"] or 0.0)
    info: dict[str, object] = {
        "build": "v22.4.1-light",
        "ledger": {"age": max(0, int(now) - closed_at), "closeTime": closed_at, "num": tip - lag, "version": 22},
        "network": settings["network"],
        "peers": {"authenticated_count": 2, "pending_count": 0},
        "protocol_version": 22,
        "quorum": {"node": "GLIGH", "qset": {"ledger": tip - 1, "phase": "EXTERNALIZE"}},
        "startedOn": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started_at)),
        "state": "Synced!" if is_warm else "Catching up",
    }
    if not is_warm:
        info["ledger"] = {"age": 0, "closeTime": 0, "num": 1, "version": 0}
        info["status"] = [f"Catching up to ledger {tip}: Download & apply checkpoints: (11% done)"]
    return info


def answer(request: bytes, settings: Settings, started_at: float) -> bytes:
    """Answer one HTTP request: /info, or 404 as Core says it."""
    path = request.split(b" ", 2)[1:2]
    if path[:1] and path[0].partition(b"?")[0] == b"/info":
        body = json.dumps({"info": compute_info(settings, started_at, time.time())}, indent=3).encode()
        return _build_answer(b"200 OK", b"application/json", body)
    return _build_answer(b"404 Not Found", b"text/html", b"<b>Welcome to stellar-core!</b>")


def change(words: bytes, settings: Settings) -> bytes:
    """Apply a JSON object of settings; answer with all of them, or with `error: ` and what is wrong."""
    try:
        wanted = json.loads(words)
        unknown = sorted(set(wanted) - set(KNOWN))
    except (ValueError, TypeError) as error:
        return f"error: {error}".encode()
    if unknown:
        return f"error: {', '.join(unknown)} not among {', '.join(KNOWN)}".encode()
    settings.update(wanted)
    return json.dumps(settings).encode()


def serve(host: str, info_port: int, control_port: int, settings: Settings) -> None:
    """Serve both ports until SIGTERM: /info for everybody, the control port on loopback alone."""
    signal.signal(signal.SIGTERM, _end)  # as the first process of a pod it would ignore it otherwise
    started_at = time.time()
    with socket.create_server((host, info_port)) as info, socket.create_server(("127.0.0.1", control_port)) as control:
        print(json.dumps({"info": info.getsockname()[1], "control": control.getsockname()[1]}), flush=True)  # noqa: T201  # for whoever chose port 0
        while True:
            for ready in select.select([info, control], [], [])[0]:
                client, _ = ready.accept()
                with client:
                    _serve_one(client, settings, started_at, is_control=ready is control)


def send_change(port: int, values: Settings) -> Settings:
    """Send settings to the control port of the node in this pod, and return all that hold then.

    Raises:
        ValueError: when the node refuses them.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=_CLIENT_SECONDS) as client:
        client.sendall(json.dumps(values).encode())
        client.shutdown(socket.SHUT_WR)
        answered = b"".join(iter(lambda: client.recv(4096), b"")).decode()
    if answered.startswith("error: "):
        raise ValueError(answered)
    settings: Settings = json.loads(answered)
    return settings


def _serve_one(client: socket.socket, settings: Settings, started_at: float, *, is_control: bool) -> None:
    client.settimeout(_CLIENT_SECONDS)
    try:
        request = _read(client, b"" if is_control else b"\r\n\r\n")
        client.sendall(change(request, settings) if is_control else answer(request, settings, started_at))
    except OSError:
        return  # a client that goes away or dawdles has no claim to an answer


def _read(client: socket.socket, end: bytes) -> bytes:
    """Read up to `end`, or to the end of what is sent where that is empty."""
    request = b""
    while len(request) < _MAX_REQUEST_BYTES and not (end and end in request):
        chunk = client.recv(4096)
        if not chunk:
            break
        request += chunk
    return request


def _build_answer(status: bytes, content_type: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.0 %b\r\nContent-Length: %d\r\nContent-Type: %b\r\n\r\n"
    return head % (status, len(body), content_type) + body


def _end(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _parse_setting(text: str) -> tuple[str, int | float | str | None]:
    """Parse NAME=VALUE, with the value in JSON or else as plain words."""
    name, _, value = text.partition("=")
    if name not in KNOWN:
        raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(KNOWN)}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def main() -> None:
    """Serve, or set values of the node that serves beside this process."""
    parser = argparse.ArgumentParser(description="A node that answers GET /info as Stellar Core does.")
    parser.add_argument("command", choices=["serve", "set"])
    parser.add_argument("settings", nargs="*", type=_parse_setting, metavar="NAME=VALUE")
    parser.add_argument("--host", default="0.0.0.0")  # noqa: S104 - all of a pod's addresses
    parser.add_argument("--info-port", type=int, default=INFO_PORT)
    parser.add_argument("--control-port", type=int, default=CONTROL_PORT)
    flags = parser.parse_args()
    values: Settings = dict(flags.settings)
    if flags.command == "serve":
        serve(flags.host, flags.info_port, flags.control_port, {**KNOWN, **values})
    else:
        print(json.dumps(send_change(flags.control_port, values)))  # noqa: T201  # the answer to whoever set it


if __name__ == "__main__":
    main()
