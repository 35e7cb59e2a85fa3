"""The dashboard of a fleet."""

from devtools.monitoring.panels import Chart, Panel, Query, Section, Stat, Table, Unit
from readpool.alerts.fleets import FleetMetrics

_CHOSEN, _ALL = FleetMetrics("$fleet"), FleetMetrics()
_FRESH = 'class="fresh"'
CLASS_COLOURS = {
    "fresh": "green",
    "catchingUp": "blue",
    "lagging": "orange",
    "unreachable": "red",
    "foreign": "purple",
    "unknown": "text",
}


def _max(metric: str, legend: str, *matchers: str) -> Query:
    return Query(_CHOSEN.max(metric, *matchers), legend)


def _max_by(label: str, metric: str) -> Query:
    return Query(f"max by ({label}) ({_CHOSEN.select(metric)})", f"{{{{{label}}}}}")


def _stat(title: str, text: str, query: Query, unit: Unit = Unit.COUNT) -> Panel:
    return Stat(title, text, [query], unit, width=4)


ALL_FLEETS = Section(
    "All fleets",
    [
        Table(
            "Fleets",
            "Every observed fleet. One with fewer fresh replicas than its target is short of replicas.",
            [
                Query(_ALL.max("readpool_replicas", _FRESH), "fresh"),
                Query(_ALL.max("readpool_target_replicas"), "target"),
                Query(_ALL.max("readpool_desired_replicas"), "desired"),
                Query(_ALL.max("readpool_max_replicas"), "maximum"),
                Query(_ALL.max("readpool_max_lag_ledgers"), "furthest behind"),
                Query(_ALL.max("readpool_decision_available"), "can decide"),
            ],
            width=16,
        ),
        Chart(
            "Fresh replicas short of target",
            "Target minus fresh replicas, by fleet. 0 is good.",
            [
                Query(
                    f"clamp_min({_ALL.max('readpool_target_replicas')} - {_ALL.max('readpool_replicas', _FRESH)}, 0)",
                    "{{fleet}}",
                )
            ],
        ),
    ],
)
NOW = Section(
    "Now",
    [
        _stat(
            "Fresh",
            "Replicas fewer than lagThreshold ledgers behind the tip.",
            _max("readpool_replicas", "fresh", _FRESH),
        ),
        _stat("Target", "Number of fresh replicas to keep.", _max("readpool_target_replicas", "target")),
        _stat(
            "Furthest behind",
            "Lag of the replica that is furthest behind, in ledgers, including replicas that are catching up.",
            _max("readpool_max_lag_ledgers", "ledgers"),
        ),
        _stat(
            "Requests",
            "Readers' requests per second, over all replicas.",
            _max("readpool_requests_per_second", "requests"),
            Unit.PER_SECOND,
        ),
        _stat(
            "Latency p90",
            "90th percentile of the latency of responses.",
            _max("readpool_request_latency_p90_seconds", "p90"),
            Unit.SECONDS,
        ),
        Stat(
            "Errors",
            "The share of 5xx answers. An alert fires above 5 %.",
            [_max("readpool_request_error_ratio", "errors")],
            Unit.RATIO,
            width=4,
            thresholds=[(0.01, "orange"), (0.05, "red")],
        ),
    ],
)
FRESHNESS = Section(
    "Freshness",
    [
        Chart(
            "Replicas by class",
            "catchingUp is a replica that has not been fresh since it started; lagging one that fell behind.",
            [_max_by("class", "readpool_replicas")],
            is_stacked=True,
            colours=CLASS_COLOURS,
        ),
        Chart(
            "Lag",
            "Lag of the replica that is furthest behind, including replicas that are catching up. From the threshold"
            " on a"
            " replica that was fresh counts as lagging.",
            [
                _max("readpool_max_lag_ledgers", "furthest behind"),
                _max("readpool_lag_threshold_ledgers", "threshold"),
            ],
        ),
        Chart(
            "Since the network's last ledger",
            "Seconds since the tip moved. Ledgers close about every 5 s.",
            [Query(f"time() - {_CHOSEN.max('readpool_tip_moved_timestamp_seconds')}", "since the last ledger")],
            Unit.SECONDS,
        ),
    ],
)
SIZE = Section(
    "Size",
    [
        Chart(
            "Size over time",
            "Desired and current replicas, and the bounds. A gap in desired: the scaler could not decide, and KEDA"
            " keeps the size.",
            [
                _max("readpool_desired_replicas", "desired"),
                _max("readpool_target_replicas", "target"),
                _max("readpool_min_replicas", "minimum"),
                _max("readpool_max_replicas", "maximum"),
                Query(f"max by (fleet) (sum without (class) ({_CHOSEN.select('readpool_replicas')}))", "current"),
            ],
        ),
        Chart(
            "Scaling reason",
            "Reason for the desired number; 1 is the current one. docs/policy.md explains each.",
            [_max_by("reason", "readpool_decision_info")],
        ),
        Chart(
            "Additional replicas",
            "Unhealthy replicas, for each of which one additional replica is requested, and the replicas required"
            " for the load.",
            [
                _max("readpool_unhealthy_replicas", "unhealthy"),
                _max("readpool_load_required_replicas", "required for load"),
            ],
        ),
    ],
)
READERS = Section(
    "Readers",
    [
        Chart(
            "Requests",
            "Readers' requests per second.",
            [_max("readpool_requests_per_second", "requests")],
            Unit.PER_SECOND,
        ),
        Chart(
            "Latency p90",
            "90th percentile of the latency of responses.",
            [_max("readpool_request_latency_p90_seconds", "p90")],
            Unit.SECONDS,
        ),
        Chart(
            "Errors",
            "The share of 5xx answers. An alert fires above 5 %.",
            [_max("readpool_request_error_ratio", "5xx")],
            Unit.RATIO,
        ),
    ],
)
EVIDENCE = Section(
    "Evidence and volumes",
    [
        Chart(
            "Tip",
            "The network's newest ledger, as far as is known.",
            [_max("readpool_tip_ledger", "tip")],
            Unit.LEDGER,
        ),
        Chart(
            "References",
            "1 while a reference is used as evidence of the tip.",
            [Query(f"max by (kind, url) ({_CHOSEN.select('readpool_reference_used')})", "{{kind}} {{url}}")],
        ),
        Chart(
            "Fullest volume",
            "How full the fullest volume is. Known only with storage.autoGrow.",
            [_max("readpool_max_volume_used_ratio", "used")],
            Unit.RATIO,
        ),
    ],
)
SECTIONS = (ALL_FLEETS, NOW, FRESHNESS, SIZE, READERS, EVIDENCE)
