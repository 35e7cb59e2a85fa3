"""What an API server makes of what is applied, for a world without one: what is empty goes, what is theirs stays."""

import copy
from datetime import UTC, datetime
from typing import Any


def write_time(now: float) -> str:
    """Write a time as the API does."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def leave_out_empty(value: Any) -> Any:
    if isinstance(value, dict):
        whole = {key: leave_out_empty(part) for key, part in value.items()}
        return {key: part for key, part in whole.items() if part not in ({}, [], "", None)}
    return [leave_out_empty(part) for part in value] if isinstance(value, list | tuple) else value


def keep_theirs(before: dict[str, Any], made: dict[str, Any]) -> None:
    for part in ("labels", "annotations"):
        theirs = {k: v for k, v in before.get("metadata", {}).get(part, {}).items() if k.startswith("theirs/")}
        made["metadata"][part] = theirs | made["metadata"].get(part, {})


def strip(manifest: dict[str, Any]) -> dict[str, Any]:
    stripped = copy.deepcopy(manifest)
    stripped["metadata"].pop("generation", None)
    status = stripped.get("status", {})
    for name in ("observedGeneration", "updateRevision"):
        status.pop(name, None)
    for condition in status.get("conditions", ()):
        condition.pop("observedGeneration", None)
        condition.pop("lastTransitionTime", None)  # a status that was written in between has one of its own
    return stripped
