"""Which addresses stayed in the slices of a pool after their pods were gone? Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.soak.acts import ALL, API_SERVER, CONTROLLER, ETCD, REPLICA
from tests.soak.history import History, PodSeen, Routed

ALLOWED_SECONDS = 2.0
BACK_SECONDS = 20.0
"""For so long after they were away the API server and the controllers take to be back, leader and all."""


@dataclass(frozen=True, slots=True)
class DeadAddress:
    """An address that readers were sent to for too long after its pod was gone.

    `is_excused`: nobody could write slices then, as the API server or all controllers were away or just back.
    """

    name: str
    address: str
    gone_at: float
    seconds: float
    is_excused: bool


def find_dead_addresses(history: History) -> tuple[DeadAddress, ...]:
    """Find them, in the order in which their pods went."""
    replicas = sorted((pod for pod in history.pods if pod.of == REPLICA), key=lambda pod: pod.at)
    routed = sorted(history.routed, key=lambda one: one.at)
    return tuple(_find(history, replicas, routed))


def _find(history: History, replicas: Sequence[PodSeen], routed: Sequence[Routed]) -> Iterator[DeadAddress]:
    for pod in replicas:
        if not pod.is_gone or not pod.address:
            continue
        until = _find_end(replicas, routed, pod, history.ended_at)
        if until - pod.at > ALLOWED_SECONDS:
            excused = _could_nobody_write(history, pod.at, until)
            yield DeadAddress(pod.name, pod.address, pod.at, until - pod.at, excused)


def _find_end(replicas: Sequence[PodSeen], routed: Sequence[Routed], pod: PodSeen, end: float) -> float:
    """Find when the address of a pod that is gone left the slices, or became another pod's."""
    first = max(0, bisect_right(routed, pod.at, key=lambda one: one.at) - 1)
    left = next((one.at for one in routed[first:] if pod.address not in one.addresses), end)
    heirs = replicas[bisect_left(replicas, pod.at, key=lambda one: one.at) :]
    taken = (one.at for one in heirs if one.address == pod.address and not one.is_gone)
    return min(left, next(taken, end))


def _could_nobody_write(history: History, since: float, until: float) -> bool:
    return any(
        done.began_at <= until and since <= done.ended_at + BACK_SECONDS
        for done in history.done
        if done.act.target in {API_SERVER, ETCD} or (done.act.target == CONTROLLER and done.act.index == ALL)
    )
