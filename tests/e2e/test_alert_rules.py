"""The chart's alerts, judged by promtool: each fires at its fault, in its time, and nothing else fires.

What is no fault pages nobody: a new pool, `helm test`, a pool that is deleted, scalers that are replaced.
"""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from devtools.api.go_modules import fetch_module
from devtools.cluster.builds import build_all
from devtools.cluster.parts import PARTS
from devtools.machine.needs import UnmetNeedError
from devtools.monitoring.boards import BOARDS
from devtools.strictness import skip_or_fail
from tests.e2e.alert_stories import (
    ANSWERS,
    CERTIFICATE,
    CERTIFICATES,
    CONTROLLER,
    COUNTED,
    DEGRADED_ENDPOINTS,
    END,
    ENDPOINTS,
    FAULT,
    GATE,
    IN_TIME,
    LEADING,
    READERS,
    SCALER,
    WELL,
    Story,
    list_fleet,
    name_all,
    of,
    of_class,
    of_fleet,
    write_series,
)
from tests.e2e.rendered_chart import Helm, find

pytestmark = pytest.mark.timeout(900)  # Helm and promtool may have to be built

RULES = (
    "monitoring.rules.enabled=true",
    "monitoring.gates.enabled=true",
    "router.enabled=true",
    "router.pools[0].namespace=stellar",
    "router.pools[0].name=readers",
)
SEEN_MINUTES = 8
"""Rates change within minutes, and the last value of a series that ends stands for five."""
LONG = 600
"""Minutes of what takes six hours."""
HELD = of_fleet("readpool_decision_info", reason="NoTip")
GROUNDED, DESIRED = of_fleet("readpool_decision_available"), of_fleet("readpool_desired_replicas")
ON_TARGET = of_fleet("readpool_decision_info", reason="OnTarget")
REFUSED = of("readpool_refused_requests_total", **SCALER, resource="calls", scope="caller")
FRESH, LAGGING, CATCHING_UP = of_class("fresh"), of_class("lagging"), of_class("catchingUp")
COUNTS = of_fleet("readpool_reference_used", kind="horizon", url="https://horizon.example")


def fault(name: str, after: int, changes: dict[str, float | None]) -> Story:
    return Story(name, changes, alerts=frozenset({name}), after=after)


FAULTS = [
    fault("ReadPoolNoneFresh", 2, {FRESH: 0, LAGGING: 3}),
    fault("ReadPoolNoReplicas", 15, {FRESH: 0}),
    fault("ReadPoolBelowTarget", 15, {FRESH: 2, CATCHING_UP: 1}),
    fault("ReadPoolForeignReplica", 15, {of_class("foreign"): 1}),
    fault(
        "ReadPoolNetworkHalted",
        5,
        {
            of_fleet("readpool_network_halted"): 1,
            of_fleet("readpool_decision_info", reason="NetworkHalted"): 1,
            ON_TARGET: None,
            GROUNDED: 0,
            DESIRED: None,
            COUNTS: 0,
        },
    ),
    fault("ReadPoolReferencesLost", 30, {COUNTS: 0}),
    fault("ReadPoolRequestErrors", 10, {of_fleet("readpool_request_error_ratio"): 0.2}),
    fault("ReadPoolNoData", 15, {GROUNDED: 0, DESIRED: None, ON_TARGET: None, HELD: 1}),
    fault("ReadPoolAtMaximum", 15, {DESIRED: 6, of_fleet("readpool_unhealthy_replicas"): 2, LAGGING: 3}),
    fault("ReadPoolVolumeAlmostFull", 15, {of_fleet("readpool_max_volume_used_ratio"): 0.93}),
    fault("ReadPoolScalerSlow", 15, {IN_TIME: 60}),
    fault("ReadPoolScalerOutOfFileDescriptors", 10, {of("readpool_polls_total", **SCALER, outcome="ScalerLimit"): 5}),
    fault(
        "ReadPoolScalerErrors",
        10,
        {of("readpool_grpc_requests_total", **SCALER, method="GetMetrics", code="INTERNAL"): 1},
    ),
    fault("ReadPoolCallsRefused", 10, {REFUSED: 9}),
    fault(
        "ReadPoolGatesUnreachable",
        15,
        {
            of("readpool_gate_polls_total", **SCALER, outcome="Answered"): 0,
            of("readpool_gate_polls_total", **SCALER, outcome="Timeout"): 36,
        },
    ),
    fault("ReadPoolCertificateExpiresSoon", 15, {CERTIFICATE: 86_400.0}),
    fault("ReadPoolCertificateRenewalFailing", 15, {of("readpool_certificates_failing", **CERTIFICATES): 1}),
    fault("ReadPoolControllerNoLeader", 5, {LEADING: 0}),
    fault("ReadPoolControllerPoolsFail", 10, {of("readpool_controller_failing_pools", **CONTROLLER): 1}),
    fault("ReadPoolControllerScalerUnreachable", 5, {of("readpool_controller_connected_pools", **CONTROLLER): 0}),
    fault("ReadPoolControllerEndpointsRefused", 10, {of("readpool_controller_eds_refusals_total", **CONTROLLER): 1}),
    fault("ReadPoolRouterDown", 5, {of("envoy_http_downstream_rq_total", **READERS): None}),
    fault("ReadPoolRouterErrors", 10, {ANSWERS[1]: 1000}),
    fault("ReadPoolRouterNoEndpoints", 2, {ENDPOINTS: 0}),
    fault("ReadPoolGateAlmostFull", 5, {of("envoy_http_downstream_cx_active", **GATE): 1000}),
    Story("no controller is there at all", {LEADING: None}, alerts=frozenset({"ReadPoolControllerNoLeader"}), after=5),
    Story(
        "no scaler is there at all",
        {name: None for name in (*WELL, *COUNTED) if "readpool-scaler-0" in name},
        alerts=frozenset({"ReadPoolScalerDown"}),
        after=5,
    ),
]


