"""A redirect leads nobody anywhere: the scaler's polls, its references of each kind, and the controller's archives."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from controller.archives.archive_fetch import ArchiveFetcher
from scaler.probes.kinds import ProbeKind
from tests.component.hostile_servers import answering, build_answer, run_node
from tests.component.scaler.polling.polling import build_spec, run_fleets, wait_until
from tests.component.scaler.polling.test_references import ask_once

STATUSES = ("300 Multiple Choices", "301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent")
Ask = Callable[[str], Awaitable[object]]


async def poll(url: str) -> None:
    async with run_fleets() as running:
        running.fleets.watch(build_spec(url))
        await wait_until(lambda: running.fleets.stats.polls)


def ask_as(kind: ProbeKind) -> Ask:
    return lambda url: ask_once(url, kind=kind)


WAYS: dict[str, Ask] = {
    "a node": poll,
    **{f"a reference, {kind}": ask_as(kind) for kind in ProbeKind},
    "an archive": ArchiveFetcher(allow_loopback=True).fetch,
}


@contextlib.asynccontextmanager
async def run_target() -> AsyncIterator[tuple[str, list[bytes]]]:
    """Run whom a redirect names; gives its URL and what it was asked."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(1000))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


@pytest.mark.parametrize("way", WAYS)
async def test_a_redirect_is_not_followed(way: str) -> None:
    async with run_target() as (target, asked):
        for status in STATUSES:
            for header in (
                f"Location: http://{target}/info",
                f"Location: //{target}/",
                f"Refresh: 0; url=http://{target}",
            ):
                async with run_node(answering(build_answer(b"{}", header, status=status))) as url:
                    await WAYS[way](url)
        assert asked == []
