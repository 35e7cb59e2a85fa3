"""The alerts of a fleet, from the scaler's metrics (docs/metrics.md).

Several scalers report the same fleet, so each expression takes the highest of what they say. What a new fleet goes
through on its way is no fault: an alert that would see one there asks that the fleet has been better in the last day.
"""

from readpool.alerts.rule import Alert, Dashboard, Severity

NO_ALERT_REASONS = ("NetworkHalted", "Paused", "PoolDeleted", "PoolTerminating")
"""Reasons of a held decision that have an alert of their own, or that somebody asked for."""
VOLUME_FULL_PERCENT = 90
_GONE = "PoolDeleted|PoolTerminating"
_SERVED = "1d"
_FRESH, _LAGGING, _FOREIGN = (f'class="{name}"' for name in ("fresh", "lagging", "foreign"))
_LABELS = (
    ("namespace", '{{ reReplaceAll "/.*" "" $labels.fleet }}'),
    ("pool", '{{ reReplaceAll "[^/]*/" "" $labels.fleet }}'),
)
FLEET = "{{ $labels.fleet }}"


class FleetMetrics:
    """Writes the expressions of one fleet, "NAMESPACE/NAME", or of each where none is named."""

    def __init__(self, fleet: str | None = None) -> None:
        self._matchers = () if fleet is None else (f'fleet="{fleet}"',)

    def select(self, metric: str, *matchers: str) -> str:
        """Write the series of a metric."""
        chosen = ",".join((*self._matchers, *matchers))
        return f"{metric}{{{chosen}}}" if chosen else metric

    def max(self, metric: str, *matchers: str) -> str:
        """Write the highest value, by fleet, that any scaler reports."""
        return f"max by (fleet) ({self.select(metric, *matchers)})"

    def max_in_a_day(self, metric: str, *matchers: str) -> str:
        """Write the highest value, by fleet, of the last day."""
        return f"max by (fleet) (max_over_time({self.select(metric, *matchers)}[{_SERVED}]))"

    @property
    def fresh(self) -> str:
        """The number of fresh replicas."""
        return self.max("readpool_replicas", _FRESH)

    @property
    def was_fresh(self) -> str:
        """Hold where the fleet had a fresh replica in the last day."""
        return f"{self.max_in_a_day('readpool_replicas', _FRESH)} > 0"


def build_fleet_alerts(
    fleet: str | None = None, *, is_paused: bool = False, volume_percent: int | None = VOLUME_FULL_PERCENT
) -> list[Alert]:
    """Build the alerts of a fleet, or of every fleet where none is named.

    A paused pool has no decisions to alert on. `volume_percent` is how full a volume has to be; None leaves it out.
    """
    metrics = FleetMetrics(fleet)
    alerts = [*_build_freshness(metrics), *_build_network(metrics), *_build_readers(metrics)]
    alerts += [] if is_paused else _build_decisions(metrics)
    return alerts + ([] if volume_percent is None else [_build_volume_full(metrics, volume_percent)])


def build_not_observed(fleet: str) -> Alert:
    """Build the alert on a fleet that no scaler reports; only for one whose name is known."""
    return _build(
        "ReadPoolNotObserved",
        f"absent({FleetMetrics(fleet).select('readpool_decision_available')})",
        "10m",
        Severity.WARNING,
        f"No scaler observes {fleet}.",
        "No scaler has reported this pool for 10 minutes. The pool is not scaled, and the weights of its replicas"
        " become equal.",
    )


