"""How often the controllers wrote, and what, from the audit log of a cluster of ours. Pure but for one read."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

WRITING = frozenset({"create", "update", "patch", "delete"})
REVIEWS = frozenset({"tokenreviews", "subjectaccessreviews"})
"""Written by whoever asks for leave, and kept nowhere."""


def find_end(log: Path) -> int:
    """Find where a log ends now."""
    return log.stat().st_size if log.exists() else 0


def read_writes(log: Path, since: int) -> dict[str, int]:
    """Count the writes that a log tells of from a place on, by resource."""
    with log.open(encoding="utf-8") as file:
        file.seek(since)
        return count_writes(file)


def count_writes(lines: Iterable[str]) -> dict[str, int]:
    """Count the writes that were accepted, by resource."""
    counts: Counter[str] = Counter()
    for line in lines:
        if not line.endswith("\n"):
            break  # it is being written
        event = json.loads(line)
        resource = (event.get("objectRef") or {}).get("resource")
        is_accepted = (event.get("responseStatus") or {}).get("code", 500) < 400
        if event.get("verb") in WRITING and resource and resource not in REVIEWS and is_accepted:
            subresource = event["objectRef"].get("subresource")
            counts[f"{resource}/{subresource}" if subresource else resource] += 1
    return dict(counts)
