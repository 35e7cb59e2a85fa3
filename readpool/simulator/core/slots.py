"""The slots that a node remembers for its peers: the last few, and the first of the newest checkpoint. Pure."""

import json
from collections.abc import Iterable

from readpool.simulator.core.model import ClosedLedger


class Slots:
    """Remembered slots by number, each with the accounts that signed it."""

    def __init__(self, remembered: int, checkpoint_ledgers: int) -> None:
        self._remembered = remembered
        self._step = checkpoint_ledgers
        self._newest = 0
        self._slots: dict[int, tuple[ClosedLedger, tuple[str, ...]]] = {}

    def add(self, ledger: ClosedLedger, signers: Iterable[str]) -> bool:
        """Remember a slot. False when it is known, or too old."""
        num = ledger.header.num
        if num in self._slots or not self._is_kept(num, newest := max(num, self._newest)):
            return False
        self._newest = newest
        self._slots[num] = (ledger, tuple(signers))
        for old in [one for one in self._slots if not self._is_kept(one, newest)]:
            del self._slots[old]
        return True

    def get(self, num: int) -> dict[str, object]:
        """Return slot `num` as peers send it. Raises KeyError when it is not remembered."""
        ledger, signers = self._slots[num]
        return {"ledger": ledger.to_json(), "signers": signers}

    def after(self, num: int) -> list[dict[str, object]]:
        """Return the last slots beyond ledger `num`, without what is only kept because it begins a checkpoint."""
        oldest = max(num, self._newest - self._remembered)
        return [self.get(one) for one in sorted(self._slots) if one > oldest]

    def checkpoint(self) -> list[dict[str, object]]:
        """Return the first slot of the newest checkpoint; nothing when it is not remembered."""
        return [self.get(one) for one in self._slots if one == self._newest // self._step * self._step]

    def _is_kept(self, num: int, newest: int) -> bool:
        return num > newest - self._remembered or num == newest // self._step * self._step


def parse_slots(message: str | bytes) -> list[tuple[ClosedLedger, list[str]]]:
    """Read slots as peers send them. Raises KeyError, TypeError or ValueError for anything else."""
    return [(ClosedLedger.from_json(one["ledger"]), one["signers"]) for one in json.loads(message)["slots"]]
