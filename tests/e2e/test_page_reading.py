"""The live page in a real browser: it reads well for anyone, on anything, whatever the nodes say."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.async_api import expect

from scaler.fleet.snapshot import FleetSnapshot
from scaler.policy.policy import Bounds, Decision
from tests.component.scripted_fleets import make_replica, make_snapshot, make_three_fresh
from tests.e2e.page_site import DESK, FRESH, HOSTILE, LAGGING, PHONE, Site, browser, make_troubled, site

__all__ = ["browser", "site"]  # fixtures

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
    await site.fleets.put(make_troubled(), make_three_fresh("b/core"))
    async with site.open(scheme=scheme) as page:
        await expect(page.locator(".replicas tbody tr")).to_have_count(9)
        assert await page.evaluate(_FIND_FAINT_TEXT) == []


@pytest.mark.parametrize("make", [make_troubled, make_three_fresh], ids=["troubled", "fresh"])
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
        await expect(page).to_have_title("readpool · 2 fleets need attention")


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
    many[700] = make_troubled("team-700/core")
    await site.fleets.put(*many)
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with site.open() as page:
        await expect(page.locator(".fleet")).to_have_count(1000, timeout=15_000)
        assert loop.time() - began < 15
        await expect(page.locator("#totals")).to_contain_text("1,000 fleets, 1 needs attention.")
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
        await site.fleets.put(make_troubled("team-4/core"))
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
