import re
import shutil
import subprocess
from pathlib import Path

import pytest

from devtools.cluster.builds import build_parts, find_outputs
from devtools.cluster.parts import (
    PARTS,
    PINS,
    Part,
    build_linker_flags,
    compute_part_key,
    read_go_version,
    read_version,
)
from devtools.machine.needs import UnmetNeedError, parse_go_version, require_disk, require_go
from devtools.machine.progress import CommandError
from devtools.strictness import skip_where_impossible


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("READPOOL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def silent(_line: str) -> None:
    pass


# The pins.


def test_every_folder_of_pins_is_a_part_and_every_part_has_pins() -> None:
    assert {path.name for path in PINS.iterdir()} == set(PARTS)


@pytest.mark.parametrize("part", PARTS.values(), ids=list(PARTS))
def test_go_mod_holds_as_tools_what_the_table_builds(part: Part) -> None:
    text = (part.pins / "go.mod").read_text(encoding="utf-8")
    block = re.search(r"^tool \((.*?)^\)", text, re.MULTILINE | re.DOTALL)
    tools = set(block[1].split()) if block else set(re.findall(r"^tool (\S+)$", text, re.MULTILINE))
    assert tools == set(part.binaries) - {"."}


@pytest.mark.parametrize("part", [part for part in PARTS.values() if part.module], ids=lambda part: part.name)
def test_the_version_of_a_part_stands_in_its_go_mod_and_go_sum(part: Part) -> None:
    version = read_version(part)
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert f"{part.module} v{version} h1:" in (part.pins / "go.sum").read_text(encoding="utf-8")


def test_no_two_parts_build_the_same_name() -> None:
    names = [name for part in PARTS.values() for name in (*part.binaries.values(), *part.folders.values())]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("name", "stamp"),
    [
        pytest.param(
            "kubernetes", "-X k8s.io/component-base/version.gitVersion=v{0}", id="what the kubelet says it is"
        ),
        pytest.param("kubernetes", "-X k8s.io/client-go/pkg/version.gitVersion=v{0}", id="what its clients say"),
        pytest.param("keda", "-X github.com/kedacore/keda/v2/version.Version={0}", id="what KEDA logs"),
        pytest.param("helm", "-X helm.sh/helm/v3/internal/version.version=v{0}", id="what helm prints"),
        pytest.param("etcd", "-s -w", id="no symbols"),
    ],
)
def test_binaries_are_stamped_with_the_pinned_version(name: str, stamp: str) -> None:
    assert stamp.format(read_version(PARTS[name])) in build_linker_flags(PARTS[name])


def test_helm_takes_the_cluster_for_what_it_is() -> None:
    minor = read_version(PARTS["kubernetes"]).split(".")[1]
    assert f"k8sVersionMinor={minor}" in build_linker_flags(PARTS["helm"])


def test_a_part_without_its_module_in_go_mod_is_refused(tmp_path: Path) -> None:
    part = write_part(tmp_path, module="example.invalid/absent")
    with pytest.raises(ValueError, match=r"does not require example\.invalid/absent"):
        read_version(part)


def test_the_newest_go_that_a_part_asks_for_is_what_is_wanted(tmp_path: Path) -> None:
    old, new = write_part(tmp_path, name="old", go="1.9.3"), write_part(tmp_path, name="new", go="1.26.0")
    assert read_go_version([old, new]) == "1.26.0"


# Keys and the cache.


@pytest.mark.parametrize("changed", ["go.mod", "go.sum", "main.go"])
def test_outputs_have_another_key_when_what_they_come_from_changes(tmp_path: Path, changed: str) -> None:
    part = write_part(tmp_path)
    before = compute_part_key(part, "settings")
    with (part.pins / changed).open("a") as file:
        file.write("\n")
    assert compute_part_key(part, "settings") != before


def test_outputs_have_another_key_under_other_settings_and_the_same_under_the_same(tmp_path: Path) -> None:
    part = write_part(tmp_path)
    (part.pins / "notes.txt").write_text("not built from")
    assert compute_part_key(part, "one") == compute_part_key(part, "one") != compute_part_key(part, "other")


