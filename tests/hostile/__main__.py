"""All attackers against an installation under its limits: `python -m tests.hostile --minutes 5`, or `make hostile`.

Each part runs by itself, as its container would: the program with its arguments, in a control group with the chart's
limit. Exit code 1 where anything has not held.
"""

import argparse
import asyncio
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from devtools.envoy.envoy_binary import EnvoyMissingError
from devtools.machine.needs import UnmetNeedError
from tests.hostile.assault import make_attack
from tests.hostile.attack import Attack
from tests.hostile.attacks import load_attacks
from tests.hostile.outcome import Outcome, find_reasons
from tests.hostile.parts import run_part
from tests.hostile.priority import come_first
from tests.hostile.report import build_table

LEAST_SECONDS = 5.0
"""Of one attack, however many there are."""


async def attack_all(seconds: float, attacks: Mapping[str, Attack], folder: Path) -> list[Outcome]:
    """Make all of these attacks, for so long each, part by part; each on a part that is new."""
    by_part: dict[str, list[str]] = defaultdict(list)
    for name, attack in attacks.items():
        by_part[attack.part].append(name)
    outcomes = []
    for part_name, names in by_part.items():
        for name in names:
            with come_first():
                async with run_part(part_name, folder) as part:
                    outcomes.append(await make_attack(name, attacks[name], part, seconds, folder))
            print(build_table(outcomes[-1:]), end="\n\n", flush=True)
    return outcomes


def choose(patterns: Sequence[str]) -> dict[str, Attack]:
    """Choose the attacks whose modules have one of these in their names; all of them where there are none."""
    attacks = load_attacks()
    return {name: one for name, one in attacks.items() if not patterns or any(each in name for each in patterns)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="that all attacks share; 5 by default")
    parser.add_argument("--only", action="append", default=[], help="attacks whose modules have this in their names")
    chosen = parser.parse_args(arguments)
    attacks = choose(chosen.only)
    if not attacks:
        parser.error(f"no attack has {' or '.join(chosen.only)} in its name; there are {', '.join(load_attacks())}")
    seconds = max(LEAST_SECONDS, 60 * chosen.minutes / len(attacks))
    with tempfile.TemporaryDirectory(prefix="readpool-hostile-") as folder:
        try:
            outcomes = asyncio.run(attack_all(seconds, attacks, Path(folder)))
        except (UnmetNeedError, EnvoyMissingError) as error:
            print(error, file=sys.stderr)
            return 1
    if len(outcomes) > 1:
        print(build_table(outcomes))
    return 1 if any(find_reasons(one) for one in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
