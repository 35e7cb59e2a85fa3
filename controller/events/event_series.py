"""Which Events are written, which are counted in one that is there, which are dropped? So that nothing makes a storm.

The same sentence again within SERIES_SECONDS is the same Event once more; a reason with many sentences gets few. Pure.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

SERIES_SECONDS = 600.0
REPEAT_SECONDS = 60.0
"""How often the count of an Event is written again."""
BURST = 5
"""Events of one reason and pool within SERIES_SECONDS; more are dropped."""
MAX_SERIES = 10_000


@dataclass(slots=True)
class Series:
    """One Event as it is in the cluster; `count` includes repetitions that were not written yet."""

    name: str
    first_at: float
    written_at: float
    count: int = 1


@dataclass(frozen=True, slots=True)
class Sentence:
    """What makes two Events the same."""

    pool_uid: str
    reason: str
    message: str


@dataclass(slots=True)
class EventSeries:
    """All Events of late; bounded, the longest unused forgotten first."""

    _series: OrderedDict[Sentence, Series] = field(default_factory=OrderedDict)
    _bursts: OrderedDict[tuple[str, str], list[float]] = field(default_factory=OrderedDict)

    def find(self, sentence: Sentence, now: float) -> Series | None:
        """Count one more of a sentence; None where a new Event is due, which `begin` notes."""
        series = self._series.get(sentence)
        if series is None or now - series.first_at >= SERIES_SECONDS:
            return None
        series.count += 1
        self._series.move_to_end(sentence)
        return series

    def is_due(self, series: Series, now: float) -> bool:
        """Return whether the count is to be written now."""
        return now - series.written_at >= REPEAT_SECONDS

    def may_begin(self, sentence: Sentence, now: float) -> bool:
        """Return whether the pool may have another Event of this reason, and count it."""
        key = (sentence.pool_uid, sentence.reason)
        times = [at for at in self._bursts.pop(key, ()) if now - at < SERIES_SECONDS]
        is_allowed = len(times) < BURST
        self._bursts[key] = [*times, now] if is_allowed else times
        while len(self._bursts) > MAX_SERIES:
            self._bursts.popitem(last=False)
        return is_allowed

    def begin(self, sentence: Sentence, name: str, now: float) -> None:
        """Note a new Event."""
        self._series[sentence] = Series(name, now, now)
        self._series.move_to_end(sentence)
        while len(self._series) > MAX_SERIES:
            self._series.popitem(last=False)

    def drop(self, sentence: Sentence) -> None:
        """Forget an Event that is no longer in the cluster."""
        self._series.pop(sentence, None)
