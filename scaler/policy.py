"""How many replicas should there be? From the replicas' standings and what the pool has learned to one number and the sentence for it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """The pool's size: never under `minimum`, normally `target` fresh ones, never over `maximum`."""

    minimum: int
    target: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Decision:
    """The desired number of replicas with its reasons, or why there is no ground for one.

    Attributes:
        desired: number of replicas; None when there is no ground to decide on, and KEDA is to hold.
        reason: CamelCase, stable, for machines.
        message: one sentence for people.
        lacking: replicas that lag or do not answer for good and will not be back sooner than a new one.
        catching_up: replicas on their way to fresh.
        bearing: replicas that the request rate needs by what has been learned; 0 when unknown.
    """

    desired: int | None
    reason: str
    message: str
    lacking: int = 0
    catching_up: int = 0
    bearing: int = 0
