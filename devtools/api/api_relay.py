"""A relay before a real API server: counts what is asked, and delays, refuses, cuts or holds it as a test wishes.

Everything that is not meddled with reaches the server, as its administrator or as the user whom `user` names.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import aiohttp
from aiohttp import web

from devtools.api.api_server import ApiServer
from devtools.api.rights import Right, read_rights
from readpool.kubernetes.errors import parse_error

FORBIDDEN = 403
_DROPPED = frozenset({"host", "transfer-encoding", "content-length", "connection", "authorization", "accept-encoding"})
Meddle = Callable[["Asked"], web.Response | None]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request; `is_write`: it may change something."""

    method: str
    path: str
    query: dict[str, str]

    @property
    def is_write(self) -> bool:
        return self.method != "GET"

    @property
    def is_watch(self) -> bool:
        return self.query.get("watch") == "true"

    @property
    def is_of_lease(self) -> bool:
        return "/leases" in self.path


@dataclass
class ApiRelay:
    """What a test sees and sets.

    Attributes:
        url: where the relay answers, in plain HTTP.
        asked: all requests so far, in order; `answered` those whose answer has come, with its status.
        forbidden: what was refused for want of a right.
        meddle: gives the answer to a request in the server's place, or None.
        delay_seconds: before each request but watches goes on.
        writes_left: so many writes go on, of others than the Lease; later ones are held for ever. None: all.
        held: set when a write is held.
        hold_watches: while it is not set, what watches bring waits.
    """

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answered: list[tuple[Asked, int]] = field(default_factory=list)
    forbidden: list[Asked] = field(default_factory=list)
    meddle: Meddle | None = None
    delay_seconds: float = 0.0
    writes_left: int | None = None
    held: asyncio.Event = field(default_factory=asyncio.Event)
    hold_watches: asyncio.Event | None = None
    user: str | None = None
    _streams: set[web.StreamResponse] = field(default_factory=set)

    @property
    def writes(self) -> list[Asked]:
        """All writes that were answered, also with a refusal, but those of Leases."""
        return [asked for asked, _ in self.answered if asked.is_write and not asked.is_of_lease]

    @property
    def rights(self) -> set[Right]:
        """All rights that were needed for what was answered."""
        return {
            right
            for asked, status in self.answered
            for right in read_rights(asked.method, asked.path, asked.query, status)
        }

    def cut_watches(self) -> None:
        """End the connections of all watches that are open."""
        for stream in tuple(self._streams):
            transport = stream._req.transport if stream._req is not None else None
            if transport is not None:
                transport.abort()

    async def hold_if_spent(self, asked: Asked) -> None:
        """Hold a write for ever once as many have gone on as may."""
        if self.writes_left is None or not asked.is_write or asked.is_of_lease:
            return
        if self.writes_left == 0:
            self.held.set()
            await asyncio.Event().wait()
        self.writes_left -= 1

    @contextlib.contextmanager
    def streaming(self, stream: web.StreamResponse) -> Iterator[None]:
        """Note a watch while it is open."""
        self._streams.add(stream)
        try:
            yield
        finally:
            self._streams.discard(stream)


def refuse(status: int, reason: str, **headers: str) -> web.Response:
    """Build an answer of an API server that refuses."""
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": reason,
        "code": status,
        "message": reason,
    }
    return web.json_response(body, status=status, headers=headers)


@contextlib.asynccontextmanager
async def run_relay(server: ApiServer, folder: Path) -> AsyncIterator[ApiRelay]:
    """Run a relay before `server` during the block; its kubeconfig is `folder`/relay.kubeconfig."""
    relay = ApiRelay()
    keys = server.certificates
    context = ssl.create_default_context(cafile=str(keys / "ca.crt"))
    context.load_cert_chain(keys / "admin.crt", keys / "admin.key")
    connector = aiohttp.TCPConnector(ssl=context, limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
        app = web.Application(client_max_size=16 * 2**20)
        app.router.add_route("*", "/{path:.*}", partial(_answer, relay, server.url, session))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        relay.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        write_plain_kubeconfig(folder / "relay.kubeconfig", relay.url)
        try:
            yield relay
        finally:
            await runner.cleanup()


def write_plain_kubeconfig(path: Path, url: str) -> None:
    """Write a kubeconfig for a server that authenticates no one."""
    path.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, users: [],"
        f"clusters: [{{name: c, cluster: {{server: '{url}'}}}}], contexts: [{{name: c, context: {{cluster: c}}}}]}}"
    )


async def _answer(
    relay: ApiRelay, url: str, session: aiohttp.ClientSession, request: web.Request
) -> web.StreamResponse:
    asked = Asked(request.method, request.path, dict(request.query))
    relay.asked.append(asked)
    if not asked.is_watch and relay.delay_seconds:
        await asyncio.sleep(relay.delay_seconds)
    answer = relay.meddle(asked) if relay.meddle is not None else None
    if answer is not None:
        relay.answered.append((asked, answer.status))
        return answer
    await relay.hold_if_spent(asked)
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _DROPPED}
    headers["Accept-Encoding"] = "identity"  # what is long comes packed otherwise, and goes on as it comes
    if relay.user is not None:
        headers["Impersonate-User"] = relay.user
    body = await request.read()
    try:
        async with session.request(
            request.method, f"{url}{request.path_qs}", headers=headers, data=body or None
        ) as found:
            relay.answered.append((asked, found.status))
            try:
                return await _pass_on(relay, asked, request, found)
            except asyncio.CancelledError:
                _abort(found)
                raise
    except aiohttp.ClientError:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=502)


def _abort(found: aiohttp.ClientResponse) -> None:
    """End a connection at once: a busy server would be waited for to close its side of TLS, beyond the test's loop."""
    if found.connection is not None and found.connection.transport is not None:
        found.connection.transport.abort()


async def _pass_on(
    relay: ApiRelay, asked: Asked, request: web.Request, found: aiohttp.ClientResponse
) -> web.StreamResponse:
    headers = {name: found.headers[name] for name in ("Content-Type", "Retry-After") if name in found.headers}
    if not asked.is_watch or found.status == FORBIDDEN:
        body = await found.read()
        # Nobody may make anything in a namespace that is being deleted, as those of other tests are.
        if found.status == FORBIDDEN and not parse_error(FORBIDDEN, body, None).is_of_ending_namespace:
            relay.forbidden.append(asked)
        return web.Response(status=found.status, body=body, headers=headers)
    stream = web.StreamResponse(status=found.status, headers=headers)
    await stream.prepare(request)
    with relay.streaming(stream), contextlib.suppress(ConnectionError):
        async for piece in found.content.iter_any():
            if relay.hold_watches is not None:
                await relay.hold_watches.wait()
            await stream.write(piece)
    return stream
