"""`python -m bench.starts`: how long replicas take to be fresh, at the public network's own timing, beside today's way.

A private network of Stellar Core with ledgers of 5 s and checkpoints of 64; simulated, or real where STELLAR_CORE names
one. Its own command, since it takes 25 minutes, nearly all of it waiting. What it measures: docs/lab/performance.md.
"""

import asyncio
import shutil
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass, field
from pathlib import Path

import click

from bench.__main__ import RESULTS, merge_results
from devtools.core.core_private import read_info
from devtools.core.core_under_test import is_real, require_core
from devtools.core.history_archive import serve_archive
from devtools.core.started_replica import StartedReplica
from readpool.history_archives import CHECKPOINT_LEDGERS
from readpool.simulator.core_config import HISTORY
from readpool.simulator.core_network import CoreNetwork, CoreNetworkSettings, start_core_network
from readpool.simulator.core_process import CoreProcess
from scaler.fleet.checkpoints import Vouchers
from scaler.probes.core import parse_core
from scaler.probes.report import ProbeError

LEDGER_SECONDS = 5.0
AWAY_LEDGERS = 60
ASSUMED_FRESH_SECONDS = 900.0
"""Who is not fresh by then counts as having taken so long."""
_LOOK_SECONDS = 0.25
_TODAY = ("MAX_SLOTS_TO_REMEMBER = 100\n", "MAX_SLOTS_TO_REMEMBER = 12\n")


@dataclass
class Stage:
    """A network, the folder that its replicas are in, the archive that they read, and what two nodes vouch for."""

    network: CoreNetwork
    folder: Path
    archive: str
    neighbours: list[StartedReplica] = field(default_factory=list)
    replicas: list[StartedReplica] = field(default_factory=list)
    vouched: str = ""
    is_copied: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def snapshot(self) -> Path:
        """The data folder of a neighbour, as it was once there was a checkpoint; there when `is_copied` is set."""
        return self.folder / "snapshot"

    def make(self, name: str, *, is_today: bool = False) -> StartedReplica:
        """Make a replica; as of today it knows the network's own peer alone, and remembers as little as that."""
        peers = () if is_today else tuple(one.ports.peer for one in self.neighbours)
        one = StartedReplica(self.network, self.folder / name, self.archive, peers, name)
        if is_today:
            path = one.folder / "node.cfg"
            path.write_text(path.read_text().replace(*_TODAY))
        self.replicas.append(one)
        return one

    async def read_tip(self) -> int:
        """Read the validator's newest ledger."""
        return int((await read_info(self.network.validator)).get("ledger", {}).get("num", 0))

    async def wait_for_ledger(self, num: int) -> None:
        """Wait until the network has closed a ledger."""
        while await self.read_tip() < num:  # noqa: ASYNC110 - Core tells nobody
            await asyncio.sleep(_LOOK_SECONDS)

    async def watch_checkpoints(self) -> None:
        """Poll the neighbours as the scaler does, and keep what they vouch for."""
        vouchers = Vouchers()
        while True:
            for one in self.neighbours:
                try:
                    vouchers.note(one.folder, parse_core(await one.ask("/info")))
                except (OSError, ProbeError):
                    continue
            if (found := vouchers.find(one.folder for one in self.neighbours)) is not None:
                self.vouched = f"{found.ledger} {found.ledger_hash} {found.closed_at}\n"
            await asyncio.sleep(LEDGER_SECONDS / 2)

    async def take_snapshot(self) -> None:
        """Copy the data folder of a neighbour, stopped for that moment, when the first checkpoint is there."""
        await self.wait_for_ledger(CHECKPOINT_LEDGERS + 2)
        donor = self.neighbours[0]
        donor.signal(signal.SIGSTOP)
        try:
            await asyncio.to_thread(shutil.copytree, donor.data, self.snapshot)
        finally:
            donor.signal(signal.SIGCONT)
        self.is_copied.set()

    async def begin(self, replica: StartedReplica, *, is_today: bool, is_new: bool) -> None:
        """Start a replica, as its pod does or as of today."""
        if is_today:
            if is_new:
                await replica.command("new-db")
            await replica.begin_plainly()
            return
        replica.checkpoint.write_text(self.vouched)
        await replica.begin()

    async def time_until_fresh(self, replica: CoreProcess, began: float) -> float:
        """Wait until a replica is in step and at most one ledger behind; return the seconds since it began."""
        while (seconds := time.monotonic() - began) < ASSUMED_FRESH_SECONDS:
            info, tip = await read_info(replica), await self.read_tip()
            if info.get("state") == "Synced!" and info["ledger"]["num"] >= tip - 1:
                return seconds
            await asyncio.sleep(_LOOK_SECONDS)
        return ASSUMED_FRESH_SECONDS


