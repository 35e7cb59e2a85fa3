"""docs/scaledobject.md says what the door does: the same keys, defaults, bounds and names."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from scaler.probes.kinds import REFERENCE_KINDS, ProbeKind
from scaler.triggers import pool_hold_reasons, trigger
from scaler.triggers.fleet_spec import FleetSpec, build_pool_target
from scaler.triggers.metric import Metric
from scaler.triggers.network_names import PASSPHRASES
from scaler.triggers.pool_fleet import ReferenceRules, derive_fleet
from scaler.triggers.trigger import Trigger, parse_trigger
from tests.unit.scaler.triggers.test_trigger import refuse

FOLDER = Path(__file__).resolve().parents[4]
TEXT = (FOLDER / "docs" / "scaledobject.md").read_text()
EXAMPLES = sorted((FOLDER / "examples").glob("scaledobject-*.yaml"))
ROWS = {
    cells[0].strip(" `"): [cell.strip() for cell in cells[1:]]
    for cells in (line.strip("|").split("|") for line in TEXT.splitlines() if re.match(r"\| `[A-Za-z]+` \|", line))
}
DEFAULTS = {field.name: field.default for kind in (FleetSpec, Trigger) for field in fields(kind)}


def test_the_keys_are_those_of_the_code() -> None:
    listed = refuse({"nonsense": ""}).partition("allowed keys are ")[2].split(", ")
    assert sorted(ROWS) == sorted(listed)


@pytest.mark.parametrize(
    ("key", "minimum", "maximum"),
    [
        ("targetReplicas", 0, trigger.MAX_REPLICAS),
        ("minReplicas", 0, trigger.MAX_REPLICAS),
        ("maxReplicas", 0, trigger.MAX_REPLICAS),
        ("lagThreshold", 1, trigger.MAX_LAG_THRESHOLD),
        ("sustainSeconds", trigger.MIN_SUSTAIN_SECONDS, trigger.MAX_SUSTAIN_SECONDS),
        ("targetValue", trigger.MIN_TARGET_VALUE, trigger.MAX_TARGET_VALUE),
    ],
)
def test_the_bounds_are_those_of_the_code(key: str, minimum: float, maximum: float) -> None:
    assert ROWS[key][1] == f"{minimum} to {maximum:.0f}"


@pytest.mark.parametrize(
    ("key", "name"),
    [("lagThreshold", "lag_threshold"), ("sustainSeconds", "sustain_seconds"), ("targetValue", "target_value")],
)
def test_the_default_numbers_are_those_of_the_code(key: str, name: str) -> None:
    assert float(ROWS[key][0]) == DEFAULTS[name]


@pytest.mark.parametrize(("key", "name"), [("metric", "metric"), ("probe", "probe")])
def test_the_default_words_are_those_of_the_code(key: str, name: str) -> None:
    assert ROWS[key][0] == f"`{DEFAULTS[name]}`"


def test_every_metric_kind_of_node_and_public_network_is_named() -> None:
    assert {ROWS["metric"][0].strip("`"), *re.findall(r"`(\w+)`", ROWS["metric"][2])} == set(Metric)
    assert set(re.findall(r"`([a-z]+)`", ROWS["references"][2])) == set(REFERENCE_KINDS)
    assert set(re.findall(r"`([a-z]+)`", ROWS["probe"][2])) == set(REFERENCE_KINDS) - {ProbeKind.ARCHIVE}
    assert set(re.findall(r"`([A-Z]\w+)`", ROWS["network"][2])) == set(PASSPHRASES)


def test_every_reason_to_hold_a_pool_is_explained() -> None:
    section = TEXT.partition("\n## A trigger for a ReadOnlyPool\n")[2].partition("\n## ")[0]
    explained = [
        name for line in re.findall(r"^- (.*?):", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", line)
    ]
    reasons = {value for name, value in vars(pool_hold_reasons).items() if name.isupper()}
    assert reasons <= set(explained)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_triggers_of_every_example_are_understood(example: Path) -> None:
    manifests = [manifest for manifest in yaml.safe_load_all(example.read_text()) if manifest["kind"] == "ScaledObject"]
    assert manifests
    for manifest in manifests:
        for asked in manifest["spec"]["triggers"]:
            if asked["type"].startswith("external"):
                parse_trigger(manifest["metadata"]["namespace"], asked["metadata"], allow_static_nodes=False)


def test_the_pool_of_the_example_is_understood_and_has_the_bounds_of_its_scaledobject() -> None:
    pool, scaled = yaml.safe_load_all((FOLDER / "examples" / "scaledobject-pool.yaml").read_text())
    asked = parse_trigger("stellar", scaled["spec"]["triggers"][0]["metadata"], allow_static_nodes=False).fleet
    fleet = derive_fleet(asked, pool, ReferenceRules())
    assert fleet.hold_reason is None
    assert (fleet.bounds.minimum, fleet.bounds.maximum) == (
        scaled["spec"]["minReplicaCount"],
        scaled["spec"]["maxReplicaCount"],
    )
    assert asked == build_pool_target("stellar", pool["metadata"]["name"])
    assert scaled["spec"]["scaleTargetRef"]["name"] == pool["metadata"]["name"]


def test_the_most_nodes_and_references_are_those_of_the_code() -> None:
    assert f"up to {trigger.MAX_NODES} URLs" in ROWS["nodes"][0]
    assert ROWS["references"][1] == str(trigger.MAX_REFERENCES)
