"""What befell each replica, read from its lag: when it stood still, fell behind, was silent, or was new.

A replica that fell behind because readers asked too much of it is left out: the replay brings that about by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from readpool.cli.backtest.history import History, Sample
from readpool.simulator.day.oddities import Span
from readpool.simulator.day.replica import NETWORK_RATE
from readpool.simulator.day.scenario import Fault, FaultKind

_BEHIND_LEDGERS = 3
_BACK_LEDGERS = 1
_STUCK_SHARE = 0.7
"""Of the network's rate: a lag that grows no slower than this is that of a replica that closes nothing."""
_OVERLOAD_SHARE = 0.9
_SHORTEST_SECONDS = 20.0


@dataclass(slots=True)
class Found:
    """What was found.

    Attributes:
        faults: by time, in seconds from the first sample.
        present: of each ordinal, the spans in which it was there and not new.
        warm_ups: from the moment each new replica was asked for until it was first fresh, in seconds.
    """

    faults: list[Fault] = field(default_factory=list)
    present: dict[int, list[Span]] = field(default_factory=dict)
    warm_ups: list[float] = field(default_factory=list)


class _Phase(Enum):
    ABSENT = auto()
    NEW = auto()
    IN_STEP = auto()
    BEHIND = auto()


@dataclass(slots=True)
class _Follower:
    """Follows one ordinal through the samples."""

    ordinal: int
    threshold: int
    interval: float
    found: Found
    phase: _Phase = _Phase.ABSENT
    since: float = 0.0
    present_since: float = 0.0
    peak: int = 0
    peak_at: float = 0.0
    silent_at: float | None = None
    silent_until: float = 0.0
    is_overload: bool = False

    def step(self, lag: int | None, now: float, *, is_there: bool, is_first: bool, is_blind: bool, use: float) -> None:
        """Add one sample: `lag` is None where it did not answer, `use` the share of what a replica can serve."""
        if not is_there:
            self._leave(now)
        elif self.phase is _Phase.ABSENT:
            self._arrive(lag, now, is_first=is_first)
        elif is_blind:
            return
        elif self.phase is _Phase.NEW:
            if lag is not None and lag < self.threshold:
                self.found.warm_ups.append(now - self.since + self.interval / 2)
                self._come_into_step(now)
        elif self.phase is _Phase.IN_STEP:
            if lag is None or lag >= _BEHIND_LEDGERS:
                self._fall_behind(lag, now, use)
        else:
            self._follow(lag, now)

    def end(self, now: float) -> None:
        """Note what still goes on at the end."""
        self._leave(now)

    def _arrive(self, lag: int | None, now: float, *, is_first: bool) -> None:
        self.since = now
        self.phase = _Phase.NEW
        if is_first:
            self._come_into_step(now)
            if lag is None or lag >= _BEHIND_LEDGERS:
                self._fall_behind(lag, now, 0.0)

    def _come_into_step(self, now: float) -> None:
        if self.phase is not _Phase.BEHIND:
            self.present_since = now
        self.phase = _Phase.IN_STEP

    def _fall_behind(self, lag: int | None, now: float, use: float) -> None:
        self.phase, self.is_overload = _Phase.BEHIND, use >= _OVERLOAD_SHARE
        self.since = now - self.interval / 2 if lag is None else now - min(lag / NETWORK_RATE, self.interval)
        self.peak, self.peak_at, self.silent_at = 0, now, None
        self._follow(lag, now)

    def _follow(self, lag: int | None, now: float) -> None:
        if lag is None:
            self.silent_at = self.silent_at if self.silent_at is not None else now - self.interval / 2
            self.silent_until = now + self.interval / 2
            return
        if lag > self.peak:
            self.peak, self.peak_at = lag, now
        if lag <= _BACK_LEDGERS:
            self._note_fault()
            self.phase = _Phase.IN_STEP

    def _leave(self, now: float) -> None:
        if self.phase is _Phase.BEHIND:
            self._note_fault()
        if self.phase in (_Phase.BEHIND, _Phase.IN_STEP):
            self.found.present.setdefault(self.ordinal, []).append(Span(self.present_since, now))
        self.phase = _Phase.ABSENT

    def _note_fault(self) -> None:
        if self.is_overload and self.silent_at is None:
            return
        lasted = max(self.peak_at - self.since, 0.0)
        if self.silent_at is not None:
            kind, at, seconds = FaultKind.CRASH, self.silent_at, self.silent_until - self.silent_at
        elif self.peak >= _STUCK_SHARE * NETWORK_RATE * lasted:
            kind, at, seconds = FaultKind.STUCK, self.since, self.peak / NETWORK_RATE
        else:
            kind, at, seconds = FaultKind.SLOW, self.since, lasted
        self.found.faults.append(Fault(max(0.0, at), self.ordinal, kind, max(_SHORTEST_SECONDS, seconds)))


def find_episodes(history: History, names: Mapping[str, int], borne: float | None) -> Found:
    """Find what befell each ordinal; `names` has the ordinal of each replica, `borne` requests/s that one can serve."""
    found = Found()
    start = history.samples[0].at
    followers = [
        _Follower(ordinal, history.setting.lag_threshold, history.interval_seconds, found)
        for ordinal in range(max(names.values(), default=-1) + 1)
    ]
    by_ordinal = {ordinal: name for name, ordinal in names.items()}
    replicas = history.setting.target
    for number, sample in enumerate(history.samples):
        replicas = sample.replicas if sample.replicas is not None else replicas
        is_blind = not sample.lags
        use = compute_use(sample, history.setting.lag_threshold, borne)
        for follower in followers:
            follower.step(
                sample.lags.get(by_ordinal.get(follower.ordinal, "")),
                sample.at - start,
                is_there=follower.ordinal < replicas,
                is_first=number == 0,
                is_blind=is_blind,
                use=use,
            )
    for follower in followers:
        follower.end(history.samples[-1].at - start)
    found.faults.sort(key=lambda fault: (fault.at, fault.ordinal))
    return found


def compute_use(sample: Sample, threshold: int, borne: float | None) -> float:
    """Compute which share of what it can serve each serving replica was asked for; 0 where that is not known."""
    serving = sum(lag < threshold for lag in sample.lags.values())
    if borne is None or sample.requests is None or not serving:
        return 0.0
    return sample.requests / serving / borne


def find_spans(samples: Sequence[Sample], interval: float, holds: Sequence[bool]) -> tuple[Span, ...]:
    """Find the spans of time for which the samples hold something, in seconds from the first one."""
    spans: list[Span] = []
    start = samples[0].at
    for sample, is_held in zip(samples, holds, strict=True):
        now = sample.at - start
        if not is_held:
            continue
        if spans and now - spans[-1].end < interval / 2:
            spans[-1] = Span(spans[-1].start, now + interval)
        else:
            spans.append(Span(now, now + interval))
    return tuple(spans)
