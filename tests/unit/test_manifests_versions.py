"""Every manifest that the repository shows names a Stellar Core that can follow its network."""

import re
from pathlib import Path

import pytest

from controller.core_config.core_config_version import parse_major
from devtools.pools.pool_manifests import read_example
from readpool.core_versions import RECOMMENDED_CORE
from readpool.pool.spec import parse_pool
from readpool.public_networks import list_protocols, load_public_networks

ROOT = Path(__file__).resolve().parents[2]
PLACES = ["README.md", "docs/**/*.md", "examples/**/*.yaml", "readpool/pool/*.py"]
PLACES += [f"charts/**/*.{ending}" for ending in ("yaml", "txt", "md")]
FILES = sorted({path for place in PLACES for path in ROOT.glob(place)})
EXEMPT = {
    "examples/compatibility/proposal.yaml": "the proposal's manifest, kept as it was",
    "docs/testing.md": "a Core for tests on a private network",
}
VERSIONS = re.compile(
    r"""(?mx)
    ^[^\n#]*?\bversion:[ ]*["']?(v?[0-9]{1,3}[^\s"',}]*)  # of a pool
    | stellar/stellar-core:([^\s`"',@)]+)                 # an image
    | image[ ]tag[ ]such[ ]as[ ](v?[0-9]+[^\s,]*)         # in messages
    | "version":[ ]"(v?[0-9][^"]*)"                       # in a patch
    | the[ ]tag[ ]of[ ]`image`,[ ]such[ ]as[ ](v?[0-9]+[^\s,]*)
    | ^[a-z0-9-]+/[a-z0-9-]+[ ]{2}(?:Testnet|Mainnet)[ ](\S+),[ ]tip  # what explain prints
    """
)
OLDEST_USABLE = max(list_protocols().values())


def list_versions(text: str) -> list[str]:
    """List the versions of Core that a text names; a capital word such as TAG is none."""
    found = (next(filter(None, one.groups())).rstrip(".") for one in VERSIONS.finditer(text))
    return [one for one in found if parse_major(one) is not None]


def list_named() -> list[tuple[str, str]]:
    """List what each file of the repository names: file and version."""
    named = []
    for path in FILES:
        name = path.relative_to(ROOT).as_posix()
        if name not in EXEMPT:
            named += [(name, version) for version in list_versions(_leave_out_others(path))]
    return named


def _leave_out_others(path: Path) -> str:
    """Read a file without what is a version of something else: the chart's own, and readpool's."""
    text = path.read_text(encoding="utf-8")
    return "" if path.name == "Chart.yaml" else text


NAMED = list_named()


@pytest.mark.parametrize(("name", "version"), NAMED, ids=str)
def test_a_manifest_names_a_core_that_follows_every_public_network(name: str, version: str) -> None:
    major = parse_major(version)
    assert major is not None
    assert major >= OLDEST_USABLE, f"{name} names Stellar Core {version}; networks are at Protocol {OLDEST_USABLE}"


def test_examples_readme_docs_chart_and_definition_all_name_one() -> None:
    files = {name for name, _ in NAMED}
    assert {"README.md", "docs/readonlypool.md", "docs/install.md", "examples/readonlypool.yaml"} <= files
    assert {
        "charts/readpool/templates/NOTES.txt",
        "charts/readpool/templates/crd.yaml",
        "readpool/pool/spec.py",
    } <= files
    assert sum(name.startswith("examples/") for name in files) >= 5


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        ('  version: "v21.0.0"   # x', ["v21.0.0"]),
        ("spec: {network: Testnet, version: 23.0.1}", ["23.0.1"]),
        ("docker pull stellar/stellar-core:26.0.1-3109.e78c97ed0.jammy", ["26.0.1-3109.e78c97ed0.jammy"]),
        ("READPOOL_CORE_IMAGE=stellar/stellar-core:TAG", []),
        ("stellar/readers  Testnet v22.1.0, tip 61,234,567", ["v22.1.0"]),
        ("# version: v21.0.0", []),
    ],
)
def test_versions_are_found_in(text: str, versions: list[str]) -> None:
    assert list_versions(text) == versions


def test_the_recommended_core_supports_the_protocol_of_every_public_network() -> None:
    assert parse_major(RECOMMENDED_CORE) is not None
    assert int(RECOMMENDED_CORE) >= OLDEST_USABLE
    assert {parse_major(version) for _, version in NAMED} == {int(RECOMMENDED_CORE)}


def test_the_guide_has_each_network_s_protocol_with_date_and_source() -> None:
    text = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
    for name, facts in load_public_networks().items():
        row = next(line for line in text.splitlines() if line.startswith(f"| {name} |"))
        if facts.protocol is not None:
            assert row.startswith(f"| {name} | {facts.protocol.number} | {facts.protocol.since} |")
            assert facts.protocol.source in row


def test_the_proposal_s_manifest_still_applies_and_is_named_as_no_example() -> None:
    assert parse_pool(read_example()).spec.version == "v21.0.0"
    text = (ROOT / "examples" / "compatibility" / "proposal.yaml").read_text(encoding="utf-8")
    assert "not an example to follow" in text
    shown = [path for path in FILES if "compatibility/proposal" in path.read_text(encoding="utf-8")]
    assert ROOT / "README.md" not in shown
