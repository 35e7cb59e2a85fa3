"""Histories of soaks for tests: a pool of three that answers all the time, and what is to differ from that."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from tests.soak.acts import Act
from tests.soak.history import Done, History, PodSeen, Probe, Read, Routed, Rules, Serving, Size
from tests.soak.truth import VALIDATOR

RULES = Rules(target=3, minimum=1, maximum=6, sustain_seconds=10, lag_threshold=10)
BEGAN, ENDED = 100.0, 300.0
FIRST_PROBE = 80.0
NAMES = ("soak-0", "soak-1", "soak-2")


def address(name: str) -> str:
    return f"10.0.0.{name.rpartition('-')[2]}"


def probes(name: str, since: float, until: float, *, answers: bool = True, behind: int = 0) -> list[Probe]:
    """Probe a replica twice a second; the network closes a ledger a second."""
    moments = [since + step / 2 for step in range(int(2 * (until - since)))]
    return [Probe(name, at, at + 0.05, int(at) - behind if answers else 0) for at in moments]


def silent(name: str, since: float, until: float, *, behind: int = 0) -> list[Probe]:
    """Probe a replica that is whole but for a time, in which it does not answer, or is so many ledgers behind."""
    ill = probes(name, since, until, answers=bool(behind), behind=behind)
    return [*probes(name, FIRST_PROBE, since), *ill, *probes(name, until, ENDED + 20)]


def ready(name: str, at: float = FIRST_PROBE, *, uid: str = "", is_ready: bool = True) -> PodSeen:
    return PodSeen(at, "replica", name, uid or f"uid of {name}", address(name), is_ready)


def done(verb: str, target: str, began: float, ended: float, *names: str, **others: Any) -> Done:
    size = others.pop("size", None)
    return Done(Act(began - BEGAN, verb, target, seconds=ended - began, **others), names, began, ended, size)


def sizes(*steps: tuple[float, int]) -> tuple[Size, ...]:
    return (Size(FIRST_PROBE, 3), *(Size(at, replicas) for at, replicas in steps))


def history(*, unlike: Iterable[Probe] = (), **others: Any) -> History:
    """Build a history in which all is well but for what is named; `unlike` replaces the probes of its replicas."""
    own = list(unlike)
    named = {probe.name for probe in own}
    whole = [probe for name in NAMES if name not in named for probe in probes(name, FIRST_PROBE, ENDED + 20)]
    built = History(
        RULES,
        BEGAN,
        ENDED,
        done=(done("kill", "scaler", 120, 120, "scaler-a"),),
        reads=tuple(Read(float(at), at + 0.01, ledger=at) for at in range(100, 320)),
        probes=(*probes(VALIDATOR, FIRST_PROBE, ENDED + 20), *whole, *own),
        pods=tuple(ready(name) for name in NAMES),
        routed=(Routed(FIRST_PROBE, frozenset(address(name) for name in NAMES)),),
        wanted=sizes(),
        sizes=sizes(),
        serving=(Serving(FIRST_PROBE, True),),
    )
    return replace(built, **others)
