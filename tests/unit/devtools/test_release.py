"""A release: each part is made here and the same twice, and the workflow does nothing but what targets of make do."""

import gzip
import io
import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from devtools.pools.pool_manifests import build_manifest, read_example
from devtools.release.archive import pack
from devtools.release.chart import ChartError, build_changes, package_chart
from devtools.release.definition import build_definition, build_json_schema
from devtools.release.sbom import build_sbom
from devtools.release.versions import VersionError, check_tag, find_notes, to_chart_version
from readpool.core_versions import RECOMMENDED_CORE
from readpool.pool.spec import parse_pool

ROOT = Path(__file__).resolve().parents[3]
DIGEST = "sha256:" + "0a" * 32
CHART = {path.relative_to(ROOT / "charts/readpool").as_posix(): path for path in (ROOT / "charts/readpool").rglob("*")}
FILES = {name: path.read_bytes() for name, path in CHART.items() if path.is_file()}
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE))
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n- later\n\n## [0.2.0] - 2026-12-01\n\n- first\n\n## 0.1.0\n\n- zeroth\n"


@pytest.mark.parametrize(
    ("version", "chart"),
    [("0.2.0", "0.2.0"), ("0.2.0.dev3", "0.2.0-dev.3"), ("1.0.0rc1", "1.0.0-rc.1"), ("1.0.0b2", "1.0.0-beta.2")],
)
def test_a_version_in_the_chart_s_spelling(version: str, chart: str) -> None:
    assert to_chart_version(version) == chart


@pytest.mark.parametrize("version", ["0.2", "0.2.0+local", "0.2.0.post1", "v0.2.0", "0.2.0-dev.0"])
def test_a_version_that_the_chart_cannot_have_is_refused(version: str) -> None:
    with pytest.raises(VersionError, match="is not MAJOR"):
        to_chart_version(version)


@pytest.mark.parametrize(
    ("tag", "version", "chart", "why"),
    [
        ("v0.2.1", "0.2.0", "0.2.0", "tag 'v0.2.1' is not v0.2.0"),
        ("0.2.0", "0.2.0", "0.2.0", "is not v0.2.0"),
        ("v0.2.0.dev0", "0.2.0.dev0", "0.2.0-dev.0", "is a development version"),
        ("v0.2.0", "0.2.0", "0.1.0", "Chart.yaml has"),
        ("v0.3.0", "0.3.0", "0.3.0", "CHANGELOG.md has no section"),
    ],
)
def test_a_tag_is_refused_that(tag: str, version: str, chart: str, why: str) -> None:
    with pytest.raises(VersionError, match=re.escape(why)):
        check_tag(tag, version, {"version": chart, "appVersion": version}, CHANGELOG)


def test_a_tag_of_a_version_that_is_ready_is_taken_and_its_notes_are_found() -> None:
    check_tag("v0.2.0", "0.2.0", {"version": "0.2.0", "appVersion": "0.2.0"}, CHANGELOG)
    assert (find_notes(CHANGELOG, "0.2.0"), find_notes(CHANGELOG, "0.1.0")) == ("- first", "- zeroth")


