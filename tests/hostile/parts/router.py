"""The chart's router under its container's limit, before a replica with its gate; readers and the kubelet ask."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from tests.e2e.rendered_chart import find_helm
from tests.hostile.chart_router import run_chart_router
from tests.hostile.part import Part
from tests.hostile.parts.gate import WATCH_SECONDS, list_readers, run_replica
from tests.hostile.readers import be_honest, write_get


@contextlib.asynccontextmanager
async def run_part(folder: Path) -> AsyncIterator[Part]:
    """Run it."""
    helm = find_helm()
    async with (
        run_replica(folder, "gate-behind") as replica,
        run_chart_router(helm, folder, replica.ports.read, "router") as router,
    ):

        async def find_harm() -> list[str]:
            status = router.envoy.process.returncode
            ended = [] if status is None else [f"the router has ended with {status}"]
            kills = replica.memory.count_kills()
            return [*ended, *(["the gate behind it was killed for want of memory"] if kills else [])] + (
                await replica.find_harm()
            )

        ready = be_honest("/ready", router.telemetry, write_get("/ready"), WATCH_SECONDS, is_vital=True)
        ports = {"read": router.read, "telemetry": router.telemetry}
        yield Part(ports, (*list_readers(router.read), ready), router.memory, find_harm)
