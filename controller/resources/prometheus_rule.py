"""PrometheusRule NAME: what a person should hear of a pool, from the scaler's metrics (docs/metrics.md).

Several scalers tell of the same pool, so each expression takes the highest of what they say.
"""

from typing import Any

from controller.observed.labels import build_metadata
from readpool.kubernetes.kinds import PROMETHEUS_RULE
from readpool.pool.spec import ReadOnlyPool

_WARNING = "warning"
_CRITICAL = "critical"


def build_prometheus_rule(pool: ReadOnlyPool) -> dict[str, Any]:
    """Build the rule; a paused pool's says nothing of decisions, for there are none."""
    deciding = [] if pool.spec.paused else [_alert_no_ground(pool), _alert_at_maximum(pool)]
    alerts = [_alert_below_target(pool), _alert_none_fresh(pool), _alert_not_observed(pool), _alert_halted(pool)]
    alerts += [_alert_volume_full(pool)] if pool.spec.storage.auto_grow is not None else []
    return {
        "apiVersion": PROMETHEUS_RULE.api_version,
        "kind": PROMETHEUS_RULE.name,
        "metadata": build_metadata(pool, pool.name),
        "spec": {"groups": [{"name": f"readpool.{pool.namespace}.{pool.name}", "rules": [*alerts, *deciding]}]},
    }


def _alert_below_target(pool: ReadOnlyPool) -> dict[str, Any]:
    expression = f"{_max(pool, 'readpool_replicas', 'fresh')} < {_max(pool, 'readpool_target_replicas')}"
    summary = "has had fewer fresh replicas than wanted for 15 minutes."
    return _build(pool, "ReadOnlyPoolBelowTarget", expression, "15m", _WARNING, summary)


def _alert_none_fresh(pool: ReadOnlyPool) -> dict[str, Any]:
    expression = f"{_max(pool, 'readpool_replicas', 'fresh')} == 0"
    summary = "has no fresh replica: its readers get old ledgers, whichever they land on."
    return _build(pool, "ReadOnlyPoolNoneFresh", expression, "2m", _CRITICAL, summary)


def _alert_not_observed(pool: ReadOnlyPool) -> dict[str, Any]:
    expression = f"absent(readpool_decision_available{_select(pool)})"
    summary = "has been observed by no scaler for 10 minutes: its weights are neutral, and nothing scales it."
    return _build(pool, "ReadOnlyPoolNotObserved", expression, "10m", _WARNING, summary)


def _alert_halted(pool: ReadOnlyPool) -> dict[str, Any]:
    summary = "follows a network that closes no ledgers; its size is held."
    return _build(
        pool, "ReadOnlyPoolNetworkHalted", f"{_max(pool, 'readpool_network_halted')} == 1", "5m", _WARNING, summary
    )


def _alert_no_ground(pool: ReadOnlyPool) -> dict[str, Any]:
    grounded, halted = _max(pool, "readpool_decision_available"), _max(pool, "readpool_network_halted")
    summary = "cannot be decided on; its size is held. See readpool_decision_info."
    expression = f"{grounded} == 0 unless {halted} == 1"
    return _build(pool, "ReadOnlyPoolNoGround", expression, "10m", _WARNING, summary)


def _alert_at_maximum(pool: ReadOnlyPool) -> dict[str, Any]:
    expression = f"{_max(pool, 'readpool_desired_replicas')} >= {_max(pool, 'readpool_max_replicas')}"
    lacking = _max(pool, "readpool_unhealthy_replicas")
    summary = "lacks replicas and is as large as maxReplicas allows."
    return _build(pool, "ReadOnlyPoolAtMaximum", f"{expression} and {lacking} > 0", "15m", _WARNING, summary)


def _alert_volume_full(pool: ReadOnlyPool) -> dict[str, Any]:
    """Alert halfway between where a volume should grow and where it is full."""
    grows = pool.spec.storage.auto_grow
    percent = (100 + (0 if grows is None else grows.used_percent)) // 2
    summary = f"has a volume that is more than {percent} % full and does not grow; see its condition VolumeSpace."
    expression = f"{_max(pool, 'readpool_max_volume_used_ratio')} >= {percent / 100}"
    return _build(pool, "ReadOnlyPoolVolumeFull", expression, "15m", _CRITICAL, summary)


def _max(pool: ReadOnlyPool, metric: str, replica_class: str | None = None) -> str:
    return f"max by (fleet) ({metric}{_select(pool, replica_class)})"


def _select(pool: ReadOnlyPool, replica_class: str | None = None) -> str:
    of_class = f',class="{replica_class}"' if replica_class is not None else ""
    return f'{{fleet="{pool.namespace}/{pool.name}"{of_class}}}'


def _build(pool: ReadOnlyPool, name: str, expression: str, lasts: str, severity: str, summary: str) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": expression,
        "for": lasts,
        "labels": {"severity": severity, "namespace": pool.namespace, "pool": pool.name},
        "annotations": {"summary": f"The pool {pool.namespace}/{pool.name} {summary}"},
    }