def read_chart(packed: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return {one.name: archive.extractfile(one).read().decode() for one in archive}  # type: ignore[union-attr]


def test_a_chart_installs_the_image_that_was_released_by_digest_and_keeps_its_comments() -> None:
    name, packed = package_chart(FILES, "0.2.0", 1_800_000_000, repository="ghcr.io/a/readpool", digest=DIGEST)
    assert name == "readpool-0.2.0.tgz"
    held = read_chart(packed)
    values = yaml.safe_load(held["readpool/values.yaml"])
    assert values["image"] == yaml.safe_load(FILES["values.yaml"])["image"] | {
        "repository": "ghcr.io/a/readpool",
        "digest": DIGEST,
    }
    chart = yaml.safe_load(held["readpool/Chart.yaml"])
    assert (chart["version"], chart["appVersion"]) == ("0.2.0", "0.2.0")
    assert held["readpool/values.yaml"].count("#") == FILES["values.yaml"].decode().count("#")
    assert held.keys() == {f"readpool/{path}" for path in FILES}


def test_a_chart_s_readme_has_every_value_and_links_that_lead_out_of_the_package() -> None:
    _, packed = package_chart(FILES, "0.2.0", 1_800_000_000)
    readme = read_chart(packed)["readpool/README.md"]
    assert "](../" not in readme
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (.*?) \|", readme, re.MULTILINE))
    values = yaml.safe_load(FILES["values.yaml"])
    assert rows["image.repository"] == f'`"{values["image"]["repository"]}"`'
    assert {path.partition(".")[0] for path in rows} == values.keys()
    assert len(rows) > 100


def test_a_chart_names_envoy_by_the_digest_that_it_had_when_it_was_released() -> None:
    _, packed = package_chart(FILES, "0.2.0", 1_800_000_000, gate_digest=DIGEST)
    before, after = yaml.safe_load(FILES["values.yaml"]), yaml.safe_load(read_chart(packed)["readpool/values.yaml"])
    assert after == before | {"gate": before["gate"] | {"image": before["gate"]["image"] | {"digest": DIGEST}}}


@pytest.mark.parametrize("given", [{"digest": "latest"}, {"gate_digest": "sha256:0a"}])
def test_a_digest_that_is_none_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ChartError, match="64 hexadecimal digits"):
        package_chart(FILES, "0.2.0", 0, **given)


def test_a_package_is_the_same_whatever_order_its_files_come_in_and_names_nobody() -> None:
    forwards, backwards = (pack(dict(order), 1_800_000_000) for order in (FILES.items(), reversed(FILES.items())))
    assert forwards == backwards
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(forwards))) as archive:
        assert {(one.uid, one.gid, one.uname, one.mtime, one.mode) for one in archive} == {
            (0, 0, "", 1_800_000_000, 0o644)
        }


def test_the_bill_of_materials_has_every_pin_of_the_lock_with_its_hashes() -> None:
    lock = (ROOT / "lock/runtime.txt").read_text(encoding="utf-8")
    bill = json.loads(
        build_sbom(lock, "0.2.0", 1_800_000_000, lambda name: "MIT" if name == "click" else "", ["aiohttp"])
    )
    pins = re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", lock, re.MULTILINE)
    assert [(one["name"], one["version"]) for one in bill["components"]] == pins
    assert all(one["externalReferences"][0]["hashes"] for one in bill["components"])
    assert {one["name"] for one in bill["components"] if "licenses" in one} == {"click"}
    assert bill["dependencies"][0]["dependsOn"] == [f"pkg:pypi/aiohttp@{dict(pins)['aiohttp']}"]


def test_the_definition_s_file_is_the_one_that_the_chart_has() -> None:
    crd = yaml.safe_load(build_definition())
    assert (crd["kind"], crd["metadata"]["name"]) == ("CustomResourceDefinition", "readonlypools.stellar.org")


def find_strays(schema: dict[str, Any], value: Any, path: str = "") -> list[str]:
    """Find fields of a manifest that a schema does not have."""
    if schema.get("additionalProperties") is False and isinstance(value, dict):
        strays = [f"{path}.{name}" for name in value.keys() - schema["properties"].keys()]
        known = value.keys() & schema["properties"].keys()
        return strays + [
            one for name in known for one in find_strays(schema["properties"][name], value[name], f"{path}.{name}")
        ]
    return []


def test_the_json_schema_knows_each_field_of_the_proposal_and_no_other() -> None:
    schema = json.loads(build_json_schema())
    assert "x-kubernetes" not in json.dumps(schema)
    assert find_strays(schema, read_example()) == []
    assert find_strays(schema, build_manifest(lagTreshold=1)) == [".spec.lagTreshold"]


NOTES = "### Added\n\n- One: a `value`\n  of two lines ([page](docs/page.md)).\n- Two\n\n### Fixed\n\n- Three\n"
CHANGES = [
    {"kind": "added", "description": "One: a `value` of two lines (page)."},
    {"kind": "added", "description": "Two"},
    {"kind": "fixed", "description": "Three"},
]


def test_artifact_hub_is_told_the_changes_of_the_version() -> None:
    assert build_changes(NOTES) == CHANGES
    _, packed = package_chart(FILES, "0.2.0", 0, notes=NOTES)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        member = archive.extractfile("readpool/Chart.yaml")
        assert member
        told = yaml.safe_load(member)["annotations"]
    assert yaml.safe_load(told["artifacthub.io/changes"]) == CHANGES
    with pytest.raises(ChartError, match="heading 'news'"):
        build_changes("### News\n\n- Four\n")


