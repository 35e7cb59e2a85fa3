"""Facts that stand in one place: a second home is where the two begin to differ."""

import json
import re
from pathlib import Path

import pytest

from readpool.pool.network import Network, ReferenceType
from readpool.pool.workload_ref import ProbeType
from readpool.public_networks import load_public_networks
from scaler.probes.kinds import FLEET_KINDS, REFERENCE_KINDS, ProbeKind
from scaler.triggers.network_names import PASSPHRASES

ROOT = Path(__file__).parents[2]
SOURCES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for package in ("readpool", "scaler", "controller")
    for path in (ROOT / package).rglob("*.py")
    if "simulator" not in path.parts and "_pb2" not in path.name
}
FACTS = {
    "where an archive's state file is": (r'"/\.well-known/stellar-history', ["readpool/history_archives.py"]),
    "the ledgers of a checkpoint": (r"CHECKPOINT_LEDGERS = 64", ["readpool/history_archives.py"]),
    "how back-off is spread": (r"random\.uniform\(", ["readpool/backoff.py"]),
    "how a time is written": (r"%Y-%m-%dT%H", ["readpool/timestamps.py"]),
    "how text is made printable": (r"isprintable\(\) else", ["readpool/text.py"]),
    "what a DNS label is": (r"\[a-z0-9\]\(\[-a-z0-9\]\{0,61\}", ["readpool/names.py"]),
    "the label of a pool": (r'= "stellar\.org/pool"', ["readpool/pool/labels.py"]),
    "the label of a slice's Service": (r'"kubernetes\.io/service-name"', ["controller/observed/labels.py"]),
    "the options of a gRPC port": (r'"grpc\.keepalive_permit_without_calls"', ["readpool/grpc_server.py"]),
    "classes as messages": (
        r"ReplicaClass\.FOREIGN: ?(pb|observer_pb2)\.|(pb|observer_pb2)\.REPLICA_CLASS_FOREIGN: Replica",
        ["readpool/replica_class_messages.py"],
    ),
    "which conditions are good when False": (
        r"(RECONCILING|STALLED|\"Reconciling\"|\"Stalled\")\W+(ConditionType\.)?(RECONCILING|STALLED|\"Stalled\")\)",
        ["readpool/pool/condition_types.py"],
    ),
    "the types of conditions": (r'DesiredCondition\(\s*"', []),
}


@pytest.mark.parametrize(("pattern", "homes"), FACTS.values(), ids=FACTS.keys())
def test_a_fact_has_one_home(pattern: str, homes: list[str]) -> None:
    assert sorted(name for name, text in SOURCES.items() if re.search(pattern, text)) == homes


def test_triggers_name_the_public_networks_as_the_product_knows_them() -> None:
    known = {name: network.passphrase for name, network in load_public_networks().items()}
    assert known == PASSPHRASES
    assert {str(name) for name in Network} == {*known, "Custom"}


def test_the_page_names_the_public_networks() -> None:
    words = (ROOT / "scaler/telemetry/page/words.js").read_text(encoding="utf-8")
    assert [one for one in PASSPHRASES.values() if f'"{one}"' not in words] == []


def test_a_pool_may_name_the_kinds_of_reference_that_the_scaler_polls() -> None:
    assert {kind.value for kind in ReferenceType} == {kind.value for kind in REFERENCE_KINDS}


def test_a_pool_may_name_the_kinds_of_replica_that_the_scaler_polls() -> None:
    assert {kind.value for kind in ProbeType} == {kind.value for kind in FLEET_KINDS}


@pytest.mark.parametrize(
    ("page", "row", "kinds"),
    [
        ("docs/scaledobject.md", "| `probe` |", FLEET_KINDS),
        ("docs/scaledobject.md", "| `references` |", REFERENCE_KINDS),
        ("docs/configuration.md", "| `--reference KIND=URL` |", REFERENCE_KINDS),
    ],
)
def test_pages_name_the_kinds_that_the_scaler_polls(page: str, row: str, kinds: tuple[ProbeKind, ...]) -> None:
    (line,) = [one for one in (ROOT / page).read_text(encoding="utf-8").splitlines() if one.startswith(row)]
    assert {kind for kind in ProbeKind if f"`{kind}`" in line} == set(kinds)


def test_the_chart_takes_the_kinds_of_reference_that_the_scaler_polls() -> None:
    values = json.loads((ROOT / "charts/readpool/values.schema.json").read_text(encoding="utf-8"))
    pattern = values["properties"]["scaler"]["properties"]["references"]["items"]["pattern"]
    assert pattern == f"^({'|'.join(REFERENCE_KINDS)})=https?://.+$"
