"""Runs real observation of stand-in nodes for some seconds and measures what it costs this process."""

import asyncio
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import structlog

from bench.quantiles import take_percentile
from readpool.clock import steady_clock
from scaler.fleets.fleets import Fleets
from scaler.gc_tuning import collect_seldom
from scaler.policy.policy import Bounds
from scaler.probes.kinds import ProbeKind
from scaler.telemetry.stats import ScalerStats
from scaler.triggers.fleet_spec import FleetSpec, NodesSource
from scaler.triggers.poll_settings import PollSettings

_LAG_SAMPLE_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Load:
    """What is observed: how many nodes in fleets of which size, how often, for how long.

    To sample the loop's lag wakes the process a hundred times a second, which costs more than a hundred nodes.
    """

    nodes: int
    fleet_size: int
    interval_seconds: float
    seconds: float
    samples_lag: bool
    probe: ProbeKind = ProbeKind.CORE


@dataclass(slots=True)
class Cost:
    """What the observation took between its warm-up and its end.

    Attributes:
        polls: polls that were answered.
        failed: polls that were not.
        cpu_seconds: of this process; the nodes run in another.
        seconds: of the wall clock.
        rss_mb: the largest resident size that was seen.
        lags: how much later than asked the loop woke up, in seconds, every 10 ms; none where that is not sampled.
        per_second: polls finished in every second.
    """

    polls: int = 0
    failed: int = 0
    cpu_seconds: float = 0.0
    seconds: float = 0.0
    rss_mb: float = 0.0
    lags: list[float] = field(default_factory=list)
    per_second: Counter[int] = field(default_factory=Counter)

    @property
    def polls_per_cpu_second(self) -> float:
        """Polls for one CPU-second of ours."""
        return self.polls / self.cpu_seconds

    @property
    def cores(self) -> float:
        """Share of one core."""
        return self.cpu_seconds / self.seconds

    @property
    def burst_ratio(self) -> float:
        """The busiest whole second over the mean."""
        whole = [self.per_second[second] for second in range(int(self.seconds))]
        return max(whole) * len(whole) / sum(whole)

    @property
    def lag_p99_ms(self) -> float:
        """99th percentile of the loop's lag in milliseconds."""
        return take_percentile(self.lags, 99) * 1000.0


class _Tally(ScalerStats):
    """Counts polls as the scaler does, and remembers in which second each one finished."""

    def __init__(self) -> None:
        super().__init__()
        self.since: float | None = None
        self.per_second: Counter[int] = Counter()

    def count_poll(self, outcome: str, seconds: float) -> None:
        super().count_poll(outcome, seconds)
        if self.since is not None:
            self.per_second[int(time.monotonic() - self.since)] += 1


async def measure_observation(urls: tuple[str, ...], load: Load) -> Cost:
    """Observe the nodes for one warm-up of an interval and a half, then measure."""
    _write_log_to_nowhere()
    most = load.nodes  # all of one caller and one namespace
    settings = PollSettings(
        interval_seconds=load.interval_seconds,
        allow_loopback=True,
        caller_fleets=most,
        caller_nodes=most,
        namespace_fleets=most,
        namespace_nodes=most,
    )
    tally = _Tally()
    fleets = Fleets(settings, steady_clock(), tally)
    await fleets.start()
    collecting = asyncio.create_task(collect_seldom())  # as in scaler.server
    try:
        for start in range(0, load.nodes, load.fleet_size):
            members = urls[start : start + load.fleet_size]
            bounds = Bounds(1, load.fleet_size, load.fleet_size * 2)
            fleets.watch(FleetSpec("bench", NodesSource(members), bounds, probe=load.probe))
            await asyncio.sleep(0)
        await asyncio.sleep(1.5 * load.interval_seconds)
        return await _measure(tally, load)
    finally:
        collecting.cancel()
        await fleets.stop()


def _write_log_to_nowhere() -> None:
    """Render lines as before, and drop them."""
    nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open for as long as the process
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.PrintLoggerFactory(nowhere)
    )


async def _measure(tally: _Tally, load: Load) -> Cost:
    cost = Cost()
    before, cpu_before = tally.polls.copy(), time.process_time()
    tally.since = began = time.monotonic()
    samplers = [asyncio.create_task(_sample_memory(cost))]
    if load.samples_lag:
        samplers.append(asyncio.create_task(_sample_lag(cost)))
    await asyncio.sleep(load.seconds)
    cost.cpu_seconds = time.process_time() - cpu_before
    cost.seconds = time.monotonic() - began
    for sampler in samplers:
        sampler.cancel()
    done = tally.polls - before
    cost.polls = done.pop("Answered", 0)
    cost.failed = done.total()
    cost.per_second = tally.per_second
    return cost


async def _sample_lag(cost: Cost) -> None:
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(_LAG_SAMPLE_SECONDS)
        cost.lags.append(loop.time() - before - _LAG_SAMPLE_SECONDS)


async def _sample_memory(cost: Cost) -> None:
    process = psutil.Process()
    while True:
        cost.rss_mb = max(cost.rss_mb, process.memory_info().rss / 2**20)
        await asyncio.sleep(1.0)
