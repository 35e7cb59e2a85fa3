"""Writes the chart's rules: one file a group, which templates/prometheusrule.yaml puts together."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from devtools.monitoring.program_alerts import CERTIFICATES, CONTROLLER, GATES, ROUTER, SCALER
from readpool.alerts.fleets import build_fleet_alerts
from readpool.alerts.rule import Alert, build_rule

RUNBOOKS, GRAFANA = "@RUNBOOKS@", "@GRAFANA@"
"""What the template replaces by its values."""
_HEAD = "# Made by `make dashboards` from readpool/alerts and devtools/monitoring; a test compares.\n"

GROUPS: Mapping[str, Sequence[Alert]] = {
    "fleets": build_fleet_alerts(),
    "scaler": SCALER,
    "certificates": CERTIFICATES,
    "controller": CONTROLLER,
    "router": ROUTER,
    "gates": GATES,
}


def build_group(name: str) -> dict[str, Any]:
    """Build a group of rules."""
    return {"name": f"readpool.{name}", "rules": [build_rule(one, RUNBOOKS, GRAFANA) for one in GROUPS[name]]}


def render_rules() -> dict[str, str]:
    """Render every group, by the name of its file in the chart."""
    return {
        f"rules/{name}.yaml": _HEAD + yaml.safe_dump(build_group(name), sort_keys=False, width=1000) for name in GROUPS
    }
