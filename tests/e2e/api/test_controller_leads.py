"""Two controllers, real processes: one writes; the other follows when it is killed, and at once when it ends well."""

import asyncio
import signal
import time
from asyncio.subprocess import Process

import aiohttp
import pytest

from devtools.api.controller_stage import ControllerStage
from readpool.kubernetes.kinds import LEASE, SERVICE, STATEFUL_SET

pytestmark = pytest.mark.timeout(120)
TAKEOVER_SECONDS = 20.0


async def test_the_second_takes_over_within_twenty_seconds_of_a_kill(stage: ControllerStage) -> None:
    async with (
        stage.process("--identity", "first") as first,
        led_by(stage, "first"),
        stage.process("--identity", "second"),
    ):
        await stage.apply("before")
        await stage.until_there(STATEFUL_SET, "before")
        await _until_following(stage)
        first.send_signal(signal.SIGKILL)
        killed_at = time.monotonic()
        await stage.apply("after")
        await stage.until_there(STATEFUL_SET, "after")
        assert time.monotonic() - killed_at < TAKEOVER_SECONDS
        assert await _read_holder(stage) == "second"


async def test_one_that_ends_in_order_finishes_its_write_and_is_followed_at_once(stage: ControllerStage) -> None:
    async with (
        stage.process("--identity", "first") as first,
        led_by(stage, "first"),
        stage.process("--identity", "second"),
    ):
        await _until_following(stage)
        stage.relay.delay_seconds = 0.5
        await stage.apply()
        await stage.until(lambda: _is_writing(stage), "the first write to be under way")
        stage.relay.delay_seconds = 0.0
        assert await _end(first) == 0
        ended_at = time.monotonic()
        await stage.until_there(STATEFUL_SET, "pool")
        assert time.monotonic() - ended_at < 8.0
        assert await _read_holder(stage) == "second"
        assert await stage.get(SERVICE, "pool-nodes") is not None


def led_by(stage: ControllerStage, identity: str) -> "_LedBy":
    return _LedBy(stage, identity)


class _LedBy:
    """Waits, on entering, until a controller holds the Lease."""

    def __init__(self, stage: ControllerStage, identity: str) -> None:
        self._stage = stage
        self._identity = identity

    async def __aenter__(self) -> None:
        async def is_held() -> bool:
            return await _read_holder(self._stage) == self._identity

        await self._stage.until(is_held, f"the Lease of {self._identity}")

    async def __aexit__(self, *_: object) -> None:
        pass


async def _end(process: Process) -> int:
    process.send_signal(signal.SIGTERM)
    return await asyncio.wait_for(process.wait(), 6.0)


async def _read_holder(stage: ControllerStage) -> str | None:
    lease = await stage.get(LEASE, "readpool-controller")
    return None if lease is None else str(lease["spec"].get("holderIdentity"))


async def _until_following(stage: ControllerStage) -> None:
    """Wait until both have lists of everything, and the second one has asked for the Lease."""

    async def are_watching() -> bool:
        return sum(one.is_watch for one in stage.relay.asked) >= 18

    await stage.until(are_watching, "both to watch")
    await asyncio.sleep(0.5)


async def _is_writing(stage: ControllerStage) -> bool:
    return any(one.is_write and not one.is_of_lease for one in stage.relay.asked)


async def test_its_port_says_that_it_is_ready_and_what_it_has_written(stage: ControllerStage) -> None:
    async with stage.process() as process, aiohttp.ClientSession() as session:
        await stage.apply()
        await stage.until_there(STATEFUL_SET, "pool")
        await stage.until_quiet()
        url = f"http://{stage.read_log('serving')['telemetry']}"
        for path in ("/readyz", "/healthz"):
            async with session.get(url + path) as answer:
                assert answer.status == 200
        async with session.get(f"{url}/metrics") as answer:
            told = dict(line.rsplit(" ", 1) for line in (await answer.text()).splitlines() if not line.startswith("#"))
        assert float(told["readpool_controller_leading"]) == 1
        assert float(told['readpool_controller_objects{kind="ReadOnlyPool"}']) == 1
        assert float(told['readpool_controller_writes_total{kind="StatefulSet",outcome="OK",verb="apply"}']) == 1
        assert float(told["readpool_controller_watched_pools"]) == 1
        assert process.returncode is None
