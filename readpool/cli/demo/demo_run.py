"""Plays the demo: starts the fleet, the scaler and the stand-in, lets the story run, and ends everything it started."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from readpool.cli.clients.endpoint import Endpoint
from readpool.cli.clients.keda_client import KedaClient
from readpool.cli.clients.observer_client import watch
from readpool.cli.demo.demo_fleet import DemoFleet, run_real_fleet, run_simulated_fleet, serve_dns
from readpool.cli.demo.demo_plan import NAMESPACE, SERVICE, DemoPlan
from readpool.cli.demo.demo_stage import Stage
from readpool.cli.demo.demo_story import Act, Cast, Cue, Sight, advance_story
from readpool.cli.demo.scaler_process import RunningScaler, run_scaler
from readpool.cli.demo.stand_in import StandIn
from readpool.v1 import observer_pb2 as pb

LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Performance:
    """All that takes part in one demo."""

    stage: Stage
    fleet: DemoFleet
    scaler: RunningScaler
    keda: KedaClient
    trigger: pb.WatchRequest

    def note(self) -> None:
        """Note the fleet as it is now."""
        self.stage.note(len(self.fleet.nodes.names()))


async def play(stage: Stage, core: Path | None, seed: int) -> None:
    """Play the demo on `stage` until its end, or until its seconds are over. What it came to is in the timeline.

    Raises:
        ScalerError: the scaler did not start, or died.
        ObserverError: the scaler refused to be watched.
        CoreError: the real nodes could not be started.
        OSError: no port was free.
    """
    async with AsyncExitStack() as stack:
        running = run_real_fleet(stage.plan, core) if core else run_simulated_fleet(stage.plan, seed)
        fleet = await stack.enter_async_context(running)
        dns_address = await stack.enter_async_context(serve_dns(fleet.nodes))
        folder = stack.enter_context(TemporaryDirectory(prefix="readpool-demo-"))
        flags = _build_flags(stage.plan, dns_address)
        scaler = await stack.enter_async_context(run_scaler(Path(folder) / "scaler.log", *flags))
        stage.page = f"http://{scaler.telemetry}/"
        metadata = stage.plan.trigger_metadata(scaler.grpc)
        keda = await stack.enter_async_context(KedaClient(NAMESPACE, SERVICE, metadata))
        trigger = pb.WatchRequest(trigger=pb.Trigger(namespace=NAMESPACE, metadata=metadata))
        performance = Performance(stage, fleet, scaler, keda, trigger)
        await _run_until_first(
            [_tell(performance), _scale(performance), _observe(performance), scaler.wait_for_death()],
            stage.plan.seconds - stage.clock(),
        )


def _build_flags(plan: DemoPlan, dns_address: str) -> tuple[str, ...]:
    interval = f"{plan.poll_interval_seconds:g}"
    flags = ("--poll-interval", interval, "--allow-loopback-nodes", "--dns-server", dns_address)
    return (*flags, "--drain-seconds", "1")


async def _run_until_first(coroutines: list[Coroutine[Any, Any, None]], seconds: float) -> None:
    """Run until one ends, or the time is over; the others are cancelled, and what went wrong is raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _observe(performance: Performance) -> None:
    async for event in watch(Endpoint(performance.scaler.grpc), performance.trigger):
        if isinstance(event, pb.Snapshot):
            performance.stage.snapshot = event
            performance.note()


async def _scale(performance: Performance) -> None:
    stage = performance.stage
    stand_in = StandIn(performance.keda, stage.plan.hpa, performance.fleet.nodes)
    while True:
        stage.sync = await stand_in.sync(stage.clock())
        performance.note()
        await asyncio.sleep(stage.plan.sync_seconds)


async def _tell(performance: Performance) -> None:
    """Advance the story as the fleet changes, and hinder or relieve the laggard as it says."""
    stage, fleet = performance.stage, performance.fleet
    cast, since = _cast(performance), stage.clock()
    while stage.act is not Act.DONE:
        await asyncio.sleep(LOOK_SECONDS)
        moment = stage.look(len(fleet.nodes.names()))
        if stage.snapshot is None or moment is None:
            continue
        turn = advance_story(stage.act, Sight(moment, stage.snapshot.decision.message), cast, since=since)
        if turn is None:
            continue
        stage.act, since = turn.act, stage.clock()
        stage.tell(turn.line)
        if turn.cue is not None:
            await (fleet.hinder if turn.cue is Cue.HINDER else fleet.relieve)(cast.laggard)


def _cast(performance: Performance) -> Cast:
    names, plan, fleet = performance.fleet.nodes.names(), performance.stage.plan, performance.fleet
    return Cast(
        first=frozenset(names),
        laggard=names[1],
        hindrance=fleet.hindrance,
        relief=fleet.relief,
        sustain_seconds=plan.sustain_seconds,
        pause_seconds=plan.pause_seconds,
    )
