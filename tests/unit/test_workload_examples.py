"""The examples of pools before workloads name what the charts of Stellar make: kinds, names and ports as rendered."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "workloads"
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "existing-workload.md"


@dataclass(frozen=True, slots=True)
class Rendered:
    """The workload that a chart makes of a release with the chart's own name, and the ports that it names."""

    version: str
    kind: str
    name: str
    ports: Mapping[str, int]


CHARTS = {
    "core": Rendered("core 0.13.0", "StatefulSet", "core", {"core": 11626, "core-peer": 11625}),
    "rpc": Rendered("soroban-rpc 0.6.2", "StatefulSet", "soroban-rpc", {"soroban-rpc": 8000, "admin-port": 6061}),
    "horizon": Rendered("horizon 0.9.0", "Deployment", "horizon-web", {"horizon": 8000, "metrics": 6000}),
}
"""By `helm template` of stellar/helm-charts at 721a73c, of August 2026."""


@pytest.mark.parametrize("probe", CHARTS)
def test_an_example_stands_before_what_the_chart_makes(probe: str) -> None:
    spec, chart = yaml.safe_load((EXAMPLES / f"{probe}.yaml").read_text(encoding="utf-8"))["spec"], CHARTS[probe]
    assert spec["workloadRef"] == {"apiVersion": "apps/v1", "kind": chart.kind, "name": chart.name}
    assert spec["probe"]["type"] == probe
    port = spec["probe"]["port"]
    assert port in chart.ports or port in chart.ports.values()


def test_every_kind_of_probe_has_an_example_and_the_guide_says_of_which_versions() -> None:
    assert {file.stem for file in EXAMPLES.glob("*.yaml")} == set(CHARTS)
    guide = GUIDE.read_text(encoding="utf-8")
    assert [chart.version for chart in CHARTS.values() if chart.version not in guide] == []
