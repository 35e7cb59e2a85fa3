"""Which reads failed, and which of these could a living fresh replica have answered? Pure.

A replica could have answered where it answered each probe of our own, at a fresh ledger, from ten seconds before, so
that readpool had the time to learn of it, and no fault of ours was upon it. Where nobody looked, it counts as if one
had been there. A reader asks again where a try is lost without any answer, as any client does whose proxy goes; that is
excused only shortly after a router was hurt.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.soak.acts import (
    API_SERVER,
    CONTROLLER,
    CONTROLLERS,
    ETCD,
    GATE,
    KUBELET,
    PROXY,
    REPLICA,
    ROUTER,
    SCALER,
    USER,
    Act,
)
from tests.soak.history import Done, Read
from tests.soak.truth import Truth

KNOWN_SECONDS = 10.0
"""For so long a replica must have been fine until it counts: two polls, a slice, and a busy machine."""
ANSWER_SECONDS = 2.0
"""So long a replica must have stayed fine after a read was sent."""
ROUTER_SECONDS = 20.0
"""For so long after a fault of a router tries may be lost to it."""
LINGERS_SECONDS = 5.0
NO_FAULT = "no fault"
NOBODY_LOOKED = "nobody looked"
LOST = "lost without a fault of a router"
_MOST_LIKELY = (GATE, REPLICA, ROUTER, PROXY, API_SERVER, ETCD, KUBELET, CONTROLLER, CONTROLLERS, SCALER, USER)


@dataclass(frozen=True, slots=True)
class Failed:
    """A read that failed.

    Attributes:
        read: the read.
        cause: the kind of act that was most likely behind it.
        able: the replicas that could have answered it; none excuses it.
    """

    read: Read
    cause: str
    able: tuple[str, ...]

    @property
    def failure(self) -> str:
        """What went wrong, in words that are the same for all of its kind."""
        return self.read.failure or LOST


def list_failed(truth: Truth) -> tuple[Failed, ...]:
    """List the reads that failed, with who could have answered them."""
    return tuple(
        Failed(read, name_cause(truth.history.done, read), find_able(truth, read))
        for read in truth.history.reads
        if read.failure or (read.lost and not is_excused_by_router(truth.history.done, read))
    )


def is_excused_by_router(done: Sequence[Done], read: Read) -> bool:
    """Return whether a router was hurt so shortly before that the reader's first try may have been lost to it."""
    return any(
        one.act.target == ROUTER and one.began_at <= read.ended_at and read.sent_at <= one.ended_at + ROUTER_SECONDS
        for one in done
    )


def find_able(truth: Truth, read: Read) -> tuple[str, ...]:
    """Find the replicas that could have answered a read."""
    windows = list(_list_windows(read))
    if not any(truth.list_looks(name, *window)[1:] for name in truth.looks for window in windows):
        return (NOBODY_LOOKED,)
    return tuple(
        name
        for name in sorted(truth.looks)
        if any(truth.was_fine(name, *window) and not truth.was_hurt(name, *window) for window in windows)
    )


def _list_windows(read: Read) -> Iterator[tuple[float, float]]:
    """List the times in each of which a replica that was fine could have answered: at its beginning, and at its end."""
    yield read.sent_at - KNOWN_SECONDS, min(read.ended_at, read.sent_at + ANSWER_SECONDS)
    if read.ended_at - read.sent_at > KNOWN_SECONDS:
        yield read.ended_at - KNOWN_SECONDS - ANSWER_SECONDS, read.ended_at


def name_cause(done: Sequence[Done], read: Read) -> str:
    """Name the kind of act that was upon the pool when a read failed, the one nearest to readers where several were."""
    upon = _list_upon(done, read.sent_at, read.sent_at) or _list_upon(done, read.sent_at, read.ended_at)
    return min(upon, key=lambda act: _MOST_LIKELY.index(act.target)).kind if upon else NO_FAULT


def _list_upon(done: Sequence[Done], since: float, until: float) -> list[Act]:
    """List what was upon the pool within a time, or had been just before."""
    return [
        one.act
        for one in done
        if one.began_at <= until and since <= one.ended_at + LINGERS_SECONDS and one.act.target in _MOST_LIKELY
    ]
