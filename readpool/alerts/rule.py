"""An alert as data, and as a rule of Prometheus."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

RUNBOOK_URL = "https://github.com/readpool/readpool/blob/main/docs/runbooks"
"""Where the runbooks are read; NAME.md follows."""


class Severity(StrEnum):
    """How soon a person has to look."""

    CRITICAL = "critical"
    """At once: readers are affected, or will be and nothing watches over it."""
    WARNING = "warning"
    """Within a working day."""


class Dashboard(StrEnum):
    """The dashboard that shows what an alert is about, by its uid."""

    FLEET = "readpool-fleet"
    REPLICA = "readpool-replica"
    CONTROL_PLANE = "readpool-control-plane"
    ROUTING = "readpool-routing"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert.

    Attributes:
        name: in CamelCase, starts with ReadPool; its runbook is docs/runbooks/NAME.md.
        expression: PromQL.
        lasts: for how long it has to hold, as Prometheus writes durations.
        summary: one line, of what is wrong.
        description: what that means, with the values that help.
        labels: beside the severity; may be templates.
    """

    name: str
    expression: str
    lasts: str
    severity: Severity
    summary: str
    description: str
    dashboard: Dashboard
    labels: tuple[tuple[str, str], ...] = ()


def build_rule(
    alert: Alert, runbook_url: str = RUNBOOK_URL, grafana_url: str = "", labels: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Build the rule; without an address of Grafana there is no link to the dashboard.

    `labels` are added; they do not override the alert's own.
    """
    link = {"dashboard_url": _build_link(alert, grafana_url)} if grafana_url else {}
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": alert.lasts,
        "labels": {**(labels or {}), "severity": alert.severity.value, **dict(alert.labels)},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": f"{runbook_url}/{alert.name}.md",
            **link,
        },
    }


def _build_link(alert: Alert, grafana_url: str) -> str:
    return f"{grafana_url}/d/{alert.dashboard.value}{_CHOSEN.get(alert.dashboard, '')}"


_POOL_OF_POD = '{{ printf "%s/%s" $labels.namespace (reReplaceAll "-[0-9]+$" "" $labels.pod) | urlquery }}'
_CHOSEN = {
    Dashboard.FLEET: "?var-fleet={{ $labels.fleet | urlquery }}",
    Dashboard.REPLICA: f"?var-fleet={_POOL_OF_POD}&var-replica={{{{ $labels.pod | urlquery }}}}",
}
"""What a dashboard shows first, from the alert's labels."""
