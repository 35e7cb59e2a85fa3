"""A replica that is a process of its own, so that it can be stopped, continued and killed as one.

It answers each request with its address, as those of devtools.envoy.weighted_backends do in a test's own process.
"""

import argparse
import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO, cast

from devtools.envoy.weighted_backends import run_backend


@dataclass(frozen=True, slots=True)
class ReplicaProcess:
    """A running replica."""

    address: str
    port: int
    _process: subprocess.Popen[str]

    def freeze(self) -> None:
        """Stop it where it stands: its port still takes connections, and nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume it."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once: connections are reset, and its port refuses."""
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def run_replica_processes(addresses: Sequence[str], place: Sequence[str] = ()) -> Iterator[list[ReplicaProcess]]:
    """Run a replica on each of these addresses, all at one port, until the block ends.

    `place` comes before their commands, such as that of another network.
    """
    with contextlib.ExitStack() as stack:
        replicas: list[ReplicaProcess] = []
        for address in addresses:
            port = replicas[0].port if replicas else 0
            replicas.append(stack.enter_context(_run(address, port, place)))
        yield replicas


@contextlib.contextmanager
def _run(address: str, port: int, place: Sequence[str]) -> Iterator[ReplicaProcess]:
    command = [*place, sys.executable, "-m", "devtools.envoy.replica_process", address, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            bound = int(cast("IO[str]", process.stdout).readline())
            yield ReplicaProcess(address, bound, process)
        finally:
            process.kill()


async def _serve(address: str, port: int) -> None:
    listener = socket.create_server((address, port), backlog=1024)
    async with run_backend(listener, partial(str, address)):
        print(listener.getsockname()[1], flush=True)  # noqa: T201 - who started it waits for the port
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    asked = parser.parse_args()
    asyncio.run(_serve(asked.address, asked.port))
