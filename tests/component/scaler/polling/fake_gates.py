"""Gates that count readers who are not there: each answers GET /stats/prometheus as Envoy does, on a real socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.component.hostile_servers import build_answer, run_node

_READ = 'envoy_http_conn_manager_prefix="read"'
_OTHER = 'envoy_http_conn_manager_prefix="info"'
_BOUNDS = ("0.5", "1", "5", "10", "25", "+Inf")


class FakeGate:
    """One gate.

    Attributes:
        url: where it answers.
        rate: requests a second that it counts; each is answered within 5 to 10 ms.
        failing: the share of them that fails.
        asked: the first line of each request that it was sent.
    """

    def __init__(self, rate: float, failing: float = 0.0) -> None:
        self.url = ""
        self.rate = rate
        self.failing = failing
        self.asked: list[str] = []
        self._started_at = asyncio.get_running_loop().time()

    @property
    def port(self) -> int:
        """The port that it answers at."""
        return int(self.url.rpartition(":")[2])

    def restart(self) -> None:
        """Count from 0 again."""
        self._started_at = asyncio.get_running_loop().time()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode().partition("\r\n")[0])
        writer.write(build_answer(self.tell().encode()))
        await writer.drain()

    def tell(self) -> str:
        """Report what was counted since the start."""
        count = int(self.rate * (asyncio.get_running_loop().time() - self._started_at))
        failed = int(count * self.failing)
        times = {bound: count if bound in _BOUNDS[3:] else 0 for bound in _BOUNDS}
        buckets = [f'envoy_http_downstream_rq_time_bucket{{{_READ},le="{le}"}} {n}' for le, n in times.items()]
        return "\n".join(
            [
                "# TYPE envoy_http_downstream_rq_total counter",
                f"envoy_http_downstream_rq_total{{{_OTHER}}} 123456",
                f"envoy_http_downstream_rq_total{{{_READ}}} {count}",
                f'envoy_http_downstream_rq_xx{{envoy_response_code_class="2",{_READ}}} {count - failed}',
                f'envoy_http_downstream_rq_xx{{envoy_response_code_class="5",{_READ}}} {failed}',
                *buckets,
                "",
            ]
        )


@contextlib.asynccontextmanager
async def run_gates(*rates: float, failing: float = 0.0) -> AsyncIterator[list[FakeGate]]:
    """Run gates, one a rate, for as long as the block runs."""
    gates = [FakeGate(rate, failing) for rate in rates]
    async with contextlib.AsyncExitStack() as stack:
        for gate in gates:
            gate.url = await stack.enter_async_context(run_node(gate.answer))
        yield gates
