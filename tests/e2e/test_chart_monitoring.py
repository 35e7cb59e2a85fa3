"""What the chart renders for Prometheus and Grafana: monitors that fit in, and links that lead somewhere."""

import json
from typing import Any

import pytest
import yaml

from tests.e2e.rendered_chart import CHART, Helm, RefusedError, args_of, find, pod_of

pytestmark = pytest.mark.timeout(900)  # Helm may have to be built

ROUTED = ("router.enabled=true", "router.pools[0].namespace=stellar", "router.pools[0].name=readers")
RULES = "monitoring.rules.enabled=true"
GATES = "monitoring.gates.enabled=true"
MONITORS = {
    "scaler.serviceMonitor": ("ServiceMonitor", "readpool-scaler", "endpoints"),
    "controller.serviceMonitor": ("ServiceMonitor", "readpool-controller", "endpoints"),
    "certificates.podMonitor": ("PodMonitor", "readpool-certificates", "podMetricsEndpoints"),
    "router.podMonitor": ("PodMonitor", "readpool-router", "podMetricsEndpoints"),
    "monitoring.gates": ("PodMonitor", "readpool-gates", "podMetricsEndpoints"),
}


def groups_of(helm: Helm, *settings: str) -> dict[str, list[dict[str, Any]]]:
    rule = find(helm.render(RULES, *settings), "PrometheusRule")
    return {group["name"]: group["rules"] for group in rule["spec"]["groups"]}


def kinds_of(helm: Helm, *settings: str) -> set[str]:
    return {one["kind"] for one in helm.render(*settings)}


def test_nothing_of_it_is_there_by_default(helm: Helm) -> None:
    assert not kinds_of(helm, *ROUTED) & {"PrometheusRule", "PodMonitor", "ServiceMonitor"}


@pytest.mark.parametrize("value", MONITORS)
def test_each_monitor_can_be_fitted_into_an_installation_of_prometheus(helm: Helm, value: str) -> None:
    kind, name, endpoints = MONITORS[value]
    plain = find(helm.render(*ROUTED, f"{value}.enabled=true"), kind, name)
    (endpoint,) = plain["spec"][endpoints]
    assert endpoint == {"port": endpoint["port"], "path": endpoint["path"], "interval": "15s"}
    assert "jobLabel" not in plain["spec"]
    settings = (
        f"{value}.enabled=true",
        f"{value}.labels.release=prometheus",
        f"{value}.interval=30s",
        f"{value}.scrapeTimeout=10s",
        f"{value}.jobLabel=app",
        f"{value}.relabelings[0].targetLabel=cluster",
        f"{value}.relabelings[0].replacement=west",
        f"{value}.metricRelabelings[0].action=drop",
        f"{value}.metricRelabelings[0].regex=python_.*",
    )
    monitor = find(helm.render(*ROUTED, *settings), kind, name)
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["jobLabel"] == "app"
    assert monitor["spec"][endpoints] == [
        endpoint
        | {
            "interval": "30s",
            "scrapeTimeout": "10s",
            "relabelings": [{"targetLabel": "cluster", "replacement": "west"}],
            "metricRelabelings": [{"action": "drop", "regex": "python_.*"}],
        }
    ]


def test_the_gates_of_every_pool_are_scraped_and_their_policies_admit_it(helm: Helm) -> None:
    rendered = helm.render(GATES, "monitoring.gates.fromNamespaces={metrics,monitoring}")
    spec = find(rendered, "PodMonitor")["spec"]
    assert spec["selector"] == {"matchExpressions": [{"key": "stellar.org/pool", "operator": "Exists"}]}
    assert spec["namespaceSelector"] == {"any": True}
    assert spec["podTargetLabels"] == ["stellar.org/pool"]
    (container,) = find(rendered, "Deployment", "readpool-controller")["spec"]["template"]["spec"]["containers"]
    assert "--scraper-namespaces=metrics,monitoring" in container["args"]
    assert not any(
        "scraper" in one
        for one in find(helm.render(), "Deployment", "readpool-controller")["spec"]["template"]["spec"]["containers"][
            0
        ]["args"]
    )
    some = find(helm.render(GATES, "controller.namespaces={one,two}"), "PodMonitor")["spec"]
    assert some["namespaceSelector"] == {"matchNames": ["one", "two"]}