async def restart(stage: Stage, name: str, after_seconds: float, *, is_today: bool) -> float:
    """Stop a replica for 60 ledgers, beginning after so many seconds; return how long it takes to be fresh."""
    replica = stage.make(name, is_today=is_today)
    await stage.begin(replica, is_today=is_today, is_new=True)
    await stage.time_until_fresh(replica, time.monotonic())
    await stage.wait_for_ledger(CHECKPOINT_LEDGERS + 2)
    await asyncio.sleep(after_seconds)
    await replica.end()
    await stage.wait_for_ledger(await stage.read_tip() + AWAY_LEDGERS)
    began = time.monotonic()
    await stage.begin(replica, is_today=is_today, is_new=False)
    return await stage.time_until_fresh(replica, began)


async def join(stage: Stage, name: str, after_seconds: float, *, is_today: bool) -> float:
    """Add a replica, once there is a checkpoint, after so many seconds; return how long it takes to be fresh."""
    await stage.wait_for_ledger(CHECKPOINT_LEDGERS + 2)
    await asyncio.sleep(after_seconds)
    replica = stage.make(name, is_today=is_today)
    began = time.monotonic()
    await stage.begin(replica, is_today=is_today, is_new=True)
    seconds = await stage.time_until_fresh(replica, began)
    await replica.end()
    return seconds


async def join_warm(stage: Stage, name: str, after_seconds: float, *, is_today: bool) -> float:
    """Add a replica with the snapshot, when that is so many seconds old; return how long it takes to be fresh.

    As long as storage takes to make a volume of it, and a node to start a pod, is not in it.
    """
    await stage.is_copied.wait()
    await asyncio.sleep(after_seconds)
    replica = stage.make(name, is_today=is_today)
    await asyncio.to_thread(shutil.copytree, stage.snapshot, replica.data, dirs_exist_ok=True)
    began = time.monotonic()
    await stage.begin(replica, is_today=is_today, is_new=False)
    seconds = await stage.time_until_fresh(replica, began)
    await replica.end()
    return seconds


WAYS: dict[str, Callable[..., Coroutine[None, None, float]]] = {
    "restart_fresh": restart,
    "cold_start": join,
    "copy_start": join_warm,
}


async def measure(count: int, folder: Path, ways: Collection[str] = tuple(WAYS)) -> dict[str, list[float]]:
    """Measure these ways, ours and today's, `count` times, spread evenly over the time of a checkpoint."""
    settings = CoreNetworkSettings(nodes=0, is_accelerated=False)
    async with await start_core_network(require_core(), settings) as network:
        with serve_archive(network._folder / HISTORY) as archive:  # noqa: SLF001 - where its validator publishes to
            stage = Stage(network, folder, archive.url)
            try:
                return await _play(stage, count, ways)
            finally:
                await asyncio.gather(*(one.end() for one in (*stage.replicas, *stage.neighbours)))


async def _play(stage: Stage, count: int, ways: Collection[str]) -> dict[str, list[float]]:
    for ordinal in range(2):
        one = StartedReplica(stage.network, stage.folder / f"neighbour-{ordinal}", stage.archive)
        stage.neighbours.append(one)
        await one.begin()
    watching = [asyncio.create_task(stage.watch_checkpoints()), asyncio.create_task(stage.take_snapshot())]
    step = CHECKPOINT_LEDGERS * LEDGER_SECONDS / count
    begun: dict[str, list[asyncio.Task[float]]] = {
        f"{way}{'_today' if is_today else ''}": [
            asyncio.create_task(run(stage, f"{way}-{index}-{is_today}", index * step, is_today=is_today))
            for index in range(count)
        ]
        for way, run in WAYS.items()
        if way in ways
        for is_today in (False, True)
    }
    try:
        return {name: list(await asyncio.gather(*tasks)) for name, tasks in begun.items()}
    finally:
        for task in (*watching, *(task for tasks in begun.values() for task in tasks)):
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)


def summarise(taken: dict[str, list[float]]) -> dict[str, float]:
    """Summarise seconds as figures: the 90th percentile by the nearest rank, and the median."""
    figures: dict[str, float] = {}
    for name, seconds in taken.items():
        ordered = sorted(seconds)
        figures[f"{name}_p90_s"] = ordered[max(0, -(-9 * len(ordered) // 10) - 1)]
        figures[f"{name}_p50_s"] = statistics.median(ordered)
    return figures


@click.command("starts")
@click.option("--replicas", default=10, type=click.IntRange(1, 30), help="How many of each kind start; 10.")
@click.option("--only", type=click.Choice(list(WAYS)), multiple=True, help="Measure these alone. Repeatable.")
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS, help="Where to write.")
def main(*, replicas: int, only: tuple[str, ...], out: Path) -> None:
    """Measure how long restarted, new and copied replicas take to be fresh, by our start and by plain `run`."""
    click.echo(f"on {'a real' if is_real() else 'the simulated'} Stellar Core; it takes about 25 minutes", err=True)
    with tempfile.TemporaryDirectory(prefix="readpool-starts-") as folder:
        taken = asyncio.run(measure(replicas, Path(folder), only or tuple(WAYS)))
    for name, seconds in taken.items():
        click.echo(f"{name}: {' '.join(f'{one:.1f}' for one in sorted(seconds))}")
    merge_results(out, summarise(taken))


if __name__ == "__main__":
    main()
