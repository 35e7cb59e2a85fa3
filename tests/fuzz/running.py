"""One target under its inputs, in a process of its own: how fast, what crashes, and whether memory grows."""

import hashlib
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil

from tests.fuzz.targets import build_targets

MOST_GROWTH_MIB = 32.0
"""From a tenth of the inputs on: caches have filled by then."""
SLOW_SECONDS = 2.0
"""Of processor time, for one input of at most 40 kB."""
PROGRESS_SECONDS = 10.0
MOST_CRASHES = 10
CRASHES = Path("artifacts/fuzz")


@dataclass(frozen=True)
class Outcome:
    """What came of one target's inputs; memory in MiB."""

    name: str
    inputs: int
    seconds: float
    memory_before: float
    memory_after: float
    crashes: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether nothing crashed and memory stayed flat."""
        return not self.crashes and self.memory_after - self.memory_before <= MOST_GROWTH_MIB

    def __str__(self) -> str:
        """Describe it in a line."""
        rate = self.inputs / max(self.seconds, 1e-9)
        memory = f"{self.memory_before:.0f} MiB, {self.memory_after:.0f} at the end"
        return f"{self.name:24}{self.inputs:>10,} inputs{rate:>9,.0f}/s   {memory}   {len(self.crashes)} crashes"


def run_target(name: str, inputs: int, seed: int) -> Outcome:
    """Feed one target its inputs, in a process of its own."""
    target, random = build_targets()[name], Random(f"{seed} {name}")  # noqa: S311 - the same inputs each time
    memory, before = psutil.Process(), 0.0
    began, told = time.monotonic(), time.monotonic()
    crashes: list[str] = []
    done = 0
    for done in range(1, inputs + 1):
        body = target.mutate(random, target.seeds)
        at = time.process_time()
        try:
            target.run(body)
            check_time(time.process_time() - at)
        except Exception:  # noqa: BLE001 - whatever it is, that is what is looked for
            crashes.append(keep_crash(name, body))
            if len(crashes) >= MOST_CRASHES:
                break
        if done == max(1, inputs // 10):
            before = memory.memory_info().rss / 2**20
        if time.monotonic() - told >= PROGRESS_SECONDS:
            told = time.monotonic()
            print(f"  {name}: {done:,} of {inputs:,}, {done / (told - began):,.0f}/s", flush=True)  # noqa: T201
    after = memory.memory_info().rss / 2**20
    return Outcome(name, done, time.monotonic() - began, before or after, after, tuple(crashes))


def check_time(seconds: float) -> None:
    """Raise for an input that took too long."""
    if seconds > SLOW_SECONDS:
        raise TimeoutError(f"it took {seconds:.1f} s of processor time")


def keep_crash(name: str, body: bytes) -> str:
    """Keep an input that crashed a target, and say where it is and why."""
    CRASHES.mkdir(parents=True, exist_ok=True)
    path = CRASHES / f"{name.replace(' ', '-')}-{hashlib.sha256(body).hexdigest()[:12]}"
    path.write_bytes(body)
    return f"{path}: {body[:200]!r}\n{traceback.format_exc(limit=-4)}"
