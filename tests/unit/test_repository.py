"""The repository's own rules, which no linter knows: purity is complete, files stay small, versions and locks agree."""

import ast
import functools
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.version import Version

import readpool
from devtools.release.versions import to_chart_version
from lock.check import compute_misfits, compute_orphans, parse_pins

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
PURE_CONTRACTS = [c for c in PYPROJECT["tool"]["importlinter"]["contracts"] if c["name"].startswith("Pure")]
HELD_PURE = {module for contract in PURE_CONTRACTS for module in contract["source_modules"]}
IMPURE = frozenset.union(*(frozenset(contract["forbidden_modules"]) for contract in PURE_CONTRACTS))
SEEDED = frozenset({"random"})  # what the simulation may use, and nothing else that decides

GENERATED = re.compile(r"_pb2(_grpc)?\.pyi?$")
MOST_LINES = 300

# Put together here, so that this file does not hold what it looks for.
REGISTRY_HOSTS = ["py" + "pi.org", "files.python" + "hosted.org", "crates" + ".io/api", "registry.npm" + "js.org"]
REGISTRY_HOSTS += ["proxy.go" + "lang.org", "repo1.ma" + "ven.org", "deb.deb" + "ian.org"]
MACHINE_PATHS = ["/wo" + "rk/", "/ro" + "ot/", "/tm" + "p/", "/ho" + "me/"]


def list_tracked_files() -> list[Path]:
    """List what git would commit: tracked or new, and not ignored."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return [path for path in ROOT.rglob("*") if path.is_file() and ".venv" not in path.parts]
    return [path for name in listed.decode().split("\0") if name and (path := ROOT / name).is_file()]


def read_text(path: Path) -> str | None:
    """Read a file, or None where it is not text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


TRACKED = list_tracked_files()
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in TRACKED
    if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PACKAGES
}


