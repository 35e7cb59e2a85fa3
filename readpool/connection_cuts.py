"""Ends connections to a gRPC port: all of callers that are banned, and those beyond as many as a caller may have.

gRPC for Python has no way to end a connection, or to count those of a caller. They are found among the descriptors of
this process instead, and shut down, which gRPC takes as the other side's end.
"""

import asyncio
import os
import socket
from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

import structlog

from readpool.bans import Bans
from readpool.callers import read_address

MOST_CONNECTIONS = 1024
"""Of one caller: KEDA's go on for as long as a stream on them does, and a new one is made every 60 s."""
_BAN_SECONDS, _COUNT_SECONDS = 0.02, 5.0
_BAN_SHARE = 0.2
"""Of the time, at most, goes into looking for connections of those that are banned."""
_IDLE_SECONDS = 0.1
_DESCRIPTORS = Path("/proc/self/fd")
_log = structlog.get_logger(__name__)


class ConnectionCuts:
    """Looks after the connections to one port of this process.

    Args:
        port: that is listened on.
        bans: who is to have none.
    """

    def __init__(self, port: int, bans: Bans) -> None:
        self._port = port
        self._bans = bans

    async def run(self) -> None:
        """Cut what is to be cut, until cancelled; where descriptors cannot be listed, nothing is."""
        loop = asyncio.get_running_loop()
        count_at, rest_seconds = loop.time() + _COUNT_SECONDS, _BAN_SECONDS
        while can_cut():
            await asyncio.sleep(max(rest_seconds, _BAN_SECONDS))
            now = loop.time()
            banned = self._bans.list_banned(now)
            if not banned and now < count_at:
                rest_seconds = _IDLE_SECONDS
                continue
            if now >= count_at:
                count_at = now + _COUNT_SECONDS
            cut = await asyncio.to_thread(cut_connections, self._port, banned)
            rest_seconds = (loop.time() - now) / _BAN_SHARE if banned else _IDLE_SECONDS
            for caller, count in cut.items():
                if caller not in banned:
                    _log.warning("connectionsCut", caller=caller, count=count, most=MOST_CONNECTIONS)


def can_cut() -> bool:
    """Return whether descriptors can be listed here, as on Linux."""
    return _DESCRIPTORS.is_dir()


def cut_connections(port: int, banned: AbstractSet[str], most: int = MOST_CONNECTIONS) -> Counter[str]:
    """End connections to a port: all of those banned, and those of others beyond `most`; count them by caller."""
    seen: Counter[str] = Counter()
    cut: Counter[str] = Counter()
    descriptors = [int(path.name) for path in _DESCRIPTORS.iterdir()]
    if not banned and len(descriptors) <= most:
        return cut
    for descriptor in descriptors:
        caller = _find_caller(descriptor, port)
        if caller is None:
            continue
        seen[caller] += 1
        if (caller in banned or seen[caller] > most) and _shut_down(descriptor, caller, port):
            cut[caller] += 1
    return cut


def _shut_down(descriptor: int, caller: str, port: int) -> bool:
    """Shut a connection down, unless the descriptor has come to be another one's meanwhile."""
    try:
        own = socket.socket(fileno=os.dup(descriptor))
    except OSError:
        return False
    with own:
        if _read_caller(own, port) != caller:
            return False
        try:
            own.shutdown(socket.SHUT_RDWR)
        except OSError:
            return False  # it has ended by itself
    return True


def _find_caller(descriptor: int, port: int) -> str | None:
    for own in _borrow(descriptor):
        return _read_caller(own, port)
    return None


def _borrow(descriptor: int) -> Iterator[socket.socket]:
    """Return a descriptor as a socket without owning it; None if it is not a socket."""
    try:
        own = socket.socket(fileno=descriptor)
    except OSError:
        return
    try:
        yield own
    finally:
        own.detach()


def _read_caller(own: socket.socket, port: int) -> str | None:
    """Read who is at the other end of a connection to the port; None for any other socket."""
    if own.family not in {socket.AF_INET, socket.AF_INET6}:
        return None
    try:
        if own.getsockname()[1] != port:
            return None
        return read_address(own.getpeername()[0])
    except OSError:
        return None  # it listens, or has ended
