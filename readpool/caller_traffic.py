"""Who does far more to a gRPC port than its calls can need: floods of frames, of connections, of handshakes. Pure.

What gRPC reads takes its time, whether or not a call comes of it, and it reads from all connections in turn. One that
says nothing takes memory, some 70 KiB with TLS; one that comes and goes takes a handshake.
"""

from collections import Counter
from collections.abc import Hashable, Mapping
from typing import NamedTuple

from readpool.pace import Pace

BURST_KIB, KIB_PER_SECOND = 8 * 1024, 1024.0
"""Of one caller. KEDA sends some half a kilobyte for each of its 500 calls a second, and an Envoy its names once."""
MOST_CONNECTIONS = 2048
"""Of one caller at once; those beyond half as many are closed, which is enough for who has them by mistake."""
MOST_ARRIVALS, ARRIVALS_PER_SECOND = 512, 20.0
"""New connections of one caller. gRPC's clients keep one, and wait longer each time where it cannot be had."""
_KIB = 1024


class Received(NamedTuple):
    """What has come over a connection since it was opened, in bytes."""

    caller: str
    total: int


class CallerTraffic:
    """What each caller has sent lately, by how much its open connections have received from one look to the next."""

    def __init__(self) -> None:
        self._pace = Pace(BURST_KIB, KIB_PER_SECOND)
        self._arrivals = Pace(MOST_ARRIVALS, ARRIVALS_PER_SECOND)
        self._seen: dict[Hashable, int] = {}

    def note(self, connections: Mapping[Hashable, Received], now: float) -> list[str]:
        """Note what has come over all open connections, at `now` in seconds; return who does too much."""
        more: Counter[str] = Counter()
        new: Counter[str] = Counter()
        for connection, (caller, count) in connections.items():
            before = self._seen.get(connection)
            new[caller] += before is None
            more[caller] += count - before if before is not None and count >= before else count
        self._seen = {connection: received.total for connection, received in connections.items()}
        held = Counter(received.caller for received in connections.values())
        return [caller for caller in held if self._is_too_much(caller, more[caller] // _KIB, new[caller], now)] + [
            caller for caller, count in held.items() if count > MOST_CONNECTIONS
        ]

    def _is_too_much(self, caller: str, kib: int, new: int, now: float) -> bool:
        return any([_is_beyond(self._pace, caller, kib, now), _is_beyond(self._arrivals, caller, new, now)])


def _is_beyond(pace: Pace, caller: str, count: int, now: float) -> bool:
    if not count:
        return False
    pace.charge(caller, count - 1, now)
    return pace.take(caller, now) > 0
