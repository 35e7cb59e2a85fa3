"""What the scalers of a release say in their logs, read as events; the newest word of each on who is in which class."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from devtools.cluster.access import KubectlError
from tests.e2e.cluster.own_release import OwnRelease

CONTAINER = "scaler"


@dataclass(frozen=True, slots=True)
class ScalerEvent:
    """One line of one scaler's log.

    Attributes:
        pod: of the scaler.
        name: of the event, such as classChanged.
        at: Unix time in seconds.
        fields: all of the line.
    """

    pod: str
    name: str
    at: float
    fields: dict[str, Any]


def list_events(release: OwnRelease, fleet: str, name: str | None = None, since: float = 0.0) -> list[ScalerEvent]:
    """List what the scalers that run now have said of a fleet, NAMESPACE/SERVICE, since a Unix time."""
    found = (event for pod in release.pods() for event in _read(release, pod, fleet))
    return [
        event
        for event in found
        if event.fields.get("fleet") == fleet and name in {None, event.name} and event.at >= since
    ]


def list_classes(release: OwnRelease, fleet: str) -> dict[str, dict[str, str]]:
    """Return the class of each replica as each scaler sees it: pod of the scaler, then replica, to class.

    A scaler that has said nothing of the fleet stands there with nothing.
    """
    seen: dict[str, dict[str, str]] = {pod: {} for pod in release.pods()}
    for event in list_events(release, fleet, "classChanged"):
        seen.setdefault(event.pod, {})[event.fields["replica"]] = event.fields["current"]
    return seen


def _read(release: OwnRelease, pod: str, fleet: str) -> Iterator[ScalerEvent]:
    """Read the lines that name a fleet: those of all tests before would take longer to parse than the test waits."""
    try:
        text = release.access.logs(release.namespace, pod, CONTAINER)
    except KubectlError:  # it has not started yet, or is gone since it was listed
        return
    for line in text.splitlines():
        if line.startswith("{") and fleet in line:
            fields = json.loads(line)
            yield ScalerEvent(pod, fields["event"], datetime.fromisoformat(fields["timestamp"]).timestamp(), fields)
