"""The exposition: by Prometheus' naming rules, complete, true to the snapshots, and bounded."""

import re
from collections.abc import Iterable
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from readpool.replica_class import ReplicaClass
from readpool.telemetry.exposition import expose
from scaler.fleet.request_figures import RequestFigures
from scaler.fleet.snapshot import FleetSnapshot
from scaler.policy.policy import Decision
from scaler.standing.tip import Tip
from scaler.telemetry.prometheus import build_registry
from scaler.telemetry.stats import ScalerStats
from tests.component.scripted_fleets import NOW, TIP, make_replica, make_snapshot, make_three_fresh

_UNITS = (
    "ledgers",
    "replicas",
    "seconds",
    "bytes",
    "ratio",
    "info",
    "ledger",
    "fleets",
    "polls",
    "requests",
    "per_second",
)
_FLAGS = (
    "readpool_tip_stalled",
    "readpool_network_halted",
    "readpool_decision_available",
    "readpool_reference_used",
    "readpool_replica_series_enabled",
)
"""0 or 1, which has no unit."""


async def _expose(
    *snapshots: FleetSnapshot, stats: ScalerStats | None = None, max_replica_series: int = 100, accept: str = ""
) -> str:
    registry = build_registry(lambda: snapshots, stats or ScalerStats(), max_replica_series)
    body, _ = await expose(registry, accept)
    return body.decode()


def _read(families: Iterable[Metric]) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


async def _values(*snapshots: FleetSnapshot, **options: object) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return _read(parse_text(await _expose(*snapshots, **options)))  # type: ignore[arg-type]


def _key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def _make_stats() -> ScalerStats:
    stats = ScalerStats()
    stats.count_poll("Answered", 0.002)
    stats.count_poll("Answered", 0.3)
    stats.count_poll("Timeout", 99.0)
    stats.gate_polls["ConnectionRefused"] += 1
    stats.refused_callers["fleets", "namespace"] += 1
    for method in ("GetMetrics", "StreamIsActive", "StreamIsActive"):
        stats.begin_grpc_request(method)
    stats.count_grpc_request("GetMetrics", "UNAVAILABLE")
    return stats


async def test_every_family_of_ours_is_named_by_the_conventions() -> None:
    families = list(parse_text(await _expose(make_three_fresh(), stats=_make_stats())))
    ours = [family for family in families if family.name.startswith("readpool_")]
    assert len(ours) > 20
    for family in ours:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name)
        assert family.documentation.endswith(".")
        assert family.name in _FLAGS or family.name.endswith(_UNITS), family.name
        assert family.type in {"gauge", "counter", "histogram"}
        assert (family.type == "counter") == any(sample.name.endswith("_total") for sample in family.samples)