def test_every_section_of_the_changelog_can_be_told_to_artifact_hub() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[?([^\]\s]+)\]?", changelog, re.MULTILINE)
    assert versions
    for version in versions:
        changes = build_changes(find_notes(changelog, version))
        assert changes
        assert all(one["description"] for one in changes)


def list_steps(workflow: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_targets_of_make_and_little_else(workflow: Path) -> None:
    commands = [step["run"] for step in list_steps(workflow) if "run" in step]
    made = {target for command in commands for target in re.findall(r"\bmake ([a-z0-9-]+)", command)}
    assert made
    assert made <= TARGETS
    others = [one for one in commands if not one.startswith("make ")]
    allowed = re.compile(r"echo |sudo -E \.ci/run|mkdir -p upload && cp dist/\*\.whl")
    assert [one for one in others if not allowed.match(one)] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read_unless_a_job_says_more_and_names_its_actions_versions(workflow: Path) -> None:
    text = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    assert text["permissions"] == {"contents": "read"}
    used = [step["uses"] for step in list_steps(workflow) if "uses" in step]
    assert [one for one in used if not re.fullmatch(r"[\w./-]+@(v\d+|release/v\d+|[0-9a-f]{40})", one)] == []


def test_the_release_makes_signs_and_publishes_every_part() -> None:
    commands = " ".join(step.get("run", "") for step in list_steps(ROOT / ".github/workflows/release.yml"))
    parts = ("release-image", "release-check", "publish-image", "release", "publish-chart", "sign", "publish-release")
    assert [part for part in parts if f"make {part}" not in commands] == []
    assert commands.index("make publish-image") < commands.index('DIGEST="$(cat dist/image.digest)"')
    assert commands.index("make find-gate-digest") < commands.index('GATE_DIGEST="$(cat dist/gate.digest)"')
    offline = re.search(r"^release: (.*?) ##", MAKEFILE, re.MULTILINE)
    assert offline
    every = {
        "release-python",
        "release-definition",
        "release-sbom",
        "release-chart",
        "release-krew",
        "release-checksums",
    }
    assert set(offline[1].split()) == every


def test_two_builds_of_all_that_needs_no_registry_are_the_same(tmp_path: Path) -> None:
    made = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        for part in ("python", "definition", "sbom", "chart", "krew", "checksums"):
            command = [sys.executable, "-m", "devtools.release", "--dist", str(folder), part]
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        made.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert made[0].keys() == made[1].keys()
    assert [name for name in made[0] if made[0][name] != made[1][name]] == []
    assert len(made[0]) == 9
    assert made[0]["SHA256SUMS"].count(b"\n") == 8


def test_the_source_distribution_is_what_the_wheel_is_made_of(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "devtools.release", "--dist", str(tmp_path), "python"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (source,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        tops = {name.split("/")[1] for name in archive.getnames()}
    packages = {"readpool", "scaler", "controller"}
    assert tops == packages | {
        "proto",
        "pyproject.toml",
        "PKG-INFO",
        ".gitignore",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
    }


def test_what_artifact_hub_shows_is_true_of_the_chart() -> None:
    chart = yaml.safe_load(FILES["Chart.yaml"])
    told = chart["annotations"]
    images = {one["name"]: one["image"] for one in yaml.safe_load(told["artifacthub.io/images"])}
    values = yaml.safe_load(FILES["values.yaml"])
    assert images["readpool"].endswith(f"/readpool:{chart['appVersion']}")
    assert images["gate"] == "{repository}:{tag}".format(**values["gate"]["image"])
    (crd,) = yaml.safe_load(told["artifacthub.io/crds"])
    definition = yaml.safe_load(build_definition())
    assert (crd["name"], crd["kind"]) == (definition["metadata"]["name"], definition["spec"]["names"]["kind"])
    (example,) = yaml.safe_load(told["artifacthub.io/crdsExamples"])
    assert parse_pool(example).spec.version == RECOMMENDED_CORE
    assert (ROOT / chart["icon"].partition("/main/")[2]).read_text(encoding="utf-8").startswith("<svg")