@functools.cache
def find_imports(module: str) -> frozenset[str]:
    """Find what a module imports, by the full names of the modules that it takes them from."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in MODULES else node.module for name in inner}
    return frozenset(found)


def find_reached(module: str) -> set[str]:
    """Find all that a module takes in, by way of ours."""
    reached, left = set[str](), [module]
    while left:
        new = find_imports(left.pop()) - reached
        reached |= new
        left += [name for name in new if name in MODULES]
    return reached


def is_pure(module: str, impure: frozenset[str] = IMPURE) -> bool:
    """Return whether a module takes nothing but the pure standard library and modules of ours that are pure as well."""
    tops = {imported.split(".", maxsplit=1)[0] for imported in find_reached(module)} - set(PACKAGES)
    return not tops & impure and tops <= sys.stdlib_module_names


def has_code(module: str) -> bool:
    """Return whether a module holds more than its docstring, and is not merely the door of a package."""
    path = MODULES[module]
    return path.name != "__init__.py" and len(ast.parse(path.read_text(encoding="utf-8")).body) > 1


def test_every_module_that_could_be_pure_is_held_to_it_by_the_import_contracts() -> None:
    pure = {module for module in MODULES if is_pure(module) and has_code(module)}
    simulated = {
        m for m in MODULES if m.startswith("readpool.simulator.") and is_pure(m, IMPURE - SEEDED) and has_code(m)
    }
    held = {module for module in MODULES for kept in HELD_PURE if module == kept or module.startswith(f"{kept}.")}
    assert sorted((pure | simulated) - held) == [], "add these to the pure contracts in pyproject.toml"


def test_no_file_outgrows_three_hundred_lines() -> None:
    ours = [p for p in TRACKED if p.suffix in {".py", ".js", ".css", ".html", ".sh"} and not GENERATED.search(p.name)]
    lengths = {str(p.relative_to(ROOT)): len(p.read_text(encoding="utf-8").splitlines()) for p in ours}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


@pytest.mark.parametrize("forbidden", [REGISTRY_HOSTS, MACHINE_PATHS], ids=["registry hosts", "machine paths"])
def test_no_committed_text_names(forbidden: list[str]) -> None:
    texts = {str(path.relative_to(ROOT)): text for path in TRACKED if (text := read_text(path)) is not None}
    assert [(name, word) for name, text in texts.items() for word in forbidden if word in text] == []


def test_the_version_is_the_same_wherever_it_stands() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[?(\d+\.\d+\.\d+)", changelog, re.MULTILINE)
    assert newest
    version = PYPROJECT["project"]["version"]
    assert readpool.__version__ == version == metadata.version("readpool")
    # Between two releases it is a development version of the next: no image carries a release's name by mistake.
    assert version == newest[1] or re.fullmatch(r"\d+\.\d+\.\d+\.dev\d+", version)
    assert Version(version) >= Version(newest[1])
    chart = yaml.safe_load((ROOT / "charts" / "readpool" / "Chart.yaml").read_text(encoding="utf-8"))
    assert (chart["version"], chart["appVersion"]) == (to_chart_version(version), version)
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^ARG VERSION=(.*)$", dockerfile, re.MULTILINE) == [version] * 2
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    named = {tag for page in pages for tag in re.findall(r"/readpool:(\d[\w.]*)", page.read_text(encoding="utf-8"))}
    assert named == {version}, "the chart pulls the tag of its appVersion"


def test_each_package_says_that_it_is_typed() -> None:
    assert [package for package in PACKAGES if not (ROOT / package / "py.typed").is_file()] == []


def test_the_image_is_built_from_the_lock_on_a_base_of_choice_and_runs_as_nobody() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    stages = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    base = re.search(r"^ARG BASE=(.*)$", dockerfile[: dockerfile.index("FROM ")], re.MULTILINE)
    assert base
    assert re.fullmatch(r"python:3\.14-slim-[a-z]+@sha256:[0-9a-f]{64}", base[1])
    assert stages == ["${BASE}", "${BASE}", "${BASE}", "readpool"], "each from the base; what comes last is readpool's"
    assert "--require-hashes" in dockerfile
    assert "lock/runtime.txt" in dockerfile
    assert len(re.findall(r"^USER 65532", dockerfile, re.MULTILINE)) == 2
    assert 'ENTRYPOINT ["readpool"]' in dockerfile


def test_packages_are_installed_as_wheels_with_their_hashes_and_none_runs_code_of_its_own() -> None:
    recipes = (ROOT / "Dockerfile", ROOT / ".ci/setup", ROOT / ".ci/docs")
    text = "\n".join(path.read_text(encoding="utf-8").replace("\\\n", " ") for path in recipes)
    installs = re.findall(r"install (.*?)(?:$|&&|\|)", text, re.MULTILINE)
    fetched = [one for one in installs if "lock/" in one]
    assert len(fetched) == 4
    assert [one for one in fetched if not {"--only-binary", ":all:", "--require-hashes"} <= set(one.split())] == []
    ours = [one for one in installs if re.search(r"--editable \.|dist/\*\.whl", one)]
    assert all("--no-deps" in one for one in ours)
    others = {one for one in installs if one not in fetched and one not in ours}
    assert not [one for one in others if "pip" in one or "http" in one]


PINNED = """\
aiohttp==3.14.5 \\
    --hash=sha256:00
    # via readpool (pyproject.toml)
attrs==26.1.0 ; sys_platform == 'linux' \\
    --hash=sha256:00
    # via
    #   aiohttp
Old_Friend==1.0 \\
    --hash=sha256:00
    # via
    #   readpool (pyproject.toml:dev)
"""


@pytest.mark.parametrize(
    ("requirements", "misfits"),
    [
        pytest.param(["aiohttp>=3.12", "old-friend"], [], id="pinned within what is required"),
        pytest.param(["aiohttp>=4", "old-friend"], ["pins aiohttp 3.14.5;"], id="pinned outside it"),
        pytest.param(["aiohttp", "old.friend", "click"], ["does not pin click"], id="not pinned"),
        pytest.param(["aiohttp"], ["pins old-friend, which"], id="pinned for no reason any more"),
    ],
)
def test_the_lock_is_compared_with_what_is_required(requirements: list[str], misfits: list[str]) -> None:
    found = compute_misfits(requirements, PINNED, "lock") + compute_orphans(requirements, PINNED, "lock")
    assert len(found) == len(misfits)
    assert all(part in sentence for part, sentence in zip(misfits, found, strict=True))


def test_a_pin_with_a_marker_is_read_like_any_other() -> None:
    assert [str(version) for version in parse_pins(PINNED).values()] == ["3.14.5", "26.1.0", "1.0"]
