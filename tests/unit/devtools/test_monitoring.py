"""What the chart brings for Prometheus and Grafana: current, explained, and about metrics that exist."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics_core import Metric

from controller.gate.gate import CORE_PORTS
from controller.observed.plan_settings import PlanSettings
from controller.resources.pod_template import build_pod_template
from controller.telemetry.metrics import ControllerCollector, Gauges
from controller.telemetry.stats import ControllerStats, EdsStats
from devtools.monitoring.__main__ import CHART
from devtools.monitoring.boards import BOARDS, build_board
from devtools.monitoring.files import render_all
from devtools.monitoring.rules import GROUPS
from readpool.alerts.fleets import NO_ALERT_REASONS, build_fleet_alerts, build_not_observed
from readpool.alerts.rule import RUNBOOK_URL, Severity, build_rule
from readpool.certificates.collector import IssuedCollector
from readpool.certificates.stats import CertificateStats
from readpool.pool.spec import parse_pool
from scaler.policy.hold_reasons import NETWORK_HALTED
from scaler.telemetry.prometheus import ScalerCollector
from scaler.telemetry.stats import ScalerStats
from scaler.triggers.pool_hold_reasons import PAUSED, POOL_DELETED, POOL_TERMINATING
from tests.component.scripted_fleets import make_three_fresh

DOCS = Path(__file__).resolve().parents[3] / "docs"
RUNBOOKS = {path.stem: path.read_text() for path in (DOCS / "runbooks").glob("ReadPool*.md")}
ALERTS = [*(alert for group in GROUPS.values() for alert in group), build_not_observed("stellar/readers")]
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "Verify", "Escalate"]
PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes", "readpool_build_info"}
CERTIFICATES = {"readpool_tls_not_after_timestamp_seconds"}
OTHERS = ("envoy_", "keda_")
"""Those of Envoy are held against a real one by tests/e2e/test_prometheus.py."""
_SUFFIXES = {"counter": ("_total",), "info": ("_info",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}


def list_names(families: Iterable[Metric]) -> Iterator[str]:
    for family in families:
        yield from (f"{family.name}{suffix}" for suffix in _SUFFIXES[family.type])


def find_exported() -> set[str]:
    """Find the names of every metric that our programs have."""
    stats = ControllerStats()
    stats.eds = EdsStats()
    gauges = Gauges(is_leading=True, objects={}, queued=0, failing=0, pools_watched=0, connected=0)
    scaler = ScalerCollector(lambda: [make_three_fresh()], ScalerStats())
    controller = ControllerCollector(stats, lambda: gauges)
    certificates = IssuedCollector(CertificateStats())
    families = (one for program in (scaler, controller, certificates) for one in program.collect())
    return {*list_names(families)} | PROCESS | CERTIFICATES


def find_used(expression: str) -> set[str]:
    """Find the metrics that an expression asks for: words that no bracket follows and that are nobody's label."""
    bare = re.sub(r'"[^"]*"|\[[^\]]*\]|(by|without|on) \([^)]*\)', "", re.sub(r"\{[^}]*\}", "", expression))
    words = re.findall(r"[a-z_][a-z0-9_]*(?![a-z0-9_]*\s*\()", bare)
    return {word for word in words if "_" in word and not word.startswith("$")}


def list_expressions() -> Iterator[tuple[str, str]]:
    """List every expression of rules and dashboards, and where it stands."""
    for alert in ALERTS:
        yield alert.name, alert.expression
    for uid, board in BOARDS.items():
        for panel in (one for section in board.sections for one in section.panels):
            yield from ((f"{uid}: {panel.title}", query.expression) for query in panel.queries)


def test_the_chart_has_what_the_code_makes() -> None:
    committed = {
        str(path.relative_to(CHART)): path.read_text()
        for name in ("rules", "dashboards")
        for path in (CHART / name).iterdir()
    }
    assert committed == render_all(), "run: make dashboards"


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    names = [alert.name for alert in ALERTS]
    assert sorted(names) == sorted(RUNBOOKS)
    assert {build_rule(alert)["annotations"]["runbook_url"] for alert in ALERTS} == {
        f"{RUNBOOK_URL}/{name}.md" for name in names
    }


