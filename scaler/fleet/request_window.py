"""One replica's gate, report after report: what came in and went out over the last minute. Between probe and figures.

A gate counts from its start on. A counter that falls from one report to the next therefore means that the gate
restarted, and it is not compared with what was before.
"""

from dataclasses import dataclass
from itertools import pairwise

from scaler.fleet.request_figures import RequestFigures
from scaler.probes.gate import GateReport

WINDOW_SECONDS = 60.0
_STEP_SECONDS = 20.0
"""No more reports are kept than leave no larger gap than this: a replica costs the same however often it is asked."""
_LEAST_SECONDS = 2.0
"""Over less than this a number of requests is chance."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a gate had counted at a time in seconds.

    `counts` are requests, failures, other answers, then the answers of each bucket of times, whose upper bounds are
    `bounds`. None of them ever falls while the gate runs.
    """

    at: float
    counts: tuple[int, ...]
    bounds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RequestWindow:
    """What is kept of one gate: reports of the last minute, oldest first, and what they say together.

    `figures` is None until there are two, some seconds apart; `volume_used_percent` is the last report's own.
    """

    sightings: tuple[Sighting, ...] = ()
    figures: RequestFigures | None = None
    volume_used_percent: int | None = None


def advance_window(window: RequestWindow, report: GateReport, now: float) -> RequestWindow:
    """Fold one report of a gate into its window. One that is not later than the last tells nothing new."""
    last = window.sightings[-1] if window.sightings else None
    if last is not None and now <= last.at:
        return window
    seen = _build_sighting(report, last, now)
    if last is None or _is_restarted(last, seen):
        return RequestWindow((seen,), volume_used_percent=report.volume_used_percent)
    sightings = _keep(window.sightings, seen)
    return RequestWindow(sightings, _measure(sightings[0], seen), report.volume_used_percent)


def find_figures(window: RequestWindow, oldest: float) -> RequestFigures | None:
    """Find what the window says; None while it says nothing, and where its last report came before `oldest`."""
    return window.figures if window.sightings and window.sightings[-1].at >= oldest else None


def find_used_percent(window: RequestWindow, oldest: float) -> int | None:
    """Find how full the volume is beside the gate; None where it tells nothing, or its last report is too old."""
    return window.volume_used_percent if window.sightings and window.sightings[-1].at >= oldest else None


def _build_sighting(report: GateReport, last: Sighting | None, now: float) -> Sighting:
    bounds = tuple(bound for bound, _ in report.times)
    if last is not None and last.bounds == bounds:
        bounds = last.bounds  # kept once, not once a report
    in_buckets = (later - earlier for earlier, later in pairwise((0, *(count for _, count in report.times))))
    return Sighting(now, (report.requests, report.failures, report.answers - report.failures, *in_buckets), bounds)


def _is_restarted(last: Sighting, seen: Sighting) -> bool:
    if last.bounds != seen.bounds:
        return True
    return any(later < earlier for earlier, later in zip(last.counts, seen.counts, strict=True))


def _keep(sightings: tuple[Sighting, ...], seen: Sighting) -> tuple[Sighting, ...]:
    """Put a sighting behind those that are kept, and let go what is older than the window, as long as two are left."""
    if len(sightings) > 1 and seen.at - sightings[-2].at <= _STEP_SECONDS:
        sightings = sightings[:-1]
    while len(sightings) > 1 and seen.at - sightings[0].at > WINDOW_SECONDS:
        sightings = sightings[1:]
    return (*sightings, seen)


def _measure(first: Sighting, last: Sighting) -> RequestFigures | None:
    seconds = last.at - first.at
    if seconds < _LEAST_SECONDS:
        return None
    requests, failures, others, *in_buckets = (
        later - earlier for earlier, later in zip(first.counts, last.counts, strict=True)
    )
    times, answered = [], 0
    for bound, count in zip(last.bounds, in_buckets, strict=True):
        answered += count
        times.append((bound, answered / seconds))
    return RequestFigures(requests / seconds, (failures + others) / seconds, failures / seconds, tuple(times))