def newcomer(*, catching_up: int, then: str = "") -> dict[str, str]:
    """Write a fleet that comes at the fault: unknown, catching up for so many minutes, and fresh."""
    fleet = "stellar/new"
    nothing = f"_x{FAULT}"
    series = {name: f"{nothing} {value:g}x{LONG}" for name, value in list_fleet(fleet).items()}
    series[of_class("unknown", fleet)] = f"{nothing} 3x1 0x{LONG}"
    series[of_class("unreachable", fleet)] = f"{nothing} 0x1 3x3 0x{LONG}"
    series[of_class("catchingUp", fleet)] = f"{nothing} 0x5 3x{catching_up} 0x{LONG}"
    series[of_class("fresh", fleet)] = f"{nothing} 0x{catching_up + 6} 3x{LONG} {then}"
    series[of_fleet("readpool_decision_available", fleet)] = f"{nothing} 0x{catching_up} 1x{LONG}"
    series[of_fleet("readpool_decision_info", fleet, reason="OnTarget")] = f"{nothing} _x{catching_up} 1x{LONG}"
    series[of_fleet("readpool_decision_info", fleet, reason="NoTip")] = f"{nothing} 1x{catching_up}"
    series[of_fleet("readpool_desired_replicas", fleet)] = f"{nothing} 6x{LONG}"
    series[of_fleet("readpool_unhealthy_replicas", fleet)] = f"{nothing} 0x60 3x{max(0, catching_up - 60)} 0x{LONG}"
    references = of_fleet("readpool_reference_used", fleet, kind="horizon", url="https://horizon.example")
    series[references] = f"{nothing} 0x{catching_up} 1x{LONG}"
    return series


def pretended() -> dict[str, str]:
    """Write what a scaler that showed the fleet of `readpool check` would say of it."""
    fleet = "readpool/readpool-check"
    series = {name: f"_x{FAULT} {value:g}x10" for name, value in list_fleet(fleet).items()}
    series[of_class("fresh", fleet)] = f"_x{FAULT} 0x10"
    series[of_fleet("readpool_decision_available", fleet)] = f"_x{FAULT} 0x10"
    return series


def deleted() -> dict[str, str]:
    """Write a fleet whose pods go at the fault, and that the scaler drops ten minutes later."""
    series = {name: f"{value:g}x{FAULT + 9}" for name, value in WELL.items() if f'fleet="{"stellar/readers"}"' in name}
    series[FRESH] = f"3x{FAULT - 1} 0x9"
    series[GROUNDED] = f"1x{FAULT - 1} 0x9"
    return series