def _build_freshness(metrics: FleetMetrics) -> list[Alert]:
    replicas, target = metrics.select("readpool_replicas"), metrics.max("readpool_target_replicas")
    lagging = f"{metrics.max('readpool_replicas', _LAGGING)} > 0"
    total = f"max by (fleet) (sum without (class) ({replicas}))"
    gone = metrics.max("readpool_decision_info", f'reason=~"{_GONE}"')
    return [
        _build(
            "ReadPoolNoneFresh",
            f"{metrics.fresh} == 0 and {total} > 0 and {target} > 0 and ({metrics.was_fresh} or {lagging})",
            "2m",
            Severity.CRITICAL,
            f"{FLEET} has no fresh replica.",
            "No replica is fewer than lagThreshold ledgers behind the tip: each lags, catches up or does not"
            " respond. Readers get"
            " old ledgers or no answer.",
        ),
        _build(
            "ReadPoolNoReplicas",
            f"{total} == 0 and {target} > 0 and {metrics.was_fresh} unless {gone}",
            "15m",
            Severity.CRITICAL,
            f"{FLEET} has no replicas.",
            "DNS has no address of its pods, so no replica answers readers. It had fresh replicas within the last day.",
        ),
        _build(
            "ReadPoolBelowTarget",
            f"0 < {metrics.fresh} < {target} and {metrics.max_in_a_day('readpool_replicas', _FRESH)} >= {target}",
            "15m",
            Severity.WARNING,
            f"{FLEET} has fewer fresh replicas than its target.",
            "{{ $value }} replicas are fresh, fewer than targetReplicas for 15 minutes.",
        ),
        _build(
            "ReadPoolBelowTargetForHours",
            f"{metrics.fresh} < {target} unless {gone}",
            "6h",
            Severity.WARNING,
            f"{FLEET} has had fewer fresh replicas than its target for 6 hours.",
            "{{ $value }} replicas are fresh. A new replica needs minutes to hours to catch up; at least one is"
            " still not fresh"
            " after 6 hours.",
        ),
        _build(
            "ReadPoolForeignReplica",
            f"{metrics.max('readpool_replicas', _FOREIGN)} > 0",
            "15m",
            Severity.WARNING,
            f"{FLEET} has replicas on another network.",
            "{{ $value }} replicas report a network passphrase other than the fleet's. They are not counted and get"
            " no traffic.",
        ),
    ]


def _build_network(metrics: FleetMetrics) -> list[Alert]:
    halted = f"{metrics.max('readpool_network_halted')} == 1"
    return [
        _build(
            "ReadPoolNetworkHalted",
            halted,
            "5m",
            Severity.WARNING,
            f"The network of {FLEET} closes no ledgers.",
            "References and replicas all report that the network has stopped. The fleet is not scaled until it"
            " closes ledgers again.",
        ),
        _build(
            "ReadPoolReferencesLost",
            f"{metrics.max('readpool_reference_used')} == 0 and {metrics.was_fresh} unless {halted}",
            "30m",
            Severity.WARNING,
            f"No reference of {FLEET} is usable.",
            "No reference has determined the tip of the network for 30 minutes. Lag is measured against what the"
            " replicas"
            " report themselves; if all fall behind at once, it goes unnoticed.",
        ),
    ]


def _build_readers(metrics: FleetMetrics) -> list[Alert]:
    ratio = metrics.max("readpool_request_error_ratio")
    return [
        _build(
            "ReadPoolRequestErrors",
            f"{ratio} > 0.05 and {metrics.max('readpool_requests_per_second')} > 0.1",
            "10m",
            Severity.CRITICAL,
            f"Readers of {FLEET} get errors.",
            "{{ $value | humanizePercentage }} of the responses to readers have been 5xx for 10 minutes.",
        )
    ]


def _build_decisions(metrics: FleetMetrics) -> list[Alert]:
    reasons = "|".join(NO_ALERT_REASONS)
    explained = metrics.max("readpool_decision_info", f'reason=~"{reasons}"')
    available = metrics.max("readpool_decision_available")
    desired, maximum = metrics.max("readpool_desired_replicas"), metrics.max("readpool_max_replicas")
    return [
        _build(
            "ReadPoolNoData",
            f"{available} == 0 and {metrics.max_in_a_day('readpool_decision_available')} == 1 unless {explained}",
            "15m",
            Severity.WARNING,
            f"The scaler could not compute a size for {FLEET}.",
            "The scaler has had no data to decide on for 15 minutes, and KEDA keeps the current size. The label"
            " reason of"
            " readpool_decision_info says why.",
        ),
        _build(
            "ReadPoolAtMaximum",
            f"{desired} >= {maximum} and {metrics.max('readpool_unhealthy_replicas')} > 0 and {metrics.was_fresh}",
            "15m",
            Severity.WARNING,
            f"{FLEET} is at maxReplicas and has unhealthy replicas.",
            "{{ $value }} replicas are desired, which is maxReplicas, and at least one is unhealthy: no further"
            " substitute can be"
            " added.",
        ),
    ]


def _build_volume_full(metrics: FleetMetrics, percent: int) -> Alert:
    return _build(
        "ReadPoolVolumeAlmostFull",
        f"{metrics.max('readpool_max_volume_used_ratio')} >= {percent / 100}",
        "15m",
        Severity.CRITICAL,
        f"A volume of {FLEET} is almost full.",
        "The fullest volume is {{ $value | humanizePercentage }} full. Stellar Core stops when its volume is full.",
    )


def _build(name: str, expression: str, lasts: str, severity: Severity, summary: str, description: str) -> Alert:
    return Alert(name, expression, lasts, severity, summary, description, Dashboard.FLEET, _LABELS)