async def test_the_same_series_are_there_once_only() -> None:
    text = await _expose(make_three_fresh("a/core"), make_three_fresh("b/core"), stats=_make_stats())
    series = [line.rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(series) == len(set(series))


async def test_openmetrics_is_given_to_who_asks_for_it_and_is_valid() -> None:
    text = await _expose(
        make_three_fresh(), stats=_make_stats(), accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
    )
    assert text.endswith("# EOF\n")
    assert text.count("# EOF") == 1
    values = _read(parse_openmetrics(text))  # type: ignore[no-untyped-call]  # the parser has no types
    assert values[_key("readpool_polls_total", outcome="Answered")] == 2


async def test_a_fleet_is_told_as_its_snapshot_says() -> None:
    replicas = [
        make_replica("core-0", ReplicaClass.FRESH, 2),
        make_replica("core-1", ReplicaClass.LAGGING, 1400),
        make_replica("core-2", ReplicaClass.UNREACHABLE, 7),
    ]
    decision = Decision(4, "ReplicasLack", "One lags.", unhealthy=1, replicas_for_load=2)
    values = await _values(make_snapshot("stellar/core", *replicas, decision=decision))
    fleet = {"fleet": "stellar/core"}
    assert values[_key("readpool_fleets")] == 1
    assert values[_key("readpool_tip_ledger", **fleet)] == TIP
    assert values[_key("readpool_tip_moved_timestamp_seconds", **fleet)] == NOW - 2
    assert values[_key("readpool_network_halted", **fleet)] == 0
    assert values[_key("readpool_desired_replicas", **fleet)] == 4
    assert values[_key("readpool_unhealthy_replicas", **fleet)] == 1
    assert values[_key("readpool_load_required_replicas", **fleet)] == 2
    assert values[_key("readpool_decision_info", reason="ReplicasLack", **fleet)] == 1
    assert values[_key("readpool_max_lag_ledgers", **fleet)] == 1400
    by_class = {"fresh": 1, "lagging": 1, "catchingUp": 0, "unreachable": 1, "foreign": 0, "unknown": 0}
    for name, count in by_class.items():
        assert values[_key("readpool_replicas", **fleet, **{"class": name})] == count
    assert values[_key("readpool_replica_lag_ledgers", replica="core-1", **fleet)] == 1400
    assert values[_key("readpool_replica_ledger", replica="core-1", **fleet)] == TIP - 1400
    assert values[_key("readpool_replica_info", replica="core-2", **fleet, **{"class": "unreachable"})] == 1
    assert _key("readpool_replica_lag_ledgers", replica="core-2", **fleet) not in values


async def test_replicas_out_of_service_are_not_counted() -> None:
    replicas = [make_replica("core-0", ReplicaClass.FRESH), make_replica("core-1", ReplicaClass.LAGGING, 1400)]
    values = await _values(make_snapshot("stellar/core", *replicas, out_of_service=frozenset({"core-0"})))
    for name, count in {"fresh": 0, "lagging": 1}.items():
        assert values[_key("readpool_replicas", fleet="stellar/core", **{"class": name})] == count
    assert _key("readpool_replica_info", fleet="stellar/core", replica="core-0", **{"class": "fresh"}) in values


async def test_what_is_not_known_has_no_series_rather_than_a_zero() -> None:
    blind = make_snapshot("stellar/core", tip=None, decision=Decision(None, "NoReplicas", "No replica is known."))
    values = await _values(blind)
    fleet = {"fleet": "stellar/core"}
    absent = (
        "tip_ledger",
        "tip_moved_timestamp_seconds",
        "tip_stalled",
        "tip_halted",
        "max_lag_ledgers",
        "desired_replicas",
        "requests_per_second",
        "request_latency_p90_seconds",
        "request_error_ratio",
    )
    for name in absent:
        assert _key(f"readpool_{name}", **fleet) not in values
    assert values[_key("readpool_decision_available", **fleet)] == 0
    assert values[_key("readpool_decision_info", reason="NoReplicas", **fleet)] == 1


async def test_what_readers_meet_with_is_told_where_all_that_serve_tell_it() -> None:
    figures = RequestFigures(20.0, 20.0, 5.0, ((10.0, 20.0), (inf, 20.0)))
    replicas = [replace(one, requests=figures) for one in make_three_fresh().replicas]
    values = await _values(make_snapshot("stellar/core", *replicas), stats=_make_stats())
    assert values[_key("readpool_requests_per_second", fleet="stellar/core")] == 60.0
    assert values[_key("readpool_request_latency_p90_seconds", fleet="stellar/core")] == pytest.approx(0.009)
    assert values[_key("readpool_request_error_ratio", fleet="stellar/core")] == 0.25
    assert values[_key("readpool_gate_polls_total", outcome="ConnectionRefused")] == 1
    part = await _values(make_snapshot("stellar/core", *replicas[:2], make_replica("core-2", ReplicaClass.LAGGING, 9)))
    assert _key("readpool_requests_per_second", fleet="stellar/core") not in part


@pytest.mark.parametrize(("bound", "enabled"), [(3, 1), (2, 0)])
async def test_replicas_over_the_bound_cost_their_own_series_and_nothing_else(bound: int, enabled: int) -> None:
    values = await _values(make_three_fresh(), max_replica_series=bound)
    assert values[_key("readpool_replica_series_enabled")] == enabled
    assert (_key("readpool_replica_ledger", fleet="stellar/core", replica="core-0") in values) == bool(enabled)
    assert values[_key("readpool_replicas", fleet="stellar/core", **{"class": "fresh"})] == 3


async def test_a_halted_network_is_a_one() -> None:
    halted = make_snapshot("stellar/core", tip=Tip(TIP, NOW - 99, is_stalled=True, is_halted=True))
    values = await _values(halted)
    assert values[_key("readpool_tip_stalled", fleet="stellar/core")] == 1
    assert values[_key("readpool_network_halted", fleet="stellar/core")] == 1


async def test_the_scalers_own_counts_are_told() -> None:
    values = await _values(stats=_make_stats())
    assert values[_key("readpool_polls_total", outcome="Answered")] == 2
    assert values[_key("readpool_polls_total", outcome="Timeout")] == 1
    assert values[_key("readpool_grpc_requests_total", method="GetMetrics", code="UNAVAILABLE")] == 1
    assert values[_key("readpool_grpc_in_flight_requests", method="GetMetrics")] == 0
    assert values[_key("readpool_grpc_in_flight_requests", method="StreamIsActive")] == 2
    assert values[_key("readpool_poll_duration_seconds_bucket", le="0.0025")] == 1
    assert values[_key("readpool_poll_duration_seconds_bucket", le="10.0")] == 2
    assert values[_key("readpool_poll_duration_seconds_bucket", le="+Inf")] == 3
    assert values[_key("readpool_poll_duration_seconds_sum")] == pytest.approx(99.302)
    assert any(name == "readpool_build_info" for name, _ in values)
    assert any(name == "process_resident_memory_bytes" for name, _ in values)
    assert any(name == "python_info" for name, _ in values)


async def test_hostile_words_stay_one_label_value() -> None:
    words = 'x"} 1\nreadpool_fleets 99 \\ \u202e'
    values = await _values(make_snapshot("stellar/core", make_replica(words, ReplicaClass.FRESH, 0), network=words))
    assert values[_key("readpool_fleets")] == 1
    networks = [dict(labels)["network"] for name, labels in values if name == "readpool_fleet_info"]
    assert networks == ['x"} 1\ufffdreadpool_fleets 99 \\ \ufffd']


async def test_every_metric_is_in_the_documentation() -> None:

    document = (Path(__file__).parents[4] / "docs" / "metrics.md").read_text(encoding="utf-8")
    families = parse_text(await _expose(make_three_fresh(), stats=_make_stats()))
    names = {
        sample.name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
        for family in families
        for sample in family.samples
        if sample.name.startswith("readpool_")
    }
    assert [name for name in sorted(names) if f"`{name}`" not in document] == []


async def test_the_fleet_that_a_check_pretends_to_have_is_left_out() -> None:
    """Its one replica is never fresh: alerts on fleets would page for each `helm test`."""
    real, asked = make_three_fresh(), replace(make_three_fresh(), fleet="readpool/readpool-check")
    told = await _expose(real, asked, replace(asked, fleet="readpool/readpool-check~4f2a"))
    assert "readpool-check" not in told
    assert "readpool_fleets 1.0" in told
    assert "readpool-checks" in await _expose(replace(real, fleet="stellar/readpool-checks"))
