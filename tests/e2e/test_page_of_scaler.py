"""The page of the real scaler process, which polls real sockets: from a node's answer to a word on the screen."""

import asyncio
import re

import grpc
import pytest
from playwright.async_api import Page, expect

from readpool.keda.externalscaler_pb2 import ScaledObjectRef
from readpool.keda.externalscaler_pb2_grpc import ExternalScalerStub
from tests.component.core_nodes import run_core_nodes
from tests.component.scaler_process import run_scaler
from tests.e2e.browser import open_browser

SEEN_MILLISECONDS = 20_000


async def _ask(address: str, urls: list[str]) -> None:
    metadata = {"nodes": ",".join(urls), "minReplicas": "3", "targetReplicas": "3", "maxReplicas": "9"}
    async with grpc.aio.insecure_channel(address) as channel:
        await ExternalScalerStub(channel).IsActive(
            ScaledObjectRef(name="core", namespace="stellar", scalerMetadata=metadata)
        )


async def _expect_counts(page: Page, **counts: int) -> None:
    for name, count in counts.items():
        await expect(page.locator(f".replicas tbody tr.is-{name}")).to_have_count(count, timeout=SEEN_MILLISECONDS)


@pytest.mark.timeout(90)
async def test_a_fleet_appears_when_keda_asks_and_a_node_that_falls_behind_is_seen_to_lag() -> None:
    flags = ("--allow-static-nodes", "--allow-loopback-nodes", "--poll-interval", "0.2")
    with run_scaler(*flags) as scaler:
        async with run_core_nodes(3) as nodes, open_browser() as browser:
            page = await browser.new_page()
            errors: list[str] = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            await page.goto(f"http://{scaler.telemetry}/")
            await expect(page.locator("#empty")).to_be_visible()
            await _ask(scaler.grpc, [node.url for node in nodes])
            await _expect_counts(page, fresh=3)
            await expect(page.locator(".fact-tip .fact-value")).to_have_text(re.compile(r"[0-9,]{9}"))
            await expect(page.locator(".network")).to_have_text("Testnet")
            nodes[0].lag = 5000
            await _expect_counts(page, lagging=1, fresh=2)
            await nodes[1].stop()
            await _expect_counts(page, lagging=1, unreachable=1, fresh=1)
            await asyncio.to_thread(scaler.stop)
            await expect(page.locator("#connection-words")).to_have_text("Disconnected", timeout=SEEN_MILLISECONDS)
            assert errors == []
