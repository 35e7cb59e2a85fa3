"""The live page in a real browser, against the real telemetry port: it lives, and says when it does not."""

import re
from dataclasses import replace

import pytest
from playwright.async_api import expect

from scaler.policy.policy import Decision
from scaler.standing.tip import Tip
from tests.component.scripted_fleets import NOW, TIP, make_snapshot, make_three_fresh
from tests.e2e.page_site import Site, browser, make_troubled, site

__all__ = ["browser", "site"]  # fixtures

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_what_changes_is_seen_without_a_reload(site: Site) -> None:
    await site.fleets.put(make_three_fresh())
    async with site.open() as page:
        await page.evaluate("window.isTheSamePage = true")
        fleet = page.locator("[data-fleet='stellar/core']")
        await expect(fleet.locator(".fact-tip .fact-value")).to_have_text("53,201,447")
        await expect(fleet.locator(".row-state")).to_have_text("All fresh")
        await site.fleets.put(replace(make_troubled(), tip=Tip(TIP + 1, NOW)))
        await expect(fleet.locator(".fact-tip .fact-value")).to_have_text("53,201,448")
        await expect(fleet.locator(".row-state")).to_have_text("Degraded")
        await expect(fleet.locator(".fact-size .fact-value")).to_have_text("6 → 5")
        await expect(fleet.locator(".decision")).to_contain_text("3 are wanted and 2 lack for good.")
        await expect(page).to_have_title("readpool · 1 fleet needs attention")
        assert await page.evaluate("window.isTheSamePage")


async def test_each_replica_has_its_class_in_a_word_and_a_shape_troubled_first(site: Site) -> None:
    await site.fleets.put(make_troubled())
    async with site.open() as page:
        rows = page.locator(".replicas tbody tr")
        await expect(rows).to_have_count(6)
        words = await page.locator(".cell-class .tag").all_text_contents()
        assert words == ["Unreachable", "Lagging", "Other network", "Catching up", "Not observed yet", "Fresh"]
        paths = page.locator(".cell-class .tag path")
        assert len(set(await paths.evaluate_all("paths => paths.map(path => path.getAttribute('d'))"))) == 6
        lagging = rows.nth(1)
        await expect(lagging.locator(".cell-ledger")).to_have_text("53,196,447")
        await expect(lagging.locator(".cell-lag")).to_have_text("5,000")
        await expect(lagging.locator(".cell-rate")).to_have_text("0.05/s")
        await expect(lagging.locator(".cell-fresh")).to_have_text("not catching up")
        await expect(rows.nth(3).locator(".cell-fresh")).to_have_text("95 s")
        await expect(rows.nth(0).locator(".cell-detail")).to_have_text("Timeout: no response within 4 s")


@pytest.mark.parametrize(
    ("tip", "note"),
    [
        pytest.param(Tip(TIP, NOW - 2), r"advanced \d s ago", id="moving"),
        pytest.param(Tip(TIP, NOW - 20, is_stalled=True), r"stalled for \d\d s", id="stalled"),
        pytest.param(Tip(TIP, NOW - 180, is_stalled=True, is_halted=True), r"halted for 3 min", id="halted"),
        pytest.param(None, r"unknown", id="unknown"),
    ],
)
async def test_the_tip_says_whether_it_moves(site: Site, tip: Tip | None, note: str) -> None:
    await site.fleets.put(replace(make_three_fresh(), tip=tip))
    async with site.open() as page:
        await expect(page.locator(".fact-tip .fact-note")).to_have_text(re.compile(note))


async def test_no_ground_to_decide_is_said_with_its_reason(site: Site) -> None:
    await site.fleets.put(make_snapshot("stellar/core", tip=None, decision=Decision(None, "NoReplicas", "None found.")))
    async with site.open() as page:
        await expect(page.locator(".row-state")).to_have_text("No data")
        await expect(page.locator(".decision code")).to_have_text("NoReplicas")
        await expect(page.locator(".fact-size .fact-note")).to_contain_text("size unchanged")
        await expect(page.locator(".none")).to_be_visible()


async def test_the_chart_shows_3_and_5000_ledgers_and_is_read_without_eyes_or_mouse(site: Site) -> None:
    await site.fleets.put(make_troubled())
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
    await site.fleets.put(make_troubled())
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
        await expect(page.locator("#stale")).to_contain_text(re.compile(r"Data as of \d\d:\d\d:\d\d"))
        assert "grayscale" in await page.locator(".fleets").evaluate("fleets => getComputedStyle(fleets).filter")
        await site.fleets.drop("b/core")
        await site.fleets.put(make_troubled("a/core"))
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
