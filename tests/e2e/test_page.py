"""The live page in a real browser, against the real telemetry port: what a person sees at a desk and on a phone."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, Request, expect

from readpool.replica_class import ReplicaClass
from scaler.event_stream import StreamLimits
from scaler.policy import Bounds, Decision
from scaler.settings import HostPort
from scaler.snapshot import FleetSnapshot
from scaler.stats import ScalerStats
from scaler.telemetry import TelemetryServer, start_telemetry
from scaler.tip import Tip
from tests.component.scripted_fleets import NOW, TIP, ScriptedFleets, make_replica, make_snapshot, make_three_fresh
from tests.e2e.browser import open_browser

pytestmark = pytest.mark.asyncio(loop_scope="module")

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
        await expect(page.locator("body")).to_have_attribute("data-connection", "live")
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


def _make_troubled(name: str = "stellar/core") -> FleetSnapshot:
    replicas = (
        make_replica("core-0", FRESH, 3),
        make_replica("core-1", LAGGING, 5000, rate=0.05),
        make_replica("core-2", UNREACHABLE, 40, detail="Timeout: no answer within 4 s"),
        make_replica("core-3", ReplicaClass.CATCHING_UP, 900, seconds_to_fresh=95.0),
        make_replica("core-4", ReplicaClass.FOREIGN, None, detail="answers for another network"),
        make_replica("core-5", ReplicaClass.UNKNOWN, None),
    )
    decision = Decision(5, "ReplicasLack", "3 are wanted and 2 lack for good.", lacking=2)
    return make_snapshot(name, *replicas, decision=decision)


async def test_what_changes_is_seen_without_a_reload(site: Site) -> None:
    await site.fleets.put(make_three_fresh())
    async with site.open() as page:
        await page.evaluate("window.isTheSamePage = true")
        fleet = page.locator("[data-fleet='stellar/core']")
        await expect(fleet.locator(".fact-tip .fact-value")).to_have_text("53,201,447")
        await expect(fleet.locator(".row-state")).to_have_text("All fresh")
        await site.fleets.put(replace(_make_troubled(), tip=Tip(TIP + 1, NOW)))
        await expect(fleet.locator(".fact-tip .fact-value")).to_have_text("53,201,448")
        await expect(fleet.locator(".row-state")).to_have_text("Degraded")
        await expect(fleet.locator(".fact-size .fact-value")).to_have_text("6 → 5")
        await expect(fleet.locator(".decision")).to_contain_text("3 are wanted and 2 lack for good.")
        await expect(page).to_have_title("readpool · 1 fleet needs a look")
        assert await page.evaluate("window.isTheSamePage")


async def test_each_replica_has_its_class_in_a_word_and_a_shape_troubled_first(site: Site) -> None:
    await site.fleets.put(_make_troubled())
    async with site.open() as page:
        rows = page.locator(".replicas tbody tr")
        await expect(rows).to_have_count(6)
        words = await page.locator(".cell-class .tag").all_text_contents()
        assert words == ["Unreachable", "Lagging", "Other network", "Catching up", "Not yet seen", "Fresh"]
        paths = page.locator(".cell-class .tag path")
        assert len(set(await paths.evaluate_all("paths => paths.map(path => path.getAttribute('d'))"))) == 6
        lagging = rows.nth(1)
        await expect(lagging.locator(".cell-ledger")).to_have_text("53,196,447")
        await expect(lagging.locator(".cell-lag")).to_have_text("5,000")
        await expect(lagging.locator(".cell-rate")).to_have_text("0.05/s")
        await expect(lagging.locator(".cell-fresh")).to_have_text("not gaining")
        await expect(rows.nth(3).locator(".cell-fresh")).to_have_text("95 s")
        await expect(rows.nth(0).locator(".cell-detail")).to_have_text("Timeout: no answer within 4 s")


@pytest.mark.parametrize(
    ("tip", "note"),
    [
        pytest.param(Tip(TIP, NOW - 2), r"moved \d s ago", id="moving"),
        pytest.param(Tip(TIP, NOW - 20, is_stalled=True), r"has not moved for \d\d s", id="stalled"),
        pytest.param(Tip(TIP, NOW - 180, is_stalled=True, is_halted=True), r"halted: .* 3 min", id="halted"),
        pytest.param(None, r"not known yet", id="unknown"),
    ],
)
async def test_the_tip_says_whether_it_moves(site: Site, tip: Tip | None, note: str) -> None:
    await site.fleets.put(replace(make_three_fresh(), tip=tip))
    async with site.open() as page:
        await expect(page.locator(".fact-tip .fact-note")).to_have_text(re.compile(note))


async def test_no_ground_to_decide_is_said_with_its_reason(site: Site) -> None:
    await site.fleets.put(make_snapshot("stellar/core", tip=None, decision=Decision(None, "NoReplicas", "None found.")))
    async with site.open() as page:
        await expect(page.locator(".row-state")).to_have_text("No ground to decide")
        await expect(page.locator(".decision code")).to_have_text("NoReplicas")
        await expect(page.locator(".fact-size .fact-note")).to_contain_text("held as they are")
        await expect(page.locator(".none")).to_be_visible()


async def test_the_chart_shows_3_and_5000_ledgers_and_is_read_without_eyes_or_mouse(site: Site) -> None:
    await site.fleets.put(_make_troubled())
    async with site.open() as page:
        drawing = page.locator(".chart-drawing")
        await expect(drawing.locator("title")).to_have_text("Lag of 6 replicas of stellar/core")
        await expect(drawing.locator("desc")).to_contain_text("core-1, 5,000 ledgers")
        await expect(drawing.locator(".line[data-replica='core-1']")).to_have_count(1)
        heights = await drawing.locator(".label .leader").evaluate_all("all => all.map(one => one.getBBox().y)")
        assert len(heights) == 3
        await page.locator(".chart-box").focus()
        await page.keyboard.press("ArrowLeft")
        await expect(page.locator(".chart-tip")).to_contain_text("5,000")
        await page.keyboard.press("Escape")
        await expect(page.locator(".chart-tip")).to_be_hidden()


async def test_pointing_at_the_chart_shows_each_value_there(site: Site) -> None:
    await site.fleets.put(_make_troubled())
    async with site.open() as page:
        await expect(page.locator(".line[data-replica='core-1']")).to_have_count(1)
        box = await page.locator(".chart-box").bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
        await expect(page.locator(".chart-tip-row")).to_have_text(["core-15,000", "core-3900", "core-03"])


async def test_a_lost_connection_is_said_and_comes_back_by_itself(site: Site) -> None:
    site.may_lose_connection = True
    await site.fleets.put(make_three_fresh("a/core"), make_three_fresh("b/core"))
    async with site.open() as page:
        await expect(page.locator(".fleet")).to_have_count(2)
        await site.server.stop()
        await expect(page.locator("#connection-words")).to_have_text("Disconnected")
        await expect(page.locator("#stale")).to_contain_text(re.compile(r"What you see is from \d\d:\d\d:\d\d"))
        assert "grayscale" in await page.locator(".fleets").evaluate("fleets => getComputedStyle(fleets).filter")
        await site.fleets.drop("b/core")
        await site.fleets.put(_make_troubled("a/core"))
        await site.restart()
        await expect(page.locator("body")).to_have_attribute("data-connection", "live", timeout=20_000)
        await expect(page.locator("#stale")).to_be_hidden()
        await expect(page.locator(".fleet")).to_have_count(1)
        await expect(page.locator(".row-state")).to_have_text("Degraded")
        await expect(page.locator(".replicas tbody tr")).to_have_count(6)


async def test_a_connection_that_dies_without_a_word_is_noticed(site: Site) -> None:
    site.may_lose_connection = True
    await site.fleets.put(make_three_fresh())
    async with site.open() as page:
        await page.context.set_offline(offline=True)
        await site.server.stop()
        await expect(page.locator("body")).to_have_attribute("data-connection", "lost", timeout=10_000)


async def test_light_and_dark_follow_the_system_until_the_reader_says_otherwise(site: Site) -> None:
    brightness = "() => getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    await site.fleets.put(make_three_fresh())
    async with site.open(scheme="dark") as page:
        assert max(await page.evaluate(brightness)) < 40
        await page.locator("#theme").click()
        await expect(page.locator("#theme-word")).to_have_text("light")
        assert min(await page.evaluate(brightness)) > 220
        await page.reload()
        await expect(page.locator("#theme-word")).to_have_text("light")
        assert min(await page.evaluate(brightness)) > 220
    async with site.open(scheme="light") as page:
        assert min(await page.evaluate(brightness)) > 220


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_word_has_contrast_enough(site: Site, scheme: str) -> None:
    await site.fleets.put(_make_troubled(), make_three_fresh("b/core"))
    async with site.open(scheme=scheme) as page:
        await expect(page.locator(".replicas tbody tr")).to_have_count(9)
        assert await page.evaluate(_FIND_FAINT_TEXT) == []


@pytest.mark.parametrize("make", [_make_troubled, make_three_fresh], ids=["troubled", "fresh"])
async def test_a_phone_never_scrolls_sideways(site: Site, make: Callable[[str], FleetSnapshot]) -> None:
    long = "x" * 180
    endless = make_snapshot(
        f"{'very-long-namespace-' * 4}/{'core-' * 20}",
        make_replica(f"core-{'0' * 60}", LAGGING, 5000, detail=long),
        network=long,
        decision=Decision(None, "R" * 60, long),
    )
    await site.fleets.put(make("a/core"), endless)
    async with site.open(size=PHONE) as page:
        await expect(page.locator(".replicas")).to_have_count(2)
        await expect(page.locator(".replicas tbody tr").first).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") == PHONE[0]


@pytest.mark.parametrize("words", HOSTILE)
async def test_what_a_node_says_is_text_and_nothing_else(site: Site, words: str) -> None:
    replica = make_replica(words, LAGGING, 5000, detail=words)
    assert replica.standing.report is not None
    report = replace(replica.standing.report, state=words)
    replica = replace(replica, standing=replace(replica.standing, report=report), address=words)
    await site.fleets.put(
        make_snapshot("a/core", replica, network=words, decision=Decision(3, "Steady", words)),
        make_snapshot(f"b/{words}", replica),
    )
    async with site.open() as page:
        first = page.locator("[data-fleet='a/core']")
        await expect(first.locator("td.cell-replica")).to_have_text(words)
        await expect(first.locator("td.cell-detail")).to_have_text(words)
        await expect(first.locator(".network")).to_have_text(words)
        await expect(first.locator(".decision span")).to_have_text(words)
        await first.locator(".chart-box").focus()
        await page.keyboard.press("End")
        await expect(first.locator(".chart-tip bdi")).to_have_text(words)
        assert await page.locator("main img, main script, main [onload], main [onerror]").count() == 0
        await expect(page).to_have_title("readpool · 2 fleets need a look")


async def test_markup_could_not_be_made_even_if_the_page_tried(site: Site) -> None:
    site.may_lose_connection = True  # the refusal is an error on the console, as it should be
    async with site.open() as page:
        refused = "() => { try { document.body.innerHTML = '<b>'; return 'made' } catch (e) { return e.name } }"
        assert await page.evaluate(refused) == "TypeError"


async def test_no_fleets_yet_teaches_how_to_make_one(site: Site) -> None:
    async with site.open() as page:
        await expect(page.locator("#empty")).to_be_visible()
        await expect(page.locator("#example")).to_contain_text("kind: ScaledObject")
        await site.fleets.put(make_three_fresh())
        await expect(page.locator("#empty")).to_be_hidden()
        await expect(page.locator(".replicas tbody tr")).to_have_count(3)


async def test_a_fleet_that_is_dropped_leaves_the_page(site: Site) -> None:
    await site.fleets.put(make_three_fresh("a/core"), make_three_fresh("b/core"))
    async with site.open() as page:
        await expect(page.locator(".fleet")).to_have_count(2)
        await site.fleets.drop("a/core")
        await expect(page.locator(".fleet")).to_have_count(1)


async def test_a_link_can_show_one_fleet_only(site: Site) -> None:
    await site.fleets.put(*(make_three_fresh(f"team-{i}/core") for i in range(9)))
    async with site.open("?fleet=team-7/core") as page:
        await expect(page.locator(".fleet")).to_have_count(1)
        await expect(page.locator(".replicas tbody tr")).to_have_count(3)
        await page.get_by_role("link", name="Show all fleets").click()
        await expect(page.locator(".fleet")).to_have_count(9)


async def test_a_thousand_fleets_are_there_within_seconds_troubled_first(site: Site) -> None:
    many = [make_three_fresh(f"team-{i:03d}/core") for i in range(1000)]
    many[700] = _make_troubled("team-700/core")
    await site.fleets.put(*many)
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with site.open() as page:
        await expect(page.locator(".fleet")).to_have_count(1000, timeout=15_000)
        assert loop.time() - began < 15
        await expect(page.locator("#totals")).to_contain_text("1,000 fleets, 1 needs a look.")
        await expect(page.locator(".fleet").first).to_have_attribute("data-fleet", "team-700/core")
        assert await page.locator(".fleet.is-open").count() == 0
        await page.locator("#filter").fill("team-12")
        await expect(page.locator(".fleet")).to_have_count(10)
        await page.locator("#filter").fill("nothing like it")
        await expect(page.locator("#nothing")).to_be_visible()
        await page.locator("#clear").click()
        await page.locator(".chip", has_text="Degraded").click()
        await expect(page.locator(".fleet")).to_have_count(1)


async def test_a_closed_fleet_opens_by_keyboard_and_then_shows_its_replicas_live(site: Site) -> None:
    await site.fleets.put(*(make_three_fresh(f"team-{i}/core") for i in range(9)))
    async with site.open() as page:
        row = page.locator("[data-fleet='team-4/core'] .row")
        await expect(row).to_have_attribute("aria-expanded", "false")
        await row.focus()
        await page.keyboard.press("Enter")
        await expect(row).to_have_attribute("aria-expanded", "true")
        await expect(page.locator(".replicas tbody tr")).to_have_count(3)
        await site.fleets.put(_make_troubled("team-4/core"))
        await expect(page.locator(".replicas tbody tr")).to_have_count(6)
        await expect(row).to_be_focused()


async def test_two_hundred_replicas_in_one_fleet_stay_readable(site: Site) -> None:
    replicas = [make_replica(f"core-{i}", FRESH, i % 4) for i in range(200)]
    replicas[150] = make_replica("core-150", LAGGING, 5000)
    await site.fleets.put(make_snapshot("stellar/core", *replicas, bounds=Bounds(100, 200, 300)))
    async with site.open() as page:
        await expect(page.locator(".replicas tbody tr")).to_have_count(200)
        await expect(page.locator("td.cell-replica").first).to_have_text("core-150")
        await expect(page.locator(".label text")).to_have_text(["core-150", "199 fresh"])
        box = await page.locator(".fleet").bounding_box()
        assert box is not None
        assert box["height"] < 1.2 * DESK[1]


# Contrast by WCAG 2: 4.5 for text. The background is the nearest one that is opaque.
_FIND_FAINT_TEXT = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const read = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = read(getComputedStyle(e).backgroundColor);
      if (colour[3] === 255) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const texts = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
    const own = texts.map((node) => node.textContent).filter((text) => text.trim() !== "");
    if (own.length === 0 || !element.checkVisibility() || element.matches("title, desc")) continue;
    const style = getComputedStyle(element);
    const ink = read(element instanceof SVGElement ? style.fill : style.color).slice(0, 3);
    const [a, b] = [light(ink), light(ground(element))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) faint.push(`${own.join(" ").trim()}: ${contrast.toFixed(2)}`);
  }
  return faint;
}"""
