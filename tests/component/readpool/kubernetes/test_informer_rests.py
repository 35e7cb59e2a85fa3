"""An informer never asks without a pause: a round that brought nothing is a failure, whatever it was answered with."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.informer import FIRST_RETRY_SECONDS, Informer
from readpool.kubernetes.kinds import POD, Kind

SECONDS = 2.0
MOST = 8
"""Tries in that time, each pause at least half as long again as the last: 0.1, 0.2, 0.4, 0.8 s."""


Events = list[tuple[str, dict[str, Any]]]
Listed = tuple[list[Any], str]


class Server:
    """Answers each list with nothing and ends each watch at once."""

    def __init__(self) -> None:
        self.asked = 0

    async def list(self, _kind: Kind, _namespace: str | None, *, selector: str | None, fields: str | None) -> Listed:
        self.asked += 1
        assert (selector, fields) == (None, None)
        return [], "5"

    async def watch(
        self, _kind: Kind, _namespace: str | None, version: str, *, selector: str | None, fields: str | None
    ) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        self.asked += 1
        assert (selector, fields) == (None, None)
        await asyncio.sleep(0.001)
        for event in self.list_events(version):
            yield event

    def list_events(self, _version: str) -> Events:
        return []


class Expired(Server):
    def list_events(self, _version: str) -> Events:
        raise ApiError(410, "Expired", "too old resource version")


class Broken(Server):
    def list_events(self, _version: str) -> Events:
        raise ApiError(0, "ServerDisconnectedError", "")


class BookmarksAlone(Server):
    def list_events(self, version: str) -> Events:
        return [("BOOKMARK", {"metadata": {"resourceVersion": str(int(version) + 1)}})]


class SameAgain(Server):
    def list_events(self, version: str) -> Events:
        return [("MODIFIED", {"metadata": {"name": "one", "namespace": "n", "resourceVersion": version}})]


class ExpiredList(Server):
    async def list(self, _kind: Kind, _namespace: str | None, *, selector: str | None, fields: str | None) -> Listed:
        self.asked += 1
        raise ApiError(410, "Expired", f"continue token expired {selector} {fields}")


async def test_rounds_that_bring_nothing_come_ever_more_seldom() -> None:
    servers = [server() for server in (Server, Expired, Broken, BookmarksAlone, SameAgain, ExpiredList)]
    following = [asyncio.create_task(Informer(api, POD, None).run()) for api in servers]  # type: ignore[arg-type]
    await asyncio.sleep(SECONDS)
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    asked = {type(api).__name__: api.asked for api in servers}
    assert {name: count for name, count in asked.items() if not 2 <= count <= 2 * MOST} == {}, asked


class Fruitful(Server):
    """Each watch brings one change, and ends."""

    def list_events(self, version: str) -> Events:
        metadata = {"name": "one", "namespace": "n", "resourceVersion": str(int(version) + 1)}
        return [("MODIFIED", {"metadata": metadata})]


async def test_watches_that_bring_something_follow_each_other_at_once() -> None:
    api = Fruitful()
    informer = Informer(api, POD, None)  # type: ignore[arg-type]
    changes: asyncio.Queue[None] = asyncio.Queue()
    informer.on_change(lambda *_: changes.put_nowait(None))
    following = asyncio.create_task(informer.run())
    async with asyncio.timeout(10 * FIRST_RETRY_SECONDS):
        for _ in range(100):
            await changes.get()
    assert informer.lost_at is None
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_it_knows_since_when_it_is_lost_and_that_it_is_found_again() -> None:
    api: Server = Broken()
    informer = Informer(api, POD, None)  # type: ignore[arg-type]
    following = asyncio.create_task(informer.run())
    async with asyncio.timeout(30):
        while not is_lost(informer):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        informer._client = Held()  # type: ignore[assignment]
        while is_lost(informer):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert informer.failure is None
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


def is_lost(informer: Informer) -> bool:
    return informer.lost_at is not None


class Held(Server):
    """A server whose watches stay open."""

    async def watch(
        self, _kind: Kind, _namespace: str | None, version: str, *, selector: str | None, fields: str | None
    ) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        await asyncio.Event().wait()
        yield version, {"selector": selector, "fields": fields}
