"""A network of a test's own: a namespace of Linux that has no name and shares nothing with the machine's network.

One thread is in it and makes sockets there, which then serve anywhere; programs are entered by `place`. It goes with
its last socket and process.
"""

import asyncio
import contextlib
import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_network
from itertools import cycle
from typing import TypeVar

from devtools.machine.debian_packages import require
from devtools.machine.needs import UnmetNeedError, require_root

NODE_ADDRESS = "10.9.0.1"
POD_NETWORK = "10.8.0.0/16"
"""Each address of it is one of the network's own: EndpointSlices refuse those of loopback."""
READER_NETWORK = "10.7.0.0/24"
"""Likewise. Connections come from all of it in turn: one address has too few ports for thousands in a minute."""
_PACKAGES = ("iproute2", "iptables", "conntrack", "util-linux")
_CLONE_NEWNET = 0x40000000
_T = TypeVar("_T")
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class OwnNetwork:
    """A network that is there.

    Attributes:
        place: what comes before a command that is to run in it; its files and pids are the machine's.
    """

    place: tuple[str, ...]
    _thread: ThreadPoolExecutor
    _readers: Iterator[str]

    def listen(self, address: str, port: int) -> socket.socket:
        """Listen on an address in it."""
        return self._do(lambda: socket.create_server((address, port), backlog=1024))

    def bind_datagrams(self, address: str) -> socket.socket:
        """Make a socket for datagrams at a free port of an address in it."""

        def bind() -> socket.socket:
            made = socket.socket(type=socket.SOCK_DGRAM)
            made.setblocking(False)
            made.bind((address, 0))
            return made

        return self._do(bind)

    async def connect(self, address: str, port: int) -> Streams:
        """Connect to an address in it, as the next of its readers."""
        loop = asyncio.get_running_loop()
        opened = await loop.run_in_executor(self._thread, socket.socket)
        try:
            opened.setblocking(False)
            opened.bind((next(self._readers), 0))
            await loop.sock_connect(opened, (address, port))
        except BaseException:
            opened.close()
            raise
        return await asyncio.open_connection(sock=opened)

    def _do(self, work: Callable[[], _T]) -> _T:
        return self._thread.submit(work).result()


@contextlib.contextmanager
def make_network() -> Iterator[OwnNetwork]:
    """Make a network for the block, with a node's address and those of pods.

    Raises:
        UnmetNeedError: where Linux does not let us, or a program is missing and apt is not there.
    """
    require_root("A network of a test's own")
    require(*_PACKAGES)
    with ThreadPoolExecutor(max_workers=1) as thread:
        number = thread.submit(_leave_network).result()
        place = ("nsenter", f"--net=/proc/{os.getpid()}/task/{number}/ns/net", "--")
        for command in _COMMANDS:
            _run([*place, *command])
        yield OwnNetwork(place, thread, cycle(map(str, ip_network(READER_NETWORK).hosts())))


_COMMANDS = (
    ("ip", "link", "set", "lo", "up"),
    # A veth pair is there where `dummy` is not.
    ("ip", "link", "add", "node0", "type", "veth", "peer", "name", "node0-peer"),
    ("ip", "address", "add", f"{NODE_ADDRESS}/24", "dev", "node0"),
    ("ip", "link", "set", "node0", "up"),
    ("ip", "link", "set", "node0-peer", "up"),
    ("ip", "route", "add", "default", "dev", "node0"),
    ("ip", "route", "add", "local", POD_NETWORK, "dev", "lo"),
    ("ip", "route", "add", "local", READER_NETWORK, "dev", "lo"),
)


def _leave_network() -> int:
    """Move this thread, and no other, into a new network; return its number."""
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        raise UnmetNeedError(f"No network of its own can be made here: {os.strerror(ctypes.get_errno())}.")
    return threading.get_native_id()


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise UnmetNeedError(f"A network of its own cannot be set up here: {done.stderr.strip()}")
