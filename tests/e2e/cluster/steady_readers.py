"""Readers that ask a pool at a steady rate, however long answers take, and what became of each request."""

import asyncio
import base64
import contextlib
import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx

from devtools.cluster.waiting import wait_for

EVERY_SECONDS = 0.05
ANSWER_SECONDS = 30.0
MOST_SECONDS_EACH = 1.0
KEPT_CONNECTIONS = 8
_ACCOUNT_KEY = bytes(8)
"""What a LedgerKey of an account begins with, in XDR: that it is one, and of which kind its public key is."""
_FORM = {"content-type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is over.

    Attributes:
        sent_at: when it was sent, by time.monotonic().
        seconds: how long it took.
        failure: what is wrong with its answer; "" is nothing.
        ledger: the one that it was answered at, 0 where it was not.
    """

    sent_at: float
    seconds: float
    failure: str
    ledger: int = 0

    @property
    def ended_at(self) -> float:
        """When its answer was there, by time.monotonic()."""
        return self.sent_at + self.seconds


@dataclass
class Asked:
    """What became of the requests, in the order of their ends; who changes `every_seconds` changes the rate."""

    every_seconds: float = EVERY_SECONDS
    requests: list[Request] = field(default_factory=list)

    def failed(self, since: float = 0.0) -> list[Request]:
        """List those that failed, of the ones sent since a moment of time.monotonic()."""
        return [one for one in self.requests if one.failure and one.sent_at >= since]

    def sent(self, since: float = 0.0) -> int:
        """Count those sent since a moment of time.monotonic()."""
        return sum(one.sent_at >= since for one in self.requests)

    def __str__(self) -> str:
        """Describe how many there were, and what was wrong with how many."""
        slowest = max((one.seconds for one in self.requests if not one.failure), default=0.0)
        wrong = dict(Counter(one.failure for one in self.failed()))
        return f"{len(self.failed())} of {len(self.requests)} failed, the slowest answer took {slowest:.2f} s {wrong}"


@contextlib.contextmanager
def keep_reading(
    address: str, every_seconds: float = EVERY_SECONDS, kept: int = KEPT_CONNECTIONS, entries: int = 1
) -> Iterator[Asked]:
    """Ask for so many entries at this rate during the block, from a thread of its own; at its end all is over.

    So many connections are `kept`; without, each request has one of its own, which is where kube-proxy chooses.
    """
    asked, is_over, body = Asked(every_seconds), threading.Event(), build_query(entries)
    thread = threading.Thread(target=lambda: asyncio.run(_read(address, is_over.is_set, asked, body, kept)))
    thread.start()
    try:
        yield asked
    finally:
        is_over.set()
        thread.join()


def read_times(address: str, times: int) -> Asked:
    """Ask so many times, in haste."""
    left = iter(range(times))
    asked = Asked(EVERY_SECONDS / 10)
    asyncio.run(_read(address, lambda: next(left, None) is None, asked, build_query(1)))
    return asked


def build_query(entries: int) -> bytes:
    """Build a query for so many accounts that are not there, each another one."""
    keys = (_ACCOUNT_KEY + hashlib.sha256(b"%d" % one).digest() for one in range(entries))
    return urlencode([("key", base64.b64encode(key).decode()) for key in keys]).encode()


def fail_on(requests: Sequence[Request], asked: Asked) -> None:
    """Fail a test where any of these requests is there."""
    assert not requests, f"{requests[:5]}; {asked}"


async def _read(
    address: str, is_over: Callable[[], bool], asked: Asked, body: bytes, kept: int = KEPT_CONNECTIONS
) -> None:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=kept)
    async with httpx.AsyncClient(timeout=ANSWER_SECONDS, limits=limits) as client, asyncio.TaskGroup() as group:
        while not is_over():
            group.create_task(_ask(client, address, asked, body))
            await asyncio.sleep(asked.every_seconds)


async def _ask(client: httpx.AsyncClient, address: str, asked: Asked, body: bytes) -> None:
    sent_at, failure, ledger = time.monotonic(), "", 0
    try:
        answer = await client.post(f"http://{address}/getledgerentryraw", content=body, headers=_FORM)
        ledger = int(answer.json()["ledgerSeq"]) if answer.status_code == httpx.codes.OK else 0
        if ledger <= 1:
            failure = f"{answer.status_code}: {answer.text[:200]}"
    except httpx.HTTPError as error:
        failure = repr(error)
    asked.requests.append(Request(sent_at, time.monotonic() - sent_at, failure, ledger))


def wait_for_requests(asked: Asked, count: int) -> None:
    """Wait until so many more requests are over."""
    before = asked.sent()
    wait_for(f"{count} requests", lambda: asked.sent() - before >= count, count * MOST_SECONDS_EACH)
