"""What do history archives hold, by their own word? Bytes of .well-known/stellar-history.json in, ledgers out. Pure.

Archives are of anybody's making: whatever is not a checkpoint that can be is no answer.
"""

import json
from collections.abc import Iterable
from statistics import median_low

from readpool.history_archives import CHECKPOINT_LEDGERS, FIRST_LEDGER

_MOST_LEDGERS = 2**32 - 1


def parse_archived_ledger(body: bytes) -> int | None:
    """Parse the newest ledger that an archive says it has; None for anything but the end of a checkpoint."""
    try:
        report = json.loads(body)
    except (ValueError, RecursionError):
        return None
    ledger = report.get("currentLedger") if isinstance(report, dict) else None
    if not isinstance(ledger, int) or isinstance(ledger, bool) or not 0 < ledger <= _MOST_LEDGERS:
        return None
    return ledger if (ledger + 1) % CHECKPOINT_LEDGERS == 0 else None


def choose_archived_ledgers(answers: Iterable[int | None]) -> tuple[int, int] | None:
    """Choose first and last ledger from what several archives say: the middle, so that one liar moves nothing."""
    known = [ledger for ledger in answers if ledger is not None]
    return (FIRST_LEDGER, median_low(known)) if known else None
