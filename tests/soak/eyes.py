"""Readers at a steady rate and probes of each replica, as a process in the cluster's own network; it only notes.

Readers ask the routers' Service at its own address, as pods do, so that kube-proxy and what becomes of a router are
part of it. Standard input says, a JSON object a line, whom to probe where; each thing that is over is a JSON list on
standard output. At the end of the input no more is asked, and what is under way is waited for.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Mapping

import httpx

from tests.e2e.cluster.steady_readers import KEPT_CONNECTIONS, build_query
from tests.soak.truth import VALIDATOR

READ_EVERY_SECONDS = 0.05
PROBE_EVERY_SECONDS = 0.5
PROBE_SECONDS = 1.5
CONNECT_SECONDS, TRY_SECONDS = 1.5, 5.0
"""A reader waits so long for a connection and for an answer, then it asks again over another connection."""
READ_SECONDS = 30.0
"""For so long a reader asks again."""
AGAIN_SECONDS = 0.1
FORM = {"content-type": "application/x-www-form-urlencoded"}
BODY = build_query(1)
Targets = Mapping[str, tuple[str, int]]


class Eyes:
    """Asks, and notes what becomes of it."""

    def __init__(self, router: str, read_seconds: float = READ_SECONDS) -> None:
        self._url = f"http://{router}/getledgerentryraw"
        self._read_seconds = read_seconds
        self._targets: Targets = {}
        self._is_over = asyncio.Event()

    async def look(self) -> None:
        """Ask until the input ends."""
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=KEPT_CONNECTIONS)
        patience = httpx.Timeout(TRY_SECONDS, connect=CONNECT_SECONDS)
        once = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        async with (
            httpx.AsyncClient(timeout=patience, limits=limits) as kept,
            httpx.AsyncClient(timeout=patience, limits=once) as fresh,
            httpx.AsyncClient(timeout=PROBE_SECONDS, limits=once) as direct,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(self._heed())
            group.create_task(self._probe_all(direct))
            while not self._is_over.is_set():
                group.create_task(self._read(kept, fresh))
                await asyncio.sleep(READ_EVERY_SECONDS)

    async def _heed(self) -> None:
        """Heed whom to probe; at the end of the input all is over."""
        while line := await asyncio.to_thread(sys.stdin.readline):
            self._targets = {name: (str(host), int(port)) for name, (host, port) in json.loads(line).items()}
        self._is_over.set()

    async def _read(self, kept: httpx.AsyncClient, fresh: httpx.AsyncClient) -> None:
        """Read once: again where a try got no answer at all, over a connection of its own then."""
        sent_at, lost, failure, ledger, client = time.monotonic(), list[str](), "", 0, kept
        while True:
            try:
                failure, ledger = _judge(await client.post(self._url, content=BODY, headers=FORM))
                break
            except httpx.TransportError as error:
                lost.append(type(error).__name__)
            if time.monotonic() - sent_at > self._read_seconds:
                failure = f"no answer: {lost.pop()}"
                break
            client = fresh
            await asyncio.sleep(AGAIN_SECONDS)
        _note("read", sent_at, time.monotonic(), failure, lost, ledger)

    async def _probe_all(self, client: httpx.AsyncClient) -> None:
        """Probe each target, again and again, one question at a time each."""
        asking: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while not self._is_over.is_set():
                for name, (host, port) in self._targets.items():
                    if name not in asking or asking[name].done():
                        asking[name] = group.create_task(_probe(client, name, f"{host}:{port}"))
                await asyncio.sleep(PROBE_EVERY_SECONDS)


async def _probe(client: httpx.AsyncClient, name: str, address: str) -> None:
    began_at, ledger = time.monotonic(), 0
    with contextlib.suppress(httpx.TransportError, TimeoutError, ValueError, KeyError):
        async with asyncio.timeout(PROBE_SECONDS):
            if name == VALIDATOR:
                ledger = int((await client.get(f"http://{address}/info")).json()["info"]["ledger"]["num"])
            else:
                url = f"http://{address}/getledgerentryraw"
                _, ledger = _judge(await client.post(url, content=BODY, headers=FORM))
    _note("probe", name, began_at, time.monotonic(), ledger)


def _judge(answer: httpx.Response) -> tuple[str, int]:
    """Return what is wrong with an answer, "" for nothing, and at which ledger it is."""
    with contextlib.suppress(ValueError, KeyError):
        ledger = int(answer.json()["ledgerSeq"]) if answer.status_code == httpx.codes.OK else 0
        if ledger > 1:
            return "", ledger
    return f"{answer.status_code}: {answer.text[:80].strip()}", 0


def _note(*what: object) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(Eyes(sys.argv[1], *map(float, sys.argv[2:])).look())