def test_alerts_are_about_what_the_release_runs(helm: Helm) -> None:
    everything = groups_of(helm, *ROUTED, GATES)
    assert list(everything) == [
        f"readpool.{name}" for name in ("fleets", "scaler", "certificates", "controller", "router", "gates")
    ]
    assert list(groups_of(helm)) == [f"readpool.{name}" for name in ("fleets", "scaler", "certificates", "controller")]
    assert list(groups_of(helm, "controller.enabled=false", "tls.mode=off")) == ["readpool.fleets", "readpool.scaler"]


def test_links_lead_to_runbooks_and_to_dashboards_where_grafana_is_known(helm: Helm) -> None:
    for rules in groups_of(helm, *ROUTED, GATES).values():
        for rule in rules:
            assert rule["annotations"]["runbook_url"].endswith(f"docs/runbooks/{rule['alert']}.md")
            assert "dashboard_url" not in rule["annotations"]
    linked = (
        "monitoring.rules.runbookUrl=https://wiki.example/",
        "monitoring.rules.grafanaUrl=https://grafana.example/",
    )
    for rules in groups_of(helm, *linked).values():
        for rule in rules:
            assert rule["annotations"]["runbook_url"] == f"https://wiki.example/{rule['alert']}.md"
            assert rule["annotations"]["dashboard_url"].startswith("https://grafana.example/d/readpool-")


def test_alerts_can_be_left_out_and_routed(helm: Helm) -> None:
    all_of = groups_of(helm)["readpool.scaler"]
    some = groups_of(
        helm, "monitoring.rules.disabled={ReadPoolScalerSlow}", "monitoring.rules.alertLabels.team=stellar"
    )
    assert {rule["alert"] for rule in all_of} - {rule["alert"] for rule in some["readpool.scaler"]} == {
        "ReadPoolScalerSlow"
    }
    assert all(rule["labels"]["team"] == "stellar" for rule in some["readpool.fleets"])
    pod = pod_of(helm.render("monitoring.rules.alertLabels.team=stellar"), "readpool-controller")
    assert "--alert-label=team=stellar" in args_of(pod)
    with pytest.raises(RefusedError, match="/monitoring/rules/disabled/0"):
        helm.render(RULES, "monitoring.rules.disabled={Watchdog}")


def test_each_dashboard_is_a_config_map_that_grafanas_sidecar_finds(helm: Helm) -> None:
    rendered = helm.render(
        "monitoring.dashboards.enabled=true", "monitoring.dashboards.annotations.grafana_folder=stellar"
    )
    maps = {
        one["metadata"]["name"]: one
        for one in rendered
        if one["kind"] == "ConfigMap" and "-dashboard-" in one["metadata"]["name"]
    }
    files = {path.stem: path.read_text() for path in (CHART / "dashboards").glob("*.json")}
    assert set(maps) == {f"readpool-dashboard-{name}" for name in files}
    for name, text in files.items():
        found = maps[f"readpool-dashboard-{name}"]
        assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert found["metadata"]["annotations"] == {"grafana_folder": "stellar"}
        assert json.loads(found["data"][f"readpool-{name}.json"]) == json.loads(text)
        assert len(yaml.safe_dump(found)) < 256 * 1024, "what server-side apply and client-side annotations take"


def test_common_labels_are_on_all_of_it(helm: Helm) -> None:
    enabled = (RULES, GATES, "monitoring.dashboards.enabled=true", "router.podMonitor.enabled=true", *ROUTED)
    for one in helm.render(*enabled, "commonLabels.team=stellar"):
        assert one["metadata"]["labels"]["team"] == "stellar", one["metadata"]["name"]
