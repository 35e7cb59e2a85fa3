"""Reads server-sent events as a browser's EventSource does: by lines, comments left out."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp


class EventReader:
    """The events of one open stream, in order."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self) -> tuple[str, Any]:
        """Return the next event's name and data."""
        name, data = "message", []
        async with asyncio.timeout(30):
            while line := (await self.response.content.readline()).decode():
                field, _, value = line.rstrip("\n").partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    data.append(value)
                elif line == "\n" and data:
                    return name, json.loads("\n".join(data))
        raise EOFError

    async def until(self, wanted: str) -> Any:
        """Return the data of the next event of that name."""
        while True:
            name, data = await self.next()
            if name == wanted:
                return data


@asynccontextmanager
async def read_events(url: str) -> AsyncIterator[EventReader]:
    """Open a stream of events."""
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=timeout, read_bufsize=2**22) as session, session.get(url) as response:
        yield EventReader(response)
