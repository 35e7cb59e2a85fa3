"""The recorded answers beside this module, read for the tests of whatever takes them apart."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
BOOTING = "1-fresh--validator-Booting-1"
JOINING = "1-fresh--watcher-Joining-SCP-1"
YOUNG = "1-fresh--validator-Synced-2"
APPLYING = "2-late--complete-Catching-up-3"
STALE_STATUS = "2-late--complete-Synced-6"
SYNCED = "4-stopwatcher--w1-Synced-1"
VALIDATOR = "4-stopwatcher--validator-Synced-1"
HALTED = "4-stopwatcher--w2-Joining-SCP-2"
BEHIND = "5-restart--w2-Catching-up-3"
RESTARTED = "5-restart--w2-Connected-2"
WAITING = "6-realtime--late-Catching-up-2"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("?-*.json")))


def read_answer(name: str) -> bytes:
    """Read one recorded answer to GET /info."""
    return (FOLDER / f"{name}.json").read_bytes()


def read_document(name: str) -> dict[str, Any]:
    """Read one recorded answer as the document that it is, free to be changed."""
    document: dict[str, Any] = json.loads(read_answer(name))
    return document


def read_trace() -> list[dict[str, Any]]:
    """Read what a watcher answered that was stopped for 18 s: t, state, num, age and closeTime, or t and failed."""
    rows: list[dict[str, Any]] = json.loads((FOLDER / "stopped-and-continued.json").read_bytes())
    return rows
