"""A scaler whose replicas have other addresses than before, as after all were away, is found by the controller soon."""

import asyncio

from controller.observer.scaler_link import ScalerLink
from devtools.pools.scripted_observer import serve_observer
from tests.component.fake_dns import run_dns

NAME = "scaler.test."
ANEW_SECONDS = 0.3
FOUND_SECONDS = 15.0
"""A channel of its own accord would ask again after 30 s."""


async def test_a_scaler_that_has_another_address_is_found_within_seconds() -> None:
    async with run_dns() as names, serve_observer() as scaler:
        names.records[NAME, "A"] = ["127.0.0.2"]  # where nobody listens
        link = ScalerLink(f"dns://127.0.0.1:{names.port}/{NAME}:{scaler.port}", None, ANEW_SECONDS)
        run = asyncio.create_task(link.run())
        try:
            await asyncio.sleep(3 * ANEW_SECONDS)  # it has looked, and found nobody
            assert not link.is_ready
            names.records[NAME, "A"] = ["127.0.0.1"]
            async with asyncio.timeout(FOUND_SECONDS):
                await link.wait_until_ready()
        finally:
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
