"""Events on a real API server: one that happens again is the same Event, counted."""

import asyncio

import pytest

from controller.events.event_recorder import EventRecorder
from controller.events.event_series import REPEAT_SECONDS
from controller.events.pool_events import PoolEvent
from controller.telemetry.stats import ControllerStats
from devtools.api.api_server import ApiServer
from readpool.kubernetes.client import connect
from readpool.kubernetes.kinds import EVENT

pytestmark = pytest.mark.timeout(120)
STALLED = PoolEvent("Stalled", "the archive does not answer", is_warning=True)


async def test_an_event_that_happens_again_is_counted_in_the_one_that_is_there(
    api_server: ApiServer, namespace: str
) -> None:
    moments = iter([1_800_000_000.0, 1_800_000_001.0, 1_800_000_001.0 + REPEAT_SECONDS])
    async with connect(api_server.kubeconfig) as client:
        stats = ControllerStats()
        recorder = EventRecorder(client, "controller-0", stats, lambda: next(moments))
        writing = asyncio.create_task(recorder.run())
        for _ in range(3):
            recorder.record(namespace, "core", "0f0b0a9c-0000-4000-8000-000000000000", STALLED)
        # A repetition is counted before it is written: whoever cancels by the count alone cancels the write.
        async with asyncio.timeout(30):
            while not (there := (await client.list(EVENT, namespace))[0]) or "series" not in there[0]:  # noqa: ASYNC110 - it sets no event
                await asyncio.sleep(0.1)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    (event,) = there
    assert (event["reason"], event["note"], event["type"]) == ("Stalled", STALLED.message, "Warning")
    assert event["series"]["count"] == 3
    assert stats.events == {"Written": 1, "Repeated": 2}
