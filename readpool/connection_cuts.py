"""Ends connections to a gRPC port: all of callers that are banned, and those beyond as many as a caller may have.

A caller that sends far more than its calls can need is banned here as well. The kernel keeps out new connections of
those that are banned; where it cannot, they end as soon as they are seen.
"""

import asyncio
from collections import Counter
from collections.abc import Set as AbstractSet

import structlog

from readpool.bans import Bans
from readpool.caller_traffic import CallerTraffic
from readpool.port_sockets import can_list, find_caller, keep_out, list_descriptors, read_received, shut_down

MOST_CONNECTIONS = 1024
"""Of one caller: KEDA's go on for as long as a stream on them does, and a new one is made every 60 s."""
_BAN_SECONDS, _LOOK_SECONDS, _COUNT_SECONDS = 0.02, 0.2, 5.0
_IDLE_SECONDS = 0.1
_BAN_SHARE, _LOOK_SHARE = 0.2, 0.05
"""Of the time, at most, goes into looking for connections of those that are banned, and at what comes over others."""
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
        self._traffic = CallerTraffic()

    async def run(self) -> None:
        """Cut what is to be cut, until cancelled; where descriptors cannot be listed, nothing is."""
        if not can_list():
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look(), name="traffic of callers")
            group.create_task(self._cut(), name="connections of callers")

    async def _look(self) -> None:
        """Ban callers that send too much."""
        loop, rest_seconds = asyncio.get_running_loop(), _LOOK_SECONDS
        while True:
            await asyncio.sleep(max(rest_seconds, _LOOK_SECONDS))
            began = loop.time()
            received = await asyncio.to_thread(read_received, self._port)
            rest_seconds = (loop.time() - began) / _LOOK_SHARE
            for caller in self._traffic.note(received, loop.time()):
                ban_seconds = self._bans.ban(caller, loop.time())
                if ban_seconds is not None:
                    _log.warning("callerFloods", caller=caller, banSeconds=ban_seconds)

    async def _cut(self) -> None:
        loop = asyncio.get_running_loop()
        count_at, rest_seconds = loop.time() + _COUNT_SECONDS, _BAN_SECONDS
        kept_out: frozenset[str] = frozenset()
        while True:
            await asyncio.sleep(max(rest_seconds, _BAN_SECONDS))
            now = loop.time()
            banned = self._bans.list_banned(now)
            if banned != kept_out:
                await asyncio.to_thread(keep_out, self._port, banned)
                kept_out = banned
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


def cut_connections(port: int, banned: AbstractSet[str], most: int = MOST_CONNECTIONS) -> Counter[str]:
    """End connections to a port: all of those banned, and those of others beyond `most`; count them by caller."""
    seen: Counter[str] = Counter()
    cut: Counter[str] = Counter()
    descriptors = list_descriptors()
    if not banned and len(descriptors) <= most:
        return cut
    for descriptor in descriptors:
        caller = find_caller(descriptor, port)
        if caller is None:
            continue
        seen[caller] += 1
        if (caller in banned or seen[caller] > most) and shut_down(descriptor, caller, port):
            cut[caller] += 1
    return cut
