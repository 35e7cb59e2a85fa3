"""What an API server does to the controller: conflicts, throttling, errors, delays, an end, a memory that is short.

Whatever it is, the next look ends in the same state, and nobody is asked without pause.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from devtools.api.api_relay import FORBIDDEN, Asked, refuse
from devtools.api.controller_stage import USER, ControllerStage
from devtools.api.running_pool import FRESH, has_replicas, running_pool
from readpool.kubernetes.kinds import CONFIG_MAP, NETWORK_POLICY, SERVICE, STATEFUL_SET

pytestmark = pytest.mark.timeout(120)


class FirstTime:
    """Refuses each write once, and then lets it go on."""

    def __init__(self, build: Callable[[], web.Response]) -> None:
        self.refused: dict[tuple[str, str], float] = {}
        self.repeated: dict[tuple[str, str], float] = {}
        self._build = build

    def __call__(self, asked: Asked) -> web.Response | None:
        if not asked.is_write or asked.is_of_lease:
            return None
        key = (asked.method, asked.path)
        if key in self.refused:
            self.repeated.setdefault(key, time.monotonic() - self.refused[key])
            return None
        self.refused[key] = time.monotonic()
        return self._build()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        pytest.param(409, "Conflict", id="somebody else was first"),
        pytest.param(429, "TooManyRequests", id="throttled without a time"),
        pytest.param(500, "InternalError", id="broken"),
        pytest.param(503, "ServiceUnavailable", id="not there", marks=pytest.mark.full),
        pytest.param(504, "Timeout", id="too slow for itself", marks=pytest.mark.full),
    ],
)
async def test_each_write_may_fail_once_and_the_pool_becomes_what_it_should(
    stage: ControllerStage, status: int, reason: str
) -> None:
    once = stage.relay.meddle = FirstTime(lambda: refuse(status, reason))
    async with running_pool(stage):
        assert await stage.read_weights() == FRESH
    assert len(once.refused) >= 8


async def test_who_is_asked_to_wait_waits(stage: ControllerStage) -> None:
    once = stage.relay.meddle = FirstTime(lambda: refuse(429, "TooManyRequests", **{"Retry-After": "1"}))
    async with stage.controller():
        await stage.apply()
        await stage.until_there(STATEFUL_SET, "pool")
    assert min(once.repeated.values()) >= 1.0


async def test_a_server_that_refuses_everything_is_asked_ever_more_seldom(stage: ControllerStage) -> None:
    stage.relay.meddle = lambda asked: (
        refuse(500, "InternalError") if asked.is_write and not asked.is_of_lease else None
    )
    async with stage.controller():
        await stage.apply()
        await asyncio.sleep(4.0)
        asked = Counter((one.method, one.path, one.query.get("fieldManager")) for one in stage.relay.writes)
        assert 2 <= max(asked.values()) <= 16  # status is written once more where what fails is another
        assert len(stage.relay.writes) <= 8 * len(asked)
        stage.relay.meddle = None
        await stage.until_there(STATEFUL_SET, "pool")


async def test_a_slow_server_only_makes_it_slow(stage: ControllerStage) -> None:
    stage.relay.delay_seconds = 0.3
    async with running_pool(stage):
        await stage.say(classes={"pool-2": "lagging"}, lags={"pool-2": 2000}, tip=5000)
        await stage.until_weights(FRESH | {"pool-2": 10})


async def test_what_happened_while_the_server_was_away_is_mended(stage: ControllerStage) -> None:
    async with running_pool(stage):
        await asyncio.to_thread(stage.server.stop_api)
        await stage.say(classes={"pool-2": "lagging"}, lags={"pool-2": 2000}, tip=5000)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(stage.server.start_api)
        await stage.client.delete(SERVICE, stage.namespace, "pool-nodes")
        await stage.until_there(SERVICE, "pool-nodes")
        await stage.until_weights(FRESH | {"pool-2": 10})


async def test_a_watch_that_the_server_has_forgotten_begins_anew(stage: ControllerStage) -> None:
    async with running_pool(stage):
        expired: list[str] = []

        def forget(asked: Asked) -> web.Response | None:
            if not asked.is_watch or asked.path in expired:
                return None
            expired.append(asked.path)
            return refuse(410, "Expired")

        stage.relay.meddle = forget
        stage.relay.cut_watches()
        await stage.client.delete(SERVICE, stage.namespace, "pool-nodes")
        await stage.until_there(SERVICE, "pool-nodes")
        await stage.until(lambda: _is_long(expired), "each watch to be begun anew")


async def test_watches_that_break_lose_nothing(stage: ControllerStage) -> None:
    async with running_pool(stage):
        for ordinal in range(5):
            stage.relay.cut_watches()
            await stage.client.merge(SERVICE, stage.namespace, "pool", {"spec": {"type": "NodePort"}}, manager=USER)

            async def is_put_back() -> bool:
                found = await stage.read(SERVICE, "pool")
                return bool(found["spec"]["type"] == "ClusterIP")

            await stage.until(is_put_back, f"our type to be put back, time {ordinal}")


async def test_a_stale_store_causes_nothing_to_be_written_twice(stage: ControllerStage) -> None:
    held = asyncio.Event()

    async with stage.controller():
        await stage.until(lambda: _are_watching(stage), "all watches")
        stage.relay.hold_watches = held
        await stage.apply()
        held.set()
        await stage.until(lambda: has_replicas(stage, 5), "a StatefulSet")
        held.clear()
        await stage.until_quiet()
        applied = [one.path for one in stage.relay.writes if one.method == "PATCH" and "fieldManager" in one.query]
        applied = [path for path in applied if not path.endswith(("/status", "/readonlypools/pool"))]
        assert len(applied) == len(set(applied))
        held.set()
        await stage.until_quiet()
        again = [one.path for one in stage.relay.writes if one.method == "PATCH"]
        assert len([path for path in again if not path.endswith(("/status", "/readonlypools/pool"))]) == len(applied)


async def _is_long(expired: list[str]) -> bool:
    return len(expired) >= 9


async def _are_watching(stage: ControllerStage) -> bool:
    return sum(one.is_watch for one in stage.relay.asked) >= 9


async def test_a_namespace_that_is_being_deleted_is_left_to_end(stage: ControllerStage) -> None:
    with capture_logs() as logged:
        async with running_pool(stage):
            before = len(stage.relay.answered)
            await stage.client.request("DELETE", f"/api/v1/namespaces/{stage.namespace}")
            await stage.client.delete(SERVICE, stage.namespace, "pool")
            await stage.until(lambda: are_told(stage), "the API server to refuse")
            for kind in (STATEFUL_SET, NETWORK_POLICY, CONFIG_MAP):
                name = "pool-config" if kind is CONFIG_MAP else "pool"
                await stage.client.delete(kind, stage.namespace, name)
            await stage.say(classes={"pool-1": "lagging"})
            await stage.until_quiet()
            refused = [one for one, status in stage.relay.answered[before:] if status == FORBIDDEN and one.is_write]
    assert [one.path.rpartition("/")[2] for one in refused] == ["pool"]
    told = [entry for entry in logged if "namespace" in entry["event"]]
    assert [(entry["event"], entry["log_level"]) for entry in told] == [("namespaceTerminating", "info")]
    assert [entry for entry in logged if entry["log_level"] in ("warning", "error")] == []


async def are_told(stage: ControllerStage) -> bool:
    return any(status == FORBIDDEN for _, status in stage.relay.answered)
