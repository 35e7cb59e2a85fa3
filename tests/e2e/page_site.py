"""The real telemetry port with a real browser before it, for the tests of the page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, Request, expect

from readpool.host_port import HostPort
from readpool.replica_class import ReplicaClass
from scaler.fleet.snapshot import FleetSnapshot
from scaler.policy.policy import Decision
from scaler.telemetry.event_stream import StreamLimits
from scaler.telemetry.stats import ScalerStats
from scaler.telemetry.telemetry import TelemetryServer, start_telemetry
from tests.component.scripted_fleets import NOW, ScriptedFleets, make_replica, make_snapshot
from tests.e2e.browser import open_browser

FRESH, LAGGING, UNREACHABLE = ReplicaClass.FRESH, ReplicaClass.LAGGING, ReplicaClass.UNREACHABLE
PHONE = (375, 812)
DESK = (1440, 900)
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "<script>document.title='owned'</script>",
    '"><svg onload=alert(1)>',
    "javascript:alert(1)",
    "{{7*7}}${7*7}",
)


@dataclass
class Site:
    """A telemetry port that a test can stop and start again, and what the browser did wrong meanwhile."""

    browser: Browser
    fleets: ScriptedFleets
    server: TelemetryServer
    errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    may_lose_connection: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}/"

    async def restart(self) -> None:
        self.server = await _start(self.fleets, self.server.port)

    @asynccontextmanager
    async def open(self, path: str = "", size: tuple[int, int] = DESK, scheme: str = "light") -> AsyncIterator[Page]:
        context = await self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
        )
        page = await context.new_page()
        page.on("console", self._note_message)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: self.errors.append(f"dialog: {dialog.message}"))
        page.on("request", self._note)
        await page.goto(self.url + path)
        await expect(page.locator("body")).to_have_attribute("data-connection", "live", timeout=30_000)
        yield page
        await context.close()

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _note(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:")):
            self.strangers.append(request.url)


async def _start(fleets: ScriptedFleets, port: int = 0) -> TelemetryServer:
    limits = StreamLimits(heartbeat_seconds=0.5)
    return await start_telemetry(
        HostPort("127.0.0.1", port),
        fleets,
        is_ready=lambda: True,
        stats=ScalerStats(),
        clock=lambda: NOW,
        limits=limits,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def site(browser: Browser) -> AsyncIterator[Site]:
    fleets = ScriptedFleets()
    opened = Site(browser, fleets, await _start(fleets))
    yield opened
    await opened.server.stop()
    assert opened.strangers == []
    assert opened.may_lose_connection or opened.errors == []


def make_troubled(name: str = "stellar/core") -> FleetSnapshot:
    replicas = (
        make_replica("core-0", FRESH, 3),
        make_replica("core-1", LAGGING, 5000, rate=0.05),
        make_replica("core-2", UNREACHABLE, 40, detail="Timeout: no response within 4 s"),
        make_replica("core-3", ReplicaClass.CATCHING_UP, 900, seconds_to_fresh=95.0),
        make_replica("core-4", ReplicaClass.FOREIGN, None, detail="answers for another network"),
        make_replica("core-5", ReplicaClass.UNKNOWN, None),
    )
    decision = Decision(5, "ReplicasLack", "3 are wanted and 2 lack for good.", unhealthy=2)
    return make_snapshot(name, *replicas, decision=decision)
