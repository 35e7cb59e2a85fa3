"""The dashboards as pictures: drawn from a real Prometheus over minutes in which a replica lags and reads fail.

The pages and pictures are left in artifacts/dashboards, for somebody to look at: that each panel has data is all that
a test can see. READPOOL_FULL_MINUTES says for how many minutes the installation runs.
"""

import asyncio
import json
import os
import time
from pathlib import Path

import pytest

from devtools.api.api_server import ApiServer
from devtools.monitoring.__main__ import CHART
from devtools.monitoring.preview.page import build_page
from devtools.monitoring.preview.questions import Questioner, Span
from tests.e2e.api.monitored_stage import MonitoredStage
from tests.e2e.api.test_prometheus import NO_DATA_HERE, scrape_monitored_stage
from tests.e2e.browser import open_browser
from tests.e2e.rendered_chart import Helm
from tests.prometheus_process import SCRAPE_SECONDS

MINUTES = float(os.environ.get("READPOOL_FULL_MINUTES", "5"))
FOLDER = Path(__file__).resolve().parents[3] / "artifacts" / "dashboards"
WIDTH = 1480

pytestmark = [pytest.mark.full, pytest.mark.timeout(900 + 60 * MINUTES)]


async def test_every_dashboard_can_be_drawn_and_looked_at(
    api_server: ApiServer, namespace: str, helm: Helm, tmp_path: Path
) -> None:
    async with scrape_monitored_stage(api_server, namespace, helm, tmp_path) as (stage, prometheus):
        began = time.time()
        await live(stage, 60 * MINUTES)
        asking = Questioner(f"http://127.0.0.1:{prometheus.port}", Span(began, time.time()), SCRAPE_SECONDS, {})
        pages = await asyncio.to_thread(draw, asking)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, page in pages.items():
        (FOLDER / f"{name}.html").write_text(page, encoding="utf-8")
    await take_pictures(pages)
    empty = {name: page.count("No data") + page.count("not known</b>") for name, page in pages.items()}
    assert empty == {"fleet": 0, "replica": 0, "routing": 0, "control-plane": len(NO_DATA_HERE)}


async def live(stage: MonitoredStage, seconds: float) -> None:
    """Wait a fifth of the time, make a replica lag, make reads fail as well, and end both."""
    fifth = seconds / 5
    await asyncio.sleep(fifth)
    stage.pools.nodes[0].lag = 40
    await asyncio.sleep(fifth)
    status, stage.query.status = stage.query.status, b"503 Busy"
    await asyncio.sleep(fifth / 2)
    stage.query.status = status
    await asyncio.sleep(fifth)
    stage.pools.nodes[0].lag = 0
    await asyncio.sleep(1.5 * fifth)


def draw(asking: Questioner) -> dict[str, str]:
    files = sorted((CHART / "dashboards").glob("*.json"))
    return {file.stem: build_page(json.loads(file.read_text(encoding="utf-8")), asking) for file in files}


async def take_pictures(pages: dict[str, str]) -> None:
    async with open_browser() as browser:
        for scheme in ("light", "dark"):
            context = await browser.new_context(color_scheme=scheme, viewport={"width": WIDTH, "height": 800})
            for name in pages:
                shown = await context.new_page()
                await shown.goto((FOLDER / f"{name}.html").as_uri())
                await shown.screenshot(path=FOLDER / f"{name}-{scheme}.png", full_page=True)
            await context.close()
