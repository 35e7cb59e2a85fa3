"""A real Prometheus scrapes a running installation: every panel has data, and alerts fire at faults alone."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from devtools.api.api_server import ApiServer
from devtools.monitoring.boards import BOARDS
from tests.e2e.api.monitored_stage import POOL, MonitoredStage, set_monitored_stage
from tests.e2e.rendered_chart import Helm, find
from tests.prometheus_process import Prometheus, find_prometheus, run_prometheus

pytestmark = pytest.mark.timeout(900)  # Prometheus, Helm and an API server may have to be built

RULES = (
    "monitoring.rules.enabled=true",
    "monitoring.rules.grafanaUrl=https://grafana.example",
    "monitoring.gates.enabled=true",
    "router.enabled=true",
    "router.pools[0].namespace=stellar",
    "router.pools[0].name=readers",
)
NO_DATA_HERE = {
    "External metric values in KEDA": "KEDA runs on a cluster alone",
    "Certificates": "nothing speaks TLS here",
    "Certificates that cannot be renewed": "nothing speaks TLS here",
}
SOON = "2s"
OF_THE_MACHINE = {"ReadPoolScalerSlow"}
"""Here the scaler shares its processors with other tests, and is slow at times: these keep their minutes."""
QUIET_SECONDS = 6
"""Three times as long as it takes a fault to fire."""
SECONDS = 60.0


def build_groups(helm: Helm) -> list[dict[str, Any]]:
    """Build the chart's rules, with a fault's minutes cut short; hours stay."""
    groups: list[dict[str, Any]] = find(helm.render(*RULES), "PrometheusRule")["spec"]["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        if re.fullmatch(r"\d+m", rule["for"]) and rule["alert"] not in OF_THE_MACHINE:
            rule["for"] = SOON
    return groups


def list_questions(fleet: str) -> Iterator[tuple[str, str]]:
    """List the query of each panel as Grafana would send it, with the panel's title."""
    chosen = {"$fleet": fleet, "$replica": ".*", "$__rate_interval": "15s"}
    for panel in (one for board in BOARDS.values() for section in board.sections for one in section.panels):
        for query in panel.queries:
            expression = query.expression
            for name, value in chosen.items():
                expression = expression.replace(name, value)
            yield panel.title, expression


async def until(holds: Callable[[], Awaitable[Any]], what: str, seconds: float = SECONDS) -> Any:
    """Wait until something holds, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := await holds()):
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.5)
    return found


async def test_every_panel_has_data_nothing_fires_while_all_is_well_and_faults_fire(
    api_server: ApiServer, namespace: str, helm: Helm, tmp_path: Path
) -> None:
    async with scrape_monitored_stage(api_server, namespace, helm, tmp_path) as (stage, prometheus):
        await check_panels(prometheus, stage)
        await check_rules(prometheus)
        await check_faults(prometheus, stage)


@asynccontextmanager
async def scrape_monitored_stage(
    api_server: ApiServer, namespace: str, helm: Helm, folder: Path
) -> AsyncIterator[tuple[MonitoredStage, Prometheus]]:
    """Run an installation and a Prometheus over it, with the chart's rules; both are started."""
    binary, groups = find_prometheus(), build_groups(helm)
    async with (
        set_monitored_stage(api_server, namespace, helm, folder) as stage,
        run_prometheus(binary, folder / "prometheus", stage.targets, groups) as prometheus,
    ):
        await wait_until_started(prometheus)
        yield stage, prometheus


async def wait_until_started(prometheus: Prometheus) -> None:
    """Wait until everything is scraped, a controller leads, and nothing fires that had to wait for that."""

    async def has_started() -> bool:
        are_up = set((await prometheus.list_targets()).values()) == {"up"}
        leading = await prometheus.query("sum(readpool_controller_leading) == 1")
        return are_up and bool(leading) and not await prometheus.list_firing()

    await until(has_started, f"not all is up: {await prometheus.list_targets()}, {await prometheus.list_firing()}")


async def check_panels(prometheus: Prometheus, stage: MonitoredStage) -> None:
    """Ask what every panel asks; a new installation needs a few seconds for some."""
    empty: dict[str, str] = {}

    async def have_data() -> bool:
        asked = list_questions(stage.fleet)
        empty.clear()
        empty.update({title: asking for title, asking in asked if not await prometheus.query(asking)})
        return set(empty) <= set(NO_DATA_HERE)

    try:
        await until(have_data, "some panels have no data")
    except AssertionError as error:
        raise AssertionError(f"no data for {[one for one in empty.items() if one[0] not in NO_DATA_HERE]}") from error
    assert set(empty) == set(NO_DATA_HERE)


async def check_rules(prometheus: Prometheus) -> None:
    """Check that every rule is evaluated without an error, and that none fires while all is well."""
    rules = await prometheus.list_rules()
    assert {(rule["health"], rule.get("lastError", "")) for rule in rules} == {("ok", "")}
    for _ in range(QUIET_SECONDS):
        assert await prometheus.list_firing() == {}
        await asyncio.sleep(1.0)


async def check_faults(prometheus: Prometheus, stage: MonitoredStage) -> None:
    """Make one fault after the other; what has fired may go on, as rates of minutes do."""
    allowed: set[str] = set()
    for make, names in list_faults(stage):
        await make()
        allowed |= names

        async def fire(names: set[str] = names) -> bool:
            return names <= set(await prometheus.list_firing())

        await until(fire, f"{names} did not fire, but {set(await prometheus.list_firing())}")
        firing = await prometheus.list_firing()
        assert set(firing) <= allowed
        for one in firing.values():
            check_words(one)
    assert f"{stage.pools.namespace}/{POOL}" == stage.fleet


def check_words(alert: Mapping[str, Any]) -> None:
    """Templates are filled in, for people and for Alertmanager."""
    words = " ".join([*alert["annotations"].values(), *alert["labels"].values()])
    assert not re.search(r"\{\{|<no value>|error expanding|%!", words), words
    assert "  " not in words


def list_faults(stage: MonitoredStage) -> list[tuple[Callable[[], Awaitable[None]], set[str]]]:
    """List faults, each as something to do and the alerts that are to fire then."""
    nodes = stage.pools.nodes

    async def one_lags() -> None:
        nodes[0].lag = 100

    async def all_lag() -> None:
        for node in nodes:
            node.lag = 100

    async def lose_reference() -> None:
        await stage.reference.stop()

    async def queries_fail() -> None:
        stage.query.status = b"503 Busy"

    async def end_router() -> None:
        stage.router.envoy.process.kill()

    async def end_controller() -> None:
        stage.controller.kill()

    async def end_scaler() -> None:
        await asyncio.to_thread(stage.pools.scaler.stop)

    return [
        (one_lags, {"ReadPoolBelowTarget"}),
        (lose_reference, {"ReadPoolReferencesLost"}),
        (all_lag, {"ReadPoolNoneFresh"}),
        (queries_fail, {"ReadPoolRequestErrors", "ReadPoolRouterErrors"}),
        (end_router, {"ReadPoolRouterDown"}),
        (end_controller, {"ReadPoolControllerNoLeader"}),
        (end_scaler, {"ReadPoolScalerDown"}),
    ]
