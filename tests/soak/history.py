"""What a soak has seen, as data; times are those of time.monotonic(), one clock for all processes here. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.soak.acts import Act


@dataclass(frozen=True, slots=True)
class Read:
    """What became of a read that a reader wanted.

    Attributes:
        sent_at: when it was asked for first.
        ended_at: when its answer was there, or it was given up.
        failure: what is wrong with the last answer; "" is nothing.
        lost: what became of each try before the last that got no answer at all, whereupon the reader asked again.
        ledger: the one that it was answered at, 0 where it was not.
    """

    sent_at: float
    ended_at: float
    failure: str = ""
    lost: tuple[str, ...] = ()
    ledger: int = 0


@dataclass(frozen=True, slots=True)
class Probe:
    """A read that was asked of one replica itself, past every router; `ledger` is 0 where it did not answer.

    The validator is asked as well, as the one who knows the newest ledger.
    """

    name: str
    began_at: float
    ended_at: float
    ledger: int


@dataclass(frozen=True, slots=True)
class PodSeen:
    """A pod as the API server told it at a moment; `of` says whether it is a replica, a router, a scaler."""

    at: float
    of: str
    name: str
    uid: str
    address: str
    is_ready: bool
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class Routed:
    """The addresses in the slices of the pool's read Service from a moment on."""

    at: float
    addresses: frozenset[str]


@dataclass(frozen=True, slots=True)
class Size:
    """The number of replicas that an object asks for from a moment on."""

    at: float
    replicas: int


@dataclass(frozen=True, slots=True)
class Done:
    """An act that was done: to which pods or parts, from when to when; `ended_at` is when it was taken back.

    `size` is the number of replicas that a user asked for.
    """

    act: Act
    targets: tuple[str, ...]
    began_at: float
    ended_at: float
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Serving:
    """Whether the API server answered that it is ready, at a moment."""

    at: float
    is_serving: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for the pool: its sizes, and when its policy acts."""

    target: int
    minimum: int
    maximum: int
    sustain_seconds: float
    lag_threshold: int

    @property
    def surge(self) -> int:
        """How many may be on their way at once (docs/policy.md)."""
        return max(1, -(-self.target // 4))


@dataclass(frozen=True, slots=True)
class History:
    """All that was seen of a soak.

    Attributes:
        rules: of the pool.
        began_at: when faults began.
        ended_at: when the last was taken back.
        done: what was done, in order.
        skipped: acts that could not be done, and why.
        wanted: what spec.replicas of the pool asked for, in order; the first is what it was at the beginning.
        sizes: the same of the StatefulSet.
        unsettled: what was not as it should be at the end; empty where everything settled.
        settled_seconds: how long that took.
        writes: writes of the controllers to the API server, by resource; empty where nobody counts them.
    """

    rules: Rules
    began_at: float
    ended_at: float
    done: tuple[Done, ...] = ()
    skipped: tuple[tuple[Act, str], ...] = ()
    reads: tuple[Read, ...] = ()
    probes: tuple[Probe, ...] = ()
    pods: tuple[PodSeen, ...] = ()
    routed: tuple[Routed, ...] = ()
    wanted: tuple[Size, ...] = ()
    sizes: tuple[Size, ...] = ()
    serving: tuple[Serving, ...] = ()
    unsettled: tuple[str, ...] = ()
    settled_seconds: float = 0.0
    writes: Mapping[str, int] = field(default_factory=dict)
