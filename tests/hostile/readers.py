"""Honest readers and watchers over HTTP/1.1, as clients of any kind are: they keep connections where they may."""

import asyncio

from devtools.envoy.gate_process import read_answer, read_status
from tests.hostile.part import Honest, UnansweredError

QUERY_PATH = "/getledgerentryraw"
HEALTH_PATH = "/healthz"
KUBELET = "127.0.0.9"
_OK = 200


class Client:
    """Asks over one connection, which it opens anew when it must, or each time where it `keeps` none.

    A kept connection that ends before a word of the answer is none's fault, and the request is sent again over a new
    one: HTTP clients do so.
    """

    def __init__(self, port: int, request: bytes, *, keeps: bool = True, source: str | None = None) -> None:
        self._port, self._request, self._keeps = port, request, keeps
        self._source = None if source is None else (source, 0)
        self._kept: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> None:
        """Ask once. Raises UnansweredError for any answer but 200, and for none."""
        kept, self._kept = self._kept, None
        if kept is not None and await self._ask_over(kept):
            return
        try:
            new = await asyncio.open_connection("127.0.0.1", self._port, local_addr=self._source)
        except OSError as error:
            raise UnansweredError(f"no connection: {type(error).__name__}") from error
        if not await self._ask_over(new):
            raise UnansweredError("a new connection was closed without a word")

    def close(self) -> None:
        """Close what is kept."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept[1].close()

    async def _ask_over(self, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> bool:
        """Ask over a connection; return False where it ended before a word of the answer."""
        reader, writer = streams
        is_kept = False
        try:
            writer.write(self._request)
            answer = await read_answer(reader)
            if read_status(answer) != _OK:
                raise UnansweredError(f"status {read_status(answer)}")
            is_kept = self._keeps and b"connection: close" not in answer.partition(b"\r\n\r\n")[0].lower()
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise UnansweredError("the answer broke off") from error
            return False
        except OSError:
            return False
        finally:
            if is_kept:
                self._kept = streams
            else:
                writer.close()
        return True


def be_honest(
    name: str, port: int, request: bytes, every_seconds: float, *, is_vital: bool = False, keeps: bool = True
) -> Honest:
    """Build somebody who asks this at a port, over one connection as long as it `keeps` them."""
    client = Client(port, request, keeps=keeps)
    return Honest(name, client.ask, every_seconds, is_vital=is_vital, close=client.close)


def be_kubelet(port: int, every_seconds: float, *, most_p99_ms: float | None = None) -> Honest:
    """Build the kubelet, which asks a telemetry port from the machine's own address whether the program is alive."""
    client = Client(port, write_get(HEALTH_PATH), keeps=False, source=KUBELET)
    return Honest(HEALTH_PATH, client.ask, every_seconds, is_vital=True, close=client.close, most_p99_ms=most_p99_ms)


def write_query(body: bytes) -> bytes:
    """Write a query that keeps its connection."""
    return b"POST %b HTTP/1.1\r\nHost: honest\r\nContent-Length: %d\r\n\r\n%b" % (QUERY_PATH.encode(), len(body), body)


def write_get(path: str) -> bytes:
    """Write a request as the kubelet and the scaler do, which ends its connection."""
    return f"GET {path} HTTP/1.1\r\nHost: honest\r\nConnection: close\r\n\r\n".encode()
