"""A server that answers HTTP/1.1 requests by a function, on kept connections, and remembers what it was asked."""

import asyncio
from collections.abc import Callable

from scaler.probes.answer import HttpAnswer
from tests.component.hostile_servers import Handler, build_answer


class AnsweringServer:
    """Answers by `serve`: the path and the body of a request to status, body and headers.

    Attributes:
        asked: the path and body of each request, and when it came.
    """

    def __init__(self, serve: Callable[[str, bytes], HttpAnswer]) -> None:
        self.serve = serve
        self.asked: list[tuple[str, bytes, float]] = []

    @property
    def handler(self) -> Handler:
        """The server's side of one connection."""

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next((line for line in head.splitlines() if line.startswith("Content-Length: ")), ": 0")
                body = await reader.readexactly(int(length.partition(": ")[2]))
                path = head.split(" ", 2)[1]
                self.asked.append((path, body, asyncio.get_running_loop().time()))
                answer = self.serve(path, body)
                headers = [f"Date: {answer.date.decode()}"] if answer.date else []
                headers += [f"Retry-After: {answer.retry_after.decode()}"] if answer.retry_after else []
                writer.write(build_answer(answer.body, *headers, status=f"{answer.status} As Asked", version="1.1"))
                await writer.drain()

        return handle