# Needs.


@pytest.mark.parametrize(
    ("text", "version"),
    [
        pytest.param("go1.26.8", (1, 26, 8), id="a release"),
        pytest.param("go1.26", (1, 26, 0), id="without a patch"),
        pytest.param("go1.27rc1 X:nothing", (1, 27, 0), id="a candidate with experiments"),
    ],
)
def test_versions_of_go_are_read(text: str, version: tuple[int, int, int]) -> None:
    assert parse_go_version(text) == version


def test_what_is_no_version_of_go_is_refused() -> None:
    with pytest.raises(ValueError, match="no version of Go: 'devel'"):
        parse_go_version("devel")


def test_a_disk_that_is_too_full_is_named_with_what_it_needs(tmp_path: Path) -> None:
    require_disk(tmp_path / "not" / "there", 0)
    with pytest.raises(UnmetNeedError, match=r"needs 1000000 GiB free and its disk has [\d.]+: make room"):
        require_disk(tmp_path / "not" / "there", 1e6)


def test_without_go_the_build_says_which_one_it_wants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnmetNeedError, match=r"There is no go on PATH; .* Go 1\.26\.0 or newer"):
        require_go("1.26.0", tmp_path, {})


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param("echo go1.19.8", "go1.19.8", id="one that does not know of newer ones"),
        pytest.param(
            "echo 'go: go.mod requires go >= 1.26.0' >&2; exit 1", "requires go >= 1.26.0", id="one that does"
        ),
    ],
)
def test_a_go_that_is_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str) -> None:
    (tmp_path / "go").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "go").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnmetNeedError, match=re.escape(said)):
        require_go("1.26.0", tmp_path, {})


# Real builds, of a program that takes a second.


@pytest.fixture
def go() -> None:
    if shutil.which("go") is None:
        skip_where_impossible("build with Go: it is not installed")


@pytest.mark.usefixtures("go")
def test_a_part_is_built_once_stamped_and_found_by_its_name(tmp_path: Path) -> None:
    part = write_part(tmp_path)
    lines: list[str] = []
    path = build_parts([part], lines.append).path("hello")
    assert subprocess.run([path], capture_output=True, check=True).stderr.decode() == "version 1\n"
    assert any(line.startswith("building toy: done") for line in lines)
    lines.clear()
    assert build_parts([part], lines.append).path("hello") == path
    assert lines == []


@pytest.mark.usefixtures("go")
def test_a_binary_that_was_not_built_is_refused_with_those_that_were(tmp_path: Path) -> None:
    binaries = build_parts([write_part(tmp_path)], silent)
    with pytest.raises(KeyError, match="goodbye was not built; there are: hello"):
        binaries.path("goodbye")


@pytest.mark.usefixtures("go")
def test_a_build_that_fails_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    part = write_part(tmp_path)
    (part.pins / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    with pytest.raises(CommandError, match="undefined: nonsense"):
        build_parts([part], silent)
    assert not find_outputs(part).exists()


@pytest.mark.usefixtures("go")
def test_a_module_proxy_that_is_not_reached_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOPROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    with pytest.raises(UnmetNeedError, match=r"modules of helm cannot be fetched from http://127\.0\.0\.1:1"):
        build_parts([PARTS["helm"]], silent)


def write_part(folder: Path, *, name: str = "toy", module: str = "", go: str = "1.21.0") -> Part:
    """Write a part that prints its stamp and needs nothing, not even fmt."""
    pins = folder / "pins" / name
    pins.mkdir(parents=True)
    (pins / "go.mod").write_text(f"module readpool/{name}\n\ngo {go}\n")
    (pins / "go.sum").touch()
    (pins / "main.go").write_text('package main\n\nvar version string\n\nfunc main() { println("version", version) }\n')
    return Part(name, module, {".": "hello"}, ("main.version={version}",), pins_folder=folder / "pins")
