"""Stand-in nodes for the benchmarks: a child process that answers as Core, or another kind, on every loopback address.

It listens on 0.0.0.0, so http://127.1.2.3:PORT is a node of its own for each address. What a client costs is then
measured in the client's process alone.
"""

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import IO, cast

import uvloop

from bench.node_answers import build_answer
from scaler.probes.kinds import ProbeKind

_LEDGER_SECONDS = 5.0
_FIRST_LEDGER = 50_000_000


def build_info(now: float) -> bytes:
    """Build what a node in step with its network answers at a Unix time in seconds: about 870 bytes, as Core's own."""
    ledger, age = divmod(now, _LEDGER_SECONDS)
    number = _FIRST_LEDGER + int(ledger) % 10_000_000
    info = {
        "build": "stellar-core 22.4.1 (0d7b4345d2f6a7b2c3d5e8f9a0b1c2d3e4f5a6b7)",
        "history_failure_rate": "0",
        "ledger": {
            "age": int(age),
            "baseFee": 100,
            "baseReserve": 5_000_000,
            "closeTime": int(now - age),
            "flags": 0,
            "hash": "6b3f0b8d3c3a4f9fa7f2c8e3b1d4a5f60718293a4b5c6d7e8f90a1b2c3d4e5f6",
            "maxSorobanTxSetSize": 100,
            "maxTxSetSize": 1000,
            "num": number,
            "version": 22,
        },
        "network": "Public Global Stellar Network ; September 2015",
        "peers": {"authenticated_count": 21, "pending_count": 3},
        "protocol_version": 22,
        "quorum": {
            "node": "GDXQB3OMMQ6MGG43PWFBZWBFKBBDUZIVSUDAZZTRAWQZKES2CDSE5HKJ",
            "qset": {
                "agree": 21,
                "delayed": 0,
                "disagree": 0,
                "lag_ms": 52,
                "ledger": number - 1,
                "phase": "EXTERNALIZE",
            },
            "transitive": {"critical": None, "intersection": True, "last_check_ledger": number - 11, "node_count": 99},
        },
        "startedOn": "2026-01-01T00:00:00Z",
        "state": "Synced!",
    }
    return json.dumps({"info": info}, indent=3).encode()


class _Node(asyncio.Protocol):
    """One connection: answers each request that ends, and closes unless connections are kept."""

    keeps_open = False
    answers: dict[int, bytes] = {}  # noqa: RUF012 - one answer a second, shared by all connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        for _ in range(data.count(b"\r\n\r\n")):
            self._transport.write(self._answer())
        if not self.keeps_open:
            self._transport.close()

    def _answer(self) -> bytes:
        second = int(time.time())
        answer = self.answers.get(second)
        if answer is None:
            body = build_info(float(second))
            version = "1.1" if self.keeps_open else "1.0"
            head = f"HTTP/{version} 200 OK\r\nContent-Length: {len(body)}\r\nContent-Type: application/json\r\n\r\n"
            self.answers.clear()
            answer = self.answers[second] = head.encode() + body
        return answer


class _KeptNode(_Node):
    keeps_open = True


class _OtherNode(_KeptNode):
    """A Stellar RPC or a Horizon: one request at a time, whose path decides the answer."""

    kind = ProbeKind.RPC

    def data_received(self, data: bytes) -> None:
        path = data.split(b" ", 2)[1]
        body, header = build_answer(self.kind, path, float(int(time.time())))
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nContent-Type: application/json\r\n{header}\r\n\r\n"
        self._transport.write(head.encode() + body)


class _Horizon(_OtherNode):
    kind = ProbeKind.HORIZON


_OTHERS = {ProbeKind.RPC: _OtherNode, ProbeKind.HORIZON: _Horizon}


async def _serve(kind: ProbeKind, *, keeps_open: bool) -> None:
    loop = asyncio.get_running_loop()
    protocol = _OTHERS.get(kind) or (_KeptNode if keeps_open else _Node)
    server = await loop.create_server(protocol, "0.0.0.0", 0, backlog=4096)  # noqa: S104 - 127.0.0.0/8 is within
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def run_server(*, keeps_open: bool, kind: ProbeKind = ProbeKind.CORE) -> Iterator[int]:
    """Run a server in a child process for as long as the block runs, and yield its port.

    Other kinds than Core keep connections open, as the real ones do.
    """
    keeping = ["--keep-open"] if keeps_open else []
    command = [sys.executable, "-m", "bench.http_servers", "--kind", kind.value, *keeping]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:  # noqa: S603 - our own module
        try:
            yield int(cast("IO[str]", child.stdout).readline())
        finally:
            child.terminate()


def build_node_urls(count: int, port: int) -> tuple[str, ...]:
    """Build the URLs of distinct nodes: one loopback address each, all at one port."""
    return tuple(f"http://127.{1 + i // 62_500}.{i // 250 % 250}.{1 + i % 250}:{port}" for i in range(count))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep-open", action="store_true")
    parser.add_argument("--kind", type=ProbeKind, default=ProbeKind.CORE)
    asked = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_serve(asked.kind, keeps_open=asked.keep_open))