QUIET = [
    Story("all is well"),
    Story("a new pool catches up within an hour", written=newcomer(catching_up=50)),
    Story("helm test has asked", written=pretended()),
    Story("a pool is deleted", written=deleted()),
    Story("the router reads lagging replicas, for want of fresh ones", {ENDPOINTS: 0, DEGRADED_ENDPOINTS: 3}),
    Story("a pool is paused", {GROUNDED: 0, ON_TARGET: None, of_fleet("readpool_decision_info", reason="Paused"): 1}),
    Story("targetReplicas is raised", {of_fleet("readpool_target_replicas"): 5, CATCHING_UP: 2, DESIRED: 5}),
    Story("both scalers start anew", written={FRESH: f"3x{FAULT - 1} 0 3x{LONG}"}),
    Story(
        "one request of a few fails",
        {of_fleet("readpool_request_error_ratio"): 0.5, of_fleet("readpool_requests_per_second"): 0.05},
    ),
]
SLOW = [
    Story("a new pool catches up in five hours", written=newcomer(catching_up=300)),
    Story(
        "a new pool never gets fresh",
        written=newcomer(catching_up=LONG),
        alerts=frozenset({"ReadPoolBelowTargetForHours"}),
        after=360,
    ),
]


@pytest.fixture(scope="session")
def promtool() -> Path:
    try:
        return build_all(("prometheus",)).path("promtool")
    except UnmetNeedError as error:
        skip_or_fail(str(error))


@pytest.fixture(scope="module")
def groups(helm: Helm) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = find(helm.render(*RULES), "PrometheusRule")["spec"]["groups"]
    return found


def test_promtool_finds_nothing_to_say_about_the_rules(groups: object, promtool: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    run(promtool, "check", "rules", "--lint=all", "--lint-fatal", str(tmp_path / "rules.yaml"))


def test_each_alert_fires_at_its_fault_in_its_time_and_no_other_does(
    groups: list[dict[str, Any]], promtool: Path, tmp_path: Path
) -> None:
    judge(FAULTS, groups, promtool, tmp_path)


def test_what_is_no_fault_pages_nobody(groups: list[dict[str, Any]], promtool: Path, tmp_path: Path) -> None:
    judge(QUIET, groups, promtool, tmp_path)


def test_a_pool_that_takes_hours_is_told_of_after_six(
    groups: list[dict[str, Any]], promtool: Path, tmp_path: Path
) -> None:
    judge(SLOW, groups, promtool, tmp_path, end=LONG)


def test_the_metrics_of_keda_are_those_that_its_source_names() -> None:
    """They can be scraped on a cluster alone; Envoy's are held against a real one."""
    keda = PARTS["keda"]
    try:
        folder = fetch_module(keda.module, "KEDA", keda.pins)
    except UnmetNeedError as error:
        skip_or_fail(str(error))
    source = (folder / "pkg" / "metricscollector" / "prommetrics.go").read_text()
    parts = re.findall(r'Namespace: *(\w+),\s+Subsystem: *"(\w+)",\s+Name: *"(\w+)"', source)
    assert {namespace for namespace, _, _ in parts} == {"DefaultPromMetricsNamespace"}
    named = {f"keda_{subsystem}_{name}" for _, subsystem, name in parts}
    panels = [panel for board in BOARDS.values() for section in board.sections for panel in section.panels]
    used = {word for panel in panels for query in panel.queries for word in re.findall(r"keda_\w+", query.expression)}
    assert used
    assert used <= named


def test_every_alert_has_a_story(groups: list[dict[str, Any]]) -> None:
    assert {rule["alert"] for group in groups for rule in group["rules"]} == name_all([*FAULTS, *QUIET, *SLOW])


def judge(stories: Sequence[Story], groups: list[dict[str, Any]], promtool: Path, folder: Path, end: int = END) -> None:
    """Make promtool play the stories."""
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    tests = [build_test(story, end) for story in stories]
    document = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}
    (folder / "tests.yaml").write_text(yaml.safe_dump(document, width=10_000))
    run(promtool, "test", "rules", str(folder / "tests.yaml"))


def build_test(story: Story, end: int) -> dict[str, Any]:
    """Ask what fires before the fault, just before an alert is due, just after that, and in the end."""
    due = FAULT + story.after
    moments = {FAULT - 1: False, due + SEEN_MINUTES: True, end - 1: True} | ({due - 1: False} if story.after else {})
    if not story.alerts:
        moments = dict.fromkeys(range(5, end, 3), False)
    return {
        "name": story.name,
        "interval": "1m",
        "input_series": write_series(story, end),
        "promql_expr_test": [
            build_question(at, story.alerts if fires else ()) for at, fires in sorted(moments.items())
        ],
    }


def build_question(at: int, names: Sequence[str] | frozenset[str]) -> dict[str, Any]:
    """Ask for the names of all alerts that fire at this minute."""
    return {
        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": f"{at}m",
        "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(names)],
    }


def run(promtool: Path, *arguments: str) -> None:
    """Run promtool, and fail with what it says."""
    done = subprocess.run([promtool, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
