"""How long did what was hurt take to be whole again, and stay so? Pure.

A replica is whole where it answers our own probe at a fresh ledger, is ready and has an address in the slices; the rest
where all its pods are ready; API server and etcd where the API server answers. Of the others nothing is measured, nor
where the same target was hurt again before.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from tests.soak.acts import API_SERVER, CONTROLLER, ETCD, GATE, KEDA, REPLICA, ROUTER, SCALER, Act
from tests.soak.history import Done, PodSeen
from tests.soak.truth import Truth, group_pods

STAYS_SECONDS = 5.0
SIZES: Mapping[str, int] = {ROUTER: 2, SCALER: 2, CONTROLLER: 2, KEDA: 1}
Changes = Sequence[tuple[float, bool]]
"""Whether something is so, from each moment on, in order."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long a target took from the end of a fault until it was whole for good."""

    act: Act
    target: str
    seconds: float


def measure_recoveries(truth: Truth) -> tuple[Recovery, ...]:
    """Measure each that was seen to its end."""
    return tuple(_measure(truth))


def _measure(truth: Truth) -> Iterator[Recovery]:
    history = truth.history
    for done in history.done:
        for target in done.targets:
            changes = _find_changes(truth, done.act.target, target)
            if changes is None:
                continue
            at = find_whole(changes, done.ended_at)
            if at is not None and not _is_hurt_again(history.done, done, target, at):
                yield Recovery(done.act, target, at - done.ended_at)


def find_whole(changes: Changes, since: float) -> float | None:
    """Find the first moment from which something is so for long enough; None where it never was."""
    ends = [*(at for at, _ in changes[1:]), float("inf")]
    for (at, is_so), end in zip(changes, ends, strict=False):
        start = max(at, since)
        if is_so and end - start > STAYS_SECONDS:
            return start
    return None


def _is_hurt_again(done: Iterable[Done], first: Done, target: str, at: float) -> bool:
    return any(
        one is not first and _is_same(one, first, target) and first.began_at <= one.began_at <= at + STAYS_SECONDS
        for one in done
    )


def _is_same(one: Done, first: Done, target: str) -> bool:
    """Return whether another act hit the same: of replicas the same one, of the rest the same kind."""
    if first.act.target in {REPLICA, GATE}:
        return target in one.targets
    return one.act.target == first.act.target


def _find_changes(truth: Truth, of: str, target: str) -> Changes | None:
    history = truth.history
    if of in {REPLICA, GATE}:
        return _follow_replica(truth, target)
    if of in SIZES:
        return _follow_pods(group_pods(history.pods, of), SIZES[of])
    if of in {API_SERVER, ETCD}:
        return [(one.at, one.is_serving) for one in history.serving]
    return None


def _follow_replica(truth: Truth, name: str) -> Changes:
    """Follow whether a replica is whole: by our probe, by the kubelet and by the slices."""
    pods = truth.replicas.get(name, [])
    facts: list[tuple[float, str, object]] = [
        *(
            (look.began_at if look.is_fine else look.ended_at, "fine", look.is_fine)
            for look in truth.looks.get(name, [])
        ),
        *((pod.at, "pod", pod) for pod in pods),
        *((one.at, "routed", one.addresses) for one in truth.history.routed),
    ]
    state: dict[str, object] = {}
    changes = []
    for at, what, value in sorted(facts, key=lambda fact: fact[0]):
        state[what] = value
        pod, routed = state.get("pod"), state.get("routed")
        is_there = isinstance(pod, PodSeen) and pod.is_ready and not pod.is_gone
        is_routed = isinstance(pod, PodSeen) and isinstance(routed, frozenset) and pod.address in routed
        changes.append((at, bool(state.get("fine")) and is_there and is_routed))
    return _merge(changes)


def _follow_pods(pods: Mapping[str, Sequence[PodSeen]], size: int) -> Changes:
    """Follow whether so many pods are ready."""
    ready: set[str] = set()
    changes = []
    for word in sorted((word for words in pods.values() for word in words), key=attrgetter("at")):
        (ready.add if word.is_ready and not word.is_gone else ready.discard)(word.uid)
        changes.append((word.at, len(ready) >= size))
    return _merge(changes)


def _merge(changes: Changes) -> Changes:
    """Leave out what changes nothing."""
    return [one for index, one in enumerate(changes) if index == 0 or changes[index - 1][1] != one[1]]