@pytest.mark.parametrize("name", RUNBOOKS)
def test_a_runbook_says_what_it_means_what_it_does_and_what_to_do(name: str) -> None:
    (alert,) = (one for one in ALERTS if one.name == name)
    text = RUNBOOKS[name]
    assert re.findall(r"^# (.*)$", text, re.MULTILINE)[0] == name
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    meaning = text.split("## ")[1]
    assert alert.severity.value.capitalize() in meaning
    assert re.search(r"kubectl|readpool ", text.split("## Diagnosis")[1])
    assert "\n1. " in text.split("## Mitigation")[1]
    wrong = {word for word in re.findall(r"\b(ReadPool[A-Z]\w+)\b", text) if word not in RUNBOOKS}
    assert not wrong
    assert len(meaning) > 80


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_says_what_is_wrong_in_one_line_and_then_what_that_means(alert: Any) -> None:
    rule = build_rule(alert, grafana_url="https://grafana.example")
    assert rule["alert"].startswith("ReadPool")
    assert rule["labels"]["severity"] in set(Severity)
    summary, description = rule["annotations"]["summary"], rule["annotations"]["description"]
    assert summary.endswith(".")
    assert len(summary) <= 100
    assert description.endswith((".", "a second."))
    assert summary not in description
    assert rule["annotations"]["dashboard_url"].startswith(f"https://grafana.example/d/{alert.dashboard.value}")


def test_the_documentation_lists_every_alert() -> None:
    text = (DOCS / "monitoring.md").read_text()
    rows = re.findall(r"^\| \[(\w+)\]\(runbooks/(\w+)\.md\) \| (\w+) \| (\w+) \|", text, re.MULTILINE)
    assert rows == [(alert.name, alert.name, alert.severity.value, alert.lasts) for alert in ALERTS]


def test_rules_and_dashboards_ask_for_metrics_that_are_exported() -> None:
    exported = find_exported()
    unknown = {
        (where, name)
        for where, expression in list_expressions()
        for name in find_used(expression)
        if name not in exported and not name.startswith(OTHERS)
    }
    assert unknown == set()


def test_names_of_metrics_are_found_in_an_expression() -> None:
    expression = (
        'max by (fleet) (max_over_time(a_b{class="c_d"}[1d])) > 0 and on (x_y) rate(e_f_total[$__rate_interval])'
    )
    assert find_used(expression) == {"a_b", "e_f_total"}


def test_most_of_what_is_exported_can_be_seen() -> None:
    """A metric that no panel shows is one that nobody looks at."""
    seen = {name for _, expression in list_expressions() for name in find_used(expression)}
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in find_exported() | seen}
    unseen = families - {re.sub(r"_(bucket|count|sum)$", "", name) for name in seen}
    assert unseen == {
        "readpool_reference_info",
        "readpool_fleet_updated_timestamp_seconds",
        "readpool_tip_stalled",
        "readpool_fleet_info",
        "readpool_replica_series_enabled",
        "readpool_certificates_issued_total",
    }


def test_reasons_that_do_not_alert_are_the_scalers_words() -> None:
    assert set(NO_ALERT_REASONS) == {NETWORK_HALTED, PAUSED, POOL_DELETED, POOL_TERMINATING}


def test_a_pools_alerts_are_told_of_by_the_same_labels_as_the_charts() -> None:
    """Alertmanager takes alerts of the same labels for one."""
    ours, charts = build_fleet_alerts("stellar/readers"), build_fleet_alerts()
    assert [(one.name, one.labels, one.severity) for one in ours] == [
        (one.name, one.labels, one.severity) for one in charts
    ]
    assert all("fleet" in alert.expression for alert in charts)


@pytest.mark.parametrize("uid", BOARDS)
def test_a_dashboard_has_a_place_and_words_for_each_panel(uid: Any) -> None:
    board = json.loads(render_all()[f"dashboards/{uid.removeprefix('readpool-')}.json"])
    assert board["uid"] == uid
    assert build_board(uid, BOARDS[uid]).title == board["title"]
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in board["panels"]]
    assert len(set(places)) == len(places)
    assert all(p["gridPos"]["x"] + p["gridPos"]["w"] <= 24 for p in panels)
    assert all(p["title"] and p["description"].endswith((".", ")")) for p in panels)
    assert len({p["title"] for p in panels if p["type"] == "timeseries"}) >= len(panels) / 2


def test_the_exporter_of_core_is_a_container_that_its_own_policy_and_monitor_reach() -> None:
    documents = yaml.safe_load_all((DOCS.parent / "examples" / "core-exporter.yaml").read_text())
    pool, policy, monitor = documents
    parsed = parse_pool({**pool, "metadata": {**pool["metadata"], "uid": "u"}})
    pod = build_pod_template(parsed, PlanSettings({}, gate_image="envoy"))
    ports = {port["name"]: port["containerPort"] for one in pod["spec"]["containers"] for port in one.get("ports", ())}
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    (rule,) = policy["spec"]["ingress"]
    assert [port["port"] for port in rule["ports"]] == [ports[endpoint["port"]]]
    labels = pod["metadata"]["labels"]
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    (exporter,) = (one for one in pod["spec"]["containers"] if one["name"] == "exporter")
    asked = {one["name"]: one["value"] for one in exporter["env"]}
    assert asked == {"STELLAR_CORE_ADDRESS": f"http://127.0.0.1:{CORE_PORTS.command}", "PORT": "9473"}
