"""The entries of the last few ledgers, for one thread that applies ledgers and others that look entries up.

Nothing is locked: what changed in the youngest ledgers is kept apart, each by itself, and never changes again. Only
what lies below the oldest of them is merged, and readers find what was merged in the changes that they still hold.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

Changes = Mapping[bytes, bytes | None]


class _Ledger(NamedTuple):
    num: int
    changes: Changes


class _State(NamedTuple):
    """Entries as of the first ledger, and the ledgers, oldest first; what the first one changed is in the entries."""

    oldest: dict[bytes, bytes]
    ledgers: tuple[_Ledger, ...]


class Snapshots:
    """The entries as of a ledger and of those before it.

    Args:
        num: the ledger that `entries` are of.
        entries: by their LedgerKeys; belongs to the snapshots from now on.
        kept: how many ledgers before the last one can be asked for (QUERY_SNAPSHOT_LEDGERS).
    """

    def __init__(self, num: int, entries: dict[bytes, bytes], kept: int = 5) -> None:
        self._kept = kept
        self._state = _State(entries, (_Ledger(num, {}),))

    @property
    def num(self) -> int:
        """The last ledger."""
        return self._state.ledgers[-1].num

    def put(self, num: int, changes: Changes) -> None:
        """Add the next ledger by what changed in it; None is gone."""
        oldest, ledgers = self._state.oldest, (*self._state.ledgers, _Ledger(num, changes))[-self._kept - 1 :]
        self._state = _State(oldest, ledgers)
        _merge(ledgers[0].changes, oldest)

    def reset(self, num: int, entries: dict[bytes, bytes]) -> None:
        """Begin again at another ledger."""
        self._state = _State(entries, (_Ledger(num, {}),))

    def get(self, key: bytes) -> bytes | None:
        """Return the entry of a key as of the last ledger."""
        return _find(key, self._state)

    def find(self, keys: Iterable[bytes], num: int | None = None) -> tuple[int, dict[bytes, bytes]] | None:
        """Look keys up as of ledger `num`, None is the last one: its number and the entries that are there, by key.

        None when that ledger is not kept. May be called from any thread.
        """
        oldest, ledgers = self._state
        if num is not None:
            ledgers = tuple(one for one in ledgers if one.num <= num)
            if not ledgers or ledgers[-1].num != num:
                return None
        keys = set(keys)
        found = dict(zip(keys, map(oldest.get, keys), strict=True))
        for ledger in ledgers:
            found.update((key, ledger.changes[key]) for key in _both(keys, ledger.changes))
        return ledgers[-1].num, {key: entry for key, entry in found.items() if entry is not None}

    def entries(self) -> dict[bytes, bytes]:
        """Return all entries as of the last ledger, a copy."""
        entries = dict(self._state.oldest)
        for ledger in self._state.ledgers:
            _merge(ledger.changes, entries)
        return entries


def _both(keys: set[bytes], changes: Changes) -> list[bytes]:
    if len(changes) < len(keys):
        return [key for key in changes if key in keys]
    return [key for key in keys if key in changes]


def _merge(changes: Changes, into: dict[bytes, bytes]) -> None:
    for key, entry in changes.items():
        if entry is None:
            into.pop(key, None)
        else:
            into[key] = entry


def _find(key: bytes, state: _State) -> bytes | None:
    for ledger in reversed(state.ledgers):
        if key in ledger.changes:
            return ledger.changes[key]
    return state.oldest.get(key)
