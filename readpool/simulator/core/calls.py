"""Which commands were called, for tests of what stands before a command port: proof that nothing came through. Pure."""

import json
from collections import Counter

QUERY_CHARACTERS = 200
"""Longer queries, as those of transactions, are cut."""
MOST_CALLS = 500
"""Different calls that are kept apart; the others are counted together."""
OTHERS = ("(others)", "")


class Calls:
    """The calls of one command port since it started."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def record(self, path: str, query: str) -> None:
        """Count a call."""
        call = (path, query[:QUERY_CHARACTERS])
        self._counts[call if call in self._counts or len(self._counts) < MOST_CALLS else OTHERS] += 1

    def render(self) -> bytes:
        """Write them as JSON: a list of objects with path, query and count."""
        calls = [{"path": path, "query": query, "count": count} for (path, query), count in self._counts.items()]
        return json.dumps(calls).encode() + b"\n"
