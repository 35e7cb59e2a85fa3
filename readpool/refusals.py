"""What was refused to callers: counted each time, and logged once in a while."""

from collections import Counter

import structlog

from readpool.budget import OverBudget
from readpool.clock import Clock, steady_clock
from readpool.line_budget import LineBudget

_BURST, _PER_SECOND = 3, 1 / 60
_log = structlog.get_logger(__name__)


class Refusals:
    """The refusals of one process.

    Attributes:
        counts: by what was asked for and whose share was used up: "caller", "namespace" or "process".
    """

    def __init__(self, counts: Counter[tuple[str, str]] | None = None, clock: Clock | None = None) -> None:
        self.counts: Counter[tuple[str, str]] = Counter() if counts is None else counts
        self._clock = clock or steady_clock()
        self._lines = LineBudget(_BURST, _PER_SECOND)

    def note(self, refusal: OverBudget, caller: str) -> None:
        """Count a refusal; log it unless the caller has been refused the same within a minute or so."""
        self.counts[refusal.what, str(refusal.scope)] += 1
        withheld = self._lines.take((caller, refusal.what), self._clock())
        if withheld is not None:
            _log.warning("callerRefused", caller=caller, message=str(refusal), suppressed=withheld)
