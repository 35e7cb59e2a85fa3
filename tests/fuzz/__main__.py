"""`make fuzz`: millions of inputs that are almost right, to each parser; exits with 1 on a crash or growing memory."""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from tests.fuzz.running import run_target
from tests.fuzz.targets import build_targets


def main() -> int:
    """Run all targets, or those that are named."""
    targets = build_targets()
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000_000, help="of all targets together")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--target", action="append", choices=sorted(targets), help="this one only; repeatable")
    asked = parser.parse_args()
    chosen = asked.target or list(targets)
    whole = sum(targets[name].share for name in chosen)
    counts = {name: max(1, round(asked.inputs * targets[name].share / whole)) for name in chosen}
    print(f"{sum(counts.values()):,} inputs, seed {asked.seed}", flush=True)  # noqa: T201
    outcomes = []
    with ProcessPoolExecutor(asked.jobs, get_context("spawn"), max_tasks_per_child=1) as pool:
        running = [pool.submit(run_target, name, count, asked.seed) for name, count in counts.items()]
        for ended in as_completed(running):
            outcomes.append(ended.result())
            print(outcomes[-1], *outcomes[-1].crashes, sep="\n    ", flush=True)  # noqa: T201
    bad = [outcome.name for outcome in outcomes if not outcome.is_good]
    print(f"bad: {', '.join(bad)}" if bad else "no crash, and memory stays flat")  # noqa: T201
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
