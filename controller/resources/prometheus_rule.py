"""PrometheusRule NAME: the alerts of one pool, the same as the chart's for every fleet (readpool.alerts).

Name and labels are the same too, so that Alertmanager takes the pool's and the chart's for one.
"""

from typing import Any

from controller.observed.labels import build_metadata
from controller.observed.plan_settings import PlanSettings
from readpool.alerts.fleets import build_fleet_alerts, build_not_observed
from readpool.alerts.rule import build_rule
from readpool.kubernetes.kinds import PROMETHEUS_RULE
from readpool.pool.spec import ReadOnlyPool


def build_prometheus_rule(pool: ReadOnlyPool, settings: PlanSettings) -> dict[str, Any]:
    """Build the rule; a paused pool's has no alerts on decisions, for there are none."""
    fleet = f"{pool.namespace}/{pool.name}"
    percent = _choose_volume_percent(pool)
    alerts = [*build_fleet_alerts(fleet, is_paused=pool.spec.paused, volume_percent=percent), build_not_observed(fleet)]
    group = {
        "name": f"readpool.{pool.namespace}.{pool.name}",
        "rules": [build_rule(alert, settings.runbook_url, labels=settings.alert_labels) for alert in alerts],
    }
    return {
        "apiVersion": PROMETHEUS_RULE.api_version,
        "kind": PROMETHEUS_RULE.name,
        "metadata": build_metadata(pool, pool.name),
        "spec": {"groups": [group]},
    }


def _choose_volume_percent(pool: ReadOnlyPool) -> int | None:
    """Choose halfway between where a volume should grow and where it is full; None where it does not grow by itself."""
    grows = pool.spec.storage.auto_grow
    return None if grows is None else (100 + grows.used_percent) // 2
