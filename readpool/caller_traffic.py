"""Who sends far more to a gRPC port than its calls can need: floods of frames that never become a call. Pure.

What gRPC reads takes its time, whether or not a call comes of it, and it reads from all connections in turn.
"""

from collections import Counter
from collections.abc import Hashable, Mapping
from typing import NamedTuple

from readpool.pace import Pace

BURST_KIB, KIB_PER_SECOND = 8 * 1024, 1024.0
"""Of one caller. KEDA sends some half a kilobyte for each of its 500 calls a second, and an Envoy its names once."""
_KIB = 1024


class Received(NamedTuple):
    """What has come over a connection since it was opened, in bytes."""

    caller: str
    total: int


class CallerTraffic:
    """What each caller has sent lately, by how much its open connections have received from one look to the next."""

    def __init__(self) -> None:
        self._pace = Pace(BURST_KIB, KIB_PER_SECOND)
        self._seen: dict[Hashable, int] = {}

    def note(self, connections: Mapping[Hashable, Received], now: float) -> list[str]:
        """Note what has come over all open connections, at `now` in seconds; return who has sent too much."""
        more: Counter[str] = Counter()
        for connection, (caller, count) in connections.items():
            before = self._seen.get(connection, 0)
            more[caller] += count - before if count >= before else count
        self._seen = {connection: received.total for connection, received in connections.items()}
        return [caller for caller, count in more.items() if self._is_too_much(caller, count // _KIB, now)]

    def _is_too_much(self, caller: str, kib: int, now: float) -> bool:
        if not kib:
            return False
        self._pace.charge(caller, kib, now)
        return self._pace.take(caller, now) > 0
