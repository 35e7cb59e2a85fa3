"""`kubectl readpool`: kubectl's flags before the command, its completion, and the manifest for krew."""

import os
import re
import stat
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from readpool.cli.__main__ import COMMANDS
from readpool.cli.kubectl import move_flags

ROOT = Path(__file__).resolve().parents[4]
SCRIPTS = Path(sys.executable).parent


def run(program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.argv[0] = {program!r}; from readpool.cli.kubectl import {program}; {program}()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("given", "moved"),
    [
        ([], []),
        (["pools", "-A"], ["pools", "-A"]),
        (["-n", "stellar", "pools"], ["pools", "-n", "stellar"]),
        (["--context=c", "-n", "s", "explain", "readers"], ["explain", "--context=c", "-n", "s", "readers"]),
        (["--kubeconfig", "f", "pools", "-n", "s"], ["pools", "--kubeconfig", "f", "-n", "s"]),
        (["--help"], ["--help"]),
        (["-n"], ["-n"]),
        (["-n", "stellar"], ["-n", "stellar"]),
    ],
)
def test_flags_of_kubectl_may_stand_before_the_command(given: list[str], moved: list[str]) -> None:
    assert move_flags(given) == moved


def test_help_and_errors_are_those_of_the_plugin() -> None:
    assert run("plugin", "--help").stdout.startswith("Usage: kubectl readpool [OPTIONS] COMMAND")
    refused = run("plugin", "-n", "stellar", "pool")
    assert refused.returncode == 2
    assert "Try 'kubectl readpool --help' for help." in refused.stderr
    assert "Did you mean 'pools'?" in refused.stderr


def test_the_kubeconfig_is_kubectls(tmp_path: Path) -> None:
    done = run("plugin", "-n", "stellar", "pools", KUBECONFIG=str(tmp_path / "lost"))
    assert done.returncode == 1
    assert f"There is no kubeconfig at {tmp_path / 'lost'}." in done.stderr


@pytest.mark.parametrize(
    ("typed", "lines"),
    [
        pytest.param([""], [*COMMANDS, ":4"], id="commands"),
        pytest.param(["ex"], ["explain", ":4"], id="one command"),
        pytest.param(["pools", "--out"], ["--output", ":4"], id="a flag"),
        pytest.param(["-n", "s", "pools", "-o", "j"], ["json", ":4"], id="a value"),
        pytest.param(["validate", "-f", ""], [":0"], id="files"),
        pytest.param([], [*COMMANDS, ":4"], id="nothing typed"),
    ],
)
def test_kubectl_completes_it(typed: list[str], lines: list[str]) -> None:
    done = run("complete", *typed)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == lines


def test_the_entry_points_have_the_names_that_kubectl_looks_for() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert scripts["kubectl-readpool"] == "readpool.cli.kubectl:plugin"
    assert scripts["kubectl_complete-readpool"] == "readpool.cli.kubectl:complete"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("krew")
    command = [sys.executable, "-m", "devtools.release", "--dist", str(folder), "krew"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


def test_krew_takes_the_manifest(made: Path) -> None:
    """Hold it to what krew's own validation asks (sigs.k8s.io/krew, internal/index/validation)."""
    manifest: dict[str, Any] = yaml.safe_load((made / "readpool.yaml").read_text(encoding="utf-8"))
    spec = manifest["spec"]
    assert manifest["apiVersion"] == "krew.googlecontainertools.github.com/v1alpha2"
    assert manifest["kind"] == "Plugin"
    assert manifest["metadata"] == {"name": "readpool"}, "as the file is called"
    assert re.fullmatch(r"v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?", spec["version"])
    assert set(spec) == {"version", "homepage", "shortDescription", "description", "caveats", "platforms"}
    assert 0 < len(spec["shortDescription"]) <= 50
    assert not spec["shortDescription"].endswith(".")
    assert max(map(len, spec["description"].splitlines())) <= 80
    (platform,) = spec["platforms"]
    assert set(platform) == {"selector", "uri", "sha256", "files", "bin"}
    assert re.fullmatch(r"[0-9a-f]{64}", platform["sha256"])
    assert platform["uri"].startswith("https://")
    assert {one["to"] for one in platform["files"]} == {"."}
    assert platform["bin"] in {one["from"] for one in platform["files"]}
    for expression in platform["selector"]["matchExpressions"]:
        assert (expression["key"], expression["operator"]) == ("os", "In")
        assert set(expression["values"]) <= {"darwin", "linux", "windows"}


def test_the_archive_is_the_one_of_the_manifest_and_its_launcher_can_be_run(made: Path, tmp_path: Path) -> None:
    platform = yaml.safe_load((made / "readpool.yaml").read_text(encoding="utf-8"))["spec"]["platforms"][0]
    archive = made / platform["uri"].rpartition("/")[2]
    digest = subprocess.run(["sha256sum", archive], capture_output=True, text=True, check=True).stdout.split()[0]
    assert digest == platform["sha256"]
    with zipfile.ZipFile(archive) as zipped:
        assert zipped.namelist() == ["LICENSE", "kubectl-readpool"]
        assert (zipped.getinfo("kubectl-readpool").external_attr >> 16) & stat.S_IXUSR
        zipped.extractall(tmp_path)
    launcher = tmp_path / "kubectl-readpool"
    assert "{{" not in launcher.read_text(encoding="utf-8")
    launcher.chmod(0o755)
    (tmp_path / "bin").mkdir()
    for name, shown in (("uvx", "uv"), ("pipx", "pipx")):
        tool = tmp_path / "bin" / name
        tool.write_text(f'#!/bin/sh\necho {shown} "$@"\n')
        tool.chmod(0o755)
    path = f"{tmp_path / 'bin'}:/usr/bin:/bin"
    done = subprocess.run([launcher, "pools", "-A"], env={"PATH": path}, capture_output=True, text=True, check=False)
    assert re.fullmatch(r"uv --quiet --from readpool==\S+ kubectl-readpool pools -A\n", done.stdout)
    (tmp_path / "bin" / "uvx").unlink()
    done = subprocess.run([launcher, "pools"], env={"PATH": path}, capture_output=True, text=True, check=False)
    assert re.fullmatch(r"pipx run --spec readpool==\S+ kubectl-readpool pools\n", done.stdout)
    (tmp_path / "bin" / "pipx").unlink()
    empty = tmp_path / "empty"
    empty.mkdir()
    done = subprocess.run(["/bin/sh", launcher], env={"PATH": str(empty)}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "needs uv or pipx on the PATH" in done.stderr
