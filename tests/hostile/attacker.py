"""The process of one attacker: `python -m tests.hostile.attacker NAME PORTS` says when it is in full force."""

import asyncio
import json
import resource
import signal
import sys
from collections.abc import Mapping

from tests.hostile.attacks import load_attack

_MOST_FILES = 65_536


def _say_that_it_stands() -> None:
    sys.stdout.write("standing\n")
    sys.stdout.flush()


async def attack(name: str, ports: Mapping[str, int]) -> None:
    """Attack until SIGTERM."""
    task = asyncio.ensure_future(load_attack(name).run(ports, _say_that_it_stands))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await asyncio.gather(task, return_exceptions=False)


def main(name: str, ports: str) -> None:
    """Attack with as many descriptors as there may be."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, _MOST_FILES), most))
    try:
        asyncio.run(attack(name, json.loads(ports)))
    except asyncio.CancelledError:
        sys.exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
