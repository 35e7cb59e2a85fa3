"""Counters of the controller; read at a scrape, written by the one event loop."""

from collections import Counter

from readpool.telemetry.histogram import Histogram

RECONCILE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class EdsStats:
    """What was told to Envoys.

    Attributes:
        streams: that are open, one or more of each Envoy.
        pushes: answers sent, by the variant of the protocol: "StateOfTheWorld", "Delta", or "Fetch" (polling).
        refusals: answers that an Envoy refused, each time; it goes on with what it had.
        refused_callers: what was refused to callers, by what they asked for and whose share was used up.
    """

    __slots__ = ("pushes", "refusals", "refused_callers", "streams")

    def __init__(self) -> None:
        self.streams = 0
        self.pushes: Counter[str] = Counter(StateOfTheWorld=0, Delta=0, Fetch=0)
        self.refusals = 0
        self.refused_callers: Counter[tuple[str, str]] = Counter()


class ControllerStats:
    """The process-wide counts.

    Attributes:
        reconciles: by outcome: "Unchanged" (nothing to write), "Written", "Failed", "InvalidSpec", "Gone".
        reconcile_seconds: from taking a pool out of the queue to the last answer.
        writes: by verb, kind and outcome: "OK" or the API server's reason.
        events: by outcome: "Written", "Repeated" (counted in one that is there), "Dropped".
        eds: of endpoint discovery; None where that is not served.
    """

    __slots__ = ("eds", "events", "reconcile_seconds", "reconciles", "writes")

    def __init__(self) -> None:
        self.reconciles: Counter[str] = Counter()
        self.reconcile_seconds = Histogram(RECONCILE_SECONDS)
        self.writes: Counter[tuple[str, str, str]] = Counter()
        self.events: Counter[str] = Counter()
        self.eds: EdsStats | None = None

    def count_reconcile(self, outcome: str, seconds: float) -> None:
        """Count one reconciliation and its duration in seconds."""
        self.reconciles[outcome] += 1
        self.reconcile_seconds.observe(seconds)

    def count_write(self, verb: str, kind: str, outcome: str) -> None:
        """Count one write by what it was and how it ended."""
        self.writes[verb, kind, outcome] += 1
