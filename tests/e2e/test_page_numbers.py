"""The live page in a real browser: what readers meet with, sizes over time, and what used to mislead."""

import asyncio
import re
from dataclasses import replace

import pytest
from playwright.async_api import expect

from readpool.replica_class import ReplicaClass
from scaler.fleet.request_figures import RequestFigures
from scaler.fleet.snapshot import FleetSnapshot, Replica
from scaler.policy.policy import Bounds, Decision
from tests.component.scripted_fleets import NOW, make_replica, make_snapshot, make_three_fresh
from tests.e2e.page_site import DESK, FRESH, LAGGING, PHONE, Site, browser, site

__all__ = ["browser", "site"]  # fixtures

pytestmark = pytest.mark.asyncio(loop_scope="module")

CATCHING_UP = ReplicaClass.CATCHING_UP


def read_from(replica: Replica, rate: float, failing: float = 0.0) -> Replica:
    """Read from a replica so often."""
    times = ((5.0, 0.8 * rate), (10.0, rate))
    return replace(replica, requests=RequestFigures(rate, rate, failing * rate, times))


def make_read(name: str = "stellar/readers") -> FleetSnapshot:
    """Make a fleet whose gates tell of readers."""
    replicas = [read_from(make_replica(f"readers-{i}", FRESH), 40.0 + i, 0.01) for i in range(3)]
    decision = Decision(3, "OnTarget", "3 wanted fresh.", replicas_for_load=2, learned_requests_per_replica=61.3)
    return make_snapshot(name, *replicas, decision=decision)


async def test_what_readers_meet_with_is_shown_of_the_fleet_and_of_each_replica(site: Site) -> None:
    await site.fleets.put(make_read())
    async with site.open() as page:
        fleet = page.locator("[data-fleet='stellar/readers']")
        await expect(fleet.locator(".fact-reads .fact-value")).to_have_text("123/s")
        await expect(fleet.locator(".fact-reads .fact-note")).to_have_text("7.5 ms p90, 1.0 % errors")
        await expect(fleet.locator(".fact-load .fact-value")).to_have_text("61/s")
        await expect(fleet.locator(".fact-load .fact-note")).to_have_text("a replica; 2 replicas for the load")
        cell = fleet.locator("tr[data-replica='readers-1'] .cell-reads")
        await expect(cell).to_have_text("41/s")
        await expect(cell).to_have_attribute("title", "7.5 ms p90, 1.0 % errors")
        await site.fleets.put(make_three_fresh("stellar/readers"))
        await expect(fleet.locator(".fact-reads .fact-note")).to_have_text("gates report none")
        await expect(fleet.locator("td.cell-reads").first).to_be_hidden()
        await expect(fleet.locator(".fact-load .fact-note")).to_have_text("not learned yet")


async def test_the_size_is_drawn_over_time_from_before_the_page_was_opened(site: Site) -> None:
    small = make_three_fresh("stellar/readers")
    for at, desired in ((NOW - 60.0, 3), (NOW - 30.0, 5), (NOW - 20.0, None)):
        await site.fleets.put(replace(small, at=at, decision=Decision(desired, "Reason", "A sentence.")))
        await asyncio.sleep(1.2)  # the record is written twice a second
    async with site.open() as page:
        fleet = page.locator("[data-fleet='stellar/readers']")
        await expect(fleet.locator(".size-line.is-desired")).to_have_attribute("d", _step(3, 5))
        await expect(fleet.locator(".size-chart desc")).to_have_text("Now 3 replicas, 3 fresh, size unchanged.")
        await site.fleets.put(replace(small, at=NOW, decision=Decision(4, "Reason", "A sentence.")))
        await expect(fleet.locator(".size-chart desc")).to_have_text("Now 3 replicas, 3 fresh, 4 desired.")
        await expect(fleet.locator(".size-word")).to_have_text(["3 there, fresh", "4 desired"])


def _step(*sizes: int) -> re.Pattern[str]:
    """Match a line that begins, and then changes its height as often as sizes differ."""
    return re.compile(rf"^M[\d.]+ [\d.]+H[\d.]+(V[\d.]+H[\d.]+){{{len(sizes) - 1}}}$")


async def test_a_replica_that_caught_up_was_never_lagging_in_the_chart(site: Site) -> None:
    others = [make_replica(f"core-{i}", FRESH) for i in range(2)]
    for at, its, lag in ((NOW - 9.0, CATCHING_UP, 9000), (NOW - 6.0, CATCHING_UP, 3000), (NOW - 3.0, FRESH, 1)):
        newcomer = make_replica("core-2", its, lag)
        await site.fleets.put(replace(make_snapshot("stellar/core", *others, newcomer), at=at))
        await asyncio.sleep(1.2)
    async with site.open() as page:
        lines = page.locator("path[data-replica='core-2']")
        await expect(lines).to_have_count(2)
        await expect(lines.first).to_have_class("line is-catchingUp")
        await expect(page.locator(".fact-lag .fact-value")).to_have_text("1")


async def test_a_newcomer_is_not_the_one_furthest_behind(site: Site) -> None:
    newcomer = make_replica("core-2", CATCHING_UP, 1062)
    await site.fleets.put(make_snapshot("stellar/core", make_replica("core-0", LAGGING, 40), newcomer))
    async with site.open() as page:
        await expect(page.locator(".fact-lag .fact-value")).to_have_text("40")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_a_box_of_many_replicas_says_how_many_more_there_are(site: Site, size: tuple[int, int]) -> None:
    replicas = [make_replica(f"core-{i}", FRESH) for i in range(40)]
    await site.fleets.put(make_snapshot("stellar/core", *replicas, bounds=Bounds(10, 40, 50)))
    async with site.open(size=size) as page:
        box, more = page.locator(".replicas-box"), page.locator(".more")
        await expect(box.locator("tbody tr")).to_have_count(40)
        if size is PHONE:
            await expect(more).to_be_hidden()  # the box is as long as its rows
            return
        await expect(more).to_have_text(re.compile(r"^\d+ more replicas below$"))
        await box.evaluate("box => { box.scrollTop = box.scrollHeight }")
        await expect(more).to_be_hidden()


async def test_a_reason_leads_to_the_page_that_explains_it(site: Site) -> None:
    await site.fleets.put(make_read())
    async with site.open() as page:
        reason = page.locator(".decision a.reason")
        await expect(reason).to_have_text("OnTarget")
        await expect(reason).to_have_attribute("href", re.compile(r"/docs/policy\.md$"))
        await expect(reason).to_have_attribute("rel", "noopener noreferrer")


@pytest.mark.parametrize("width", [1350, 1440, 1900, 2560])
async def test_a_table_beside_the_chart_is_never_cut(site: Site, width: int) -> None:
    await site.fleets.put(make_read())
    async with site.open(size=(width, 900)) as page:
        await expect(page.locator("td.cell-reads").first).to_have_text("40/s")
        beyond = "box => box.scrollWidth - box.clientWidth"
        assert await page.locator(".replicas-box").evaluate(beyond) == 0
