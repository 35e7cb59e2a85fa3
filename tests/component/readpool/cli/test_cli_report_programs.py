"""`readpool report` reads logs and metrics of the programs by the API server, as far as it may."""

import asyncio
import os
import sys
import zipfile
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from click.testing import CliRunner

from readpool.cli.__main__ import main
from readpool.v1 import observer_pb2 as pb
from tests.component.readpool.cli.playing_observer import PlayingObserver, serve

PASSWORD = "correct-horse-battery"  # noqa: S105 - the one that must not be found
POD: dict[str, Any] = {
    "metadata": {"resourceVersion": "1", "name": "readpool-scaler-0", "namespace": "system"},
    "spec": {"containers": [{"name": "scaler", "ports": [{"name": "telemetry", "containerPort": 8080}]}]},
    "status": {
        "phase": "Running",
        "containerStatuses": [{"name": "scaler", "restartCount": 1, "image": "readpool:1", "imageID": "sha256:ab"}],
    },
}
LISTS = {"/api/v1/pods": [POD], "/api/v1/namespaces/system/events": []}


@asynccontextmanager
async def serve_api(tmp_path: Path, *, may_read_logs: bool) -> AsyncIterator[Path]:
    """Serve an API server with one scaler's pod; yield a kubeconfig for it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        path = request.path
        if path == "/version":
            return web.json_response({"gitVersion": "v1.99.0"})
        if path.endswith("/log"):
            if not may_read_logs:
                status = {"kind": "Status", "reason": "Forbidden", "message": "pods/log is forbidden"}
                return web.json_response(status, status=403)
            before = "before" if "previous" in request.query else f"since {request.query['sinceSeconds']}"
            return web.Response(text=f'{{"event": "serving {before}", "password": "{PASSWORD}"}}\n')
        if path.endswith(":8080/proxy/metrics"):
            return web.Response(text="readpool_up 1\n")
        if path in LISTS or path.startswith("/apis/stellar.org/"):
            return web.json_response({"items": LISTS.get(path, []), "metadata": {"resourceVersion": "1"}})
        return web.json_response({"kind": "Status", "reason": "NotFound", "message": "no"}, status=404)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": f"http://{host}:{port}"}}],
        "users": [{"name": "u", "user": {}}],
    }
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    yield kubeconfig
    await runner.cleanup()


async def report(kubeconfig: Path, path: Path, *arguments: str) -> tuple[dict[str, str], str]:
    command = (sys.executable, "-m", "readpool.cli", "report", "-A", "-f", str(path), *arguments)
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, env=environment)
    _, err = await process.communicate()
    assert process.returncode == 0, err
    with zipfile.ZipFile(path) as archive:
        return {name.partition("/")[2]: archive.read(name).decode() for name in archive.namelist()}, err.decode()


async def test_logs_and_metrics_of_the_programs_are_in_it_and_what_the_scaler_sees(tmp_path: Path) -> None:
    snapshot = pb.Snapshot(fleet="stellar/readers", replicas=[pb.Replica(name="readers-0")])
    async with serve_api(tmp_path, may_read_logs=True) as kubeconfig, serve(PlayingObserver([snapshot])) as observer:
        files, err = await report(kubeconfig, tmp_path / "r.zip", "--since", "30m", "--scaler", observer.address)
    logs = "programs/system/logs/readpool-scaler-0"
    assert "serving since 1800" in files[f"{logs}/scaler.log"]
    assert "serving before" in files[f"{logs}/scaler.previous.log"]
    assert files["programs/system/metrics/readpool-scaler-0.txt"] == "readpool_up 1\n"
    assert '"stellar/readers"' in files["scaler/fleets.json"]
    assert "- scaler: readpool:1 (sha256:ab)" in files["summary.md"]
    assert not [name for name, text in files.items() if PASSWORD in text]
    assert "log" not in err


async def test_what_may_not_be_read_is_listed_and_the_rest_goes_on(tmp_path: Path) -> None:
    async with serve_api(tmp_path, may_read_logs=False) as kubeconfig:
        files, err = await report(kubeconfig, tmp_path / "r.zip", "--scaler", "127.0.0.1:1")
    told = "log of pod system/readpool-scaler-0, container scaler: Forbidden: pods/log is forbidden"
    assert f"- {told}" in files["summary.md"]
    assert f"Not in the report: {told}" in err
    assert "- what the scaler sees: No scaler answers at 127.0.0.1:1." in files["summary.md"]
    assert "programs/system/metrics/readpool-scaler-0.txt" in files


async def test_without_hours_there_are_no_logs(tmp_path: Path) -> None:
    async with serve_api(tmp_path, may_read_logs=False) as kubeconfig:
        files, err = await report(kubeconfig, tmp_path / "r.zip", "--since", "0")
    assert not [name for name in files if "/logs/" in name]
    assert "pods/log" not in err


@pytest.mark.parametrize("since", ["soon", "-1", "6d", ""])
def test_since_is_a_duration_or_a_number_of_hours(since: str) -> None:
    result = CliRunner().invoke(main, ["report", "--since", since])
    assert result.exit_code == 2
    assert f"{since!r} must be a duration such as 6h" in result.output
