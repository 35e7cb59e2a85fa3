"""`readpool report` of a pool that a controller keeps on a real API server: all that it owns, and no secret of it."""

import asyncio
import json
import os
import sys
import tarfile
import zipfile
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
import yaml

from devtools.api.controller_stage import ControllerStage
from devtools.api.running_pool import BALANCED, has_replicas, running_pool
from devtools.cluster.certificates import write_kubeconfig
from readpool.kubernetes.kinds import Kind

pytestmark = pytest.mark.timeout(240)
READPOOL = (sys.executable, "-m", "readpool.cli")
SEED = "S" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKLMNOPQRSTUVW"
PASSWORD = "correct-horse-battery"  # noqa: S105 - the one that must not be found
SECRET = Kind("", "v1", "secrets", "Secret")


async def run(stage: ControllerStage, *arguments: str, kubeconfig: Path | None = None) -> tuple[int | None, str, str]:
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig or stage.server.kubeconfig)}
    process = await asyncio.create_subprocess_exec(
        *READPOOL, "report", *arguments, stdout=PIPE, stderr=PIPE, env=environment
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def read_archive(path: Path) -> dict[str, str]:
    """Read the files of an archive by their names within its one folder."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as zipped:
            texts = {name: zipped.read(name) for name in zipped.namelist()}
    else:
        with tarfile.open(path) as tar:
            texts = {one.name: reader.read() for one in tar if (reader := tar.extractfile(one)) is not None}
    assert len({name.partition("/")[0] for name in texts}) == 1
    return {name.partition("/")[2]: text.decode() for name, text in texts.items()}


async def test_a_report_has_what_the_pool_owns_and_none_of_its_secrets(stage: ControllerStage, tmp_path: Path) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "stringData": {"password": PASSWORD}}
    await stage.client.create(SECRET, {**secret, "metadata": {"name": "database", "namespace": stage.namespace}})
    variables = [{"name": "DATABASE_PASSWORD", "value": PASSWORD}, {"name": "MOOD", "value": f"seed {SEED}"}]
    template = {"spec": {"containers": [{"name": "stellar-core", "env": variables}]}}
    async with running_pool(stage, 5, template=template, **BALANCED):
        assert await has_replicas(stage, 5)
        code, out, err = await run(stage, "-n", stage.namespace, "-f", str(tmp_path / "report.tar.gz"))
        assert code == 0, err
        zipped = await run(stage, "-A", "--pool", "pool", "-f", str(tmp_path / "report.zip"))
        assert zipped[0] == 0, zipped
    assert "files about 1 pool." in out
    assert (tmp_path / "report.tar.gz").stat().st_mode & 0o777 == 0o600
    files = read_archive(tmp_path / "report.tar.gz")
    for name, text in files.items():
        assert PASSWORD not in text, name
        assert SEED not in text, name
    folder = f"pools/{stage.namespace}/pool"
    for plural in ("statefulsets", "pods", "services", "configmaps", "poddisruptionbudgets", "networkpolicies"):
        assert f"{folder}/objects/{plural}.yaml" in files
    assert not [name for name in files if "secret" in name]
    pool = yaml.safe_load(files[f"{folder}/pool.yaml"])
    assert pool["metadata"]["name"] == "pool"
    assert pool["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] == "[redacted]"
    assert "fresh replicas at all times" in files[f"{folder}/explanation.txt"]
    index = json.loads(files["index.json"])
    assert index["kind"] == "Report"
    assert index["files"] == sorted(files)
    assert {one["what"] for one in index["unread"]} == {"the programs", "what the scaler sees"}
    assert f"| {stage.namespace}/pool | Testnet |" in files["summary.md"]
    assert yaml.safe_load(files["cluster/version.yaml"])["gitVersion"] in files["summary.md"]
    assert set(read_archive(tmp_path / "report.zip")) >= {"summary.md", f"{folder}/pool.yaml"}


async def test_who_may_read_little_gets_what_they_may_and_is_told_the_rest(
    stage: ControllerStage, tmp_path: Path
) -> None:
    kubeconfig = tmp_path / "nobody"
    write_kubeconfig(kubeconfig, stage.server.certificates, "kubelet", stage.server.url)
    path = tmp_path / "report.zip"
    code, out, err = await run(stage, "-n", stage.namespace, "-f", str(path), kubeconfig=kubeconfig)
    assert code == 0, err
    assert "about 0 pools" in out
    assert f"Not in the report: readonlypools in namespace {stage.namespace}: Forbidden" in err
    files = read_archive(path)
    assert "readonlypools in namespace" in files["summary.md"]


async def test_an_archive_is_never_written_over_another(stage: ControllerStage, tmp_path: Path) -> None:
    path = tmp_path / "report.zip"
    path.write_text("mine")
    code, _, err = await run(stage, "-f", str(path))
    assert code == 2
    assert f"--file {path} exists already." in err
    assert path.read_text() == "mine"
    code, _, err = await run(stage, "-f", str(tmp_path / "report.rar"))
    assert code == 2
    assert "must end with .tar.gz, .tgz or .zip." in err
