"""`readpool pools` and `readpool explain` as processes against a real API server, and a scaler of real gRPC."""

import asyncio
import fcntl
import json
import os
import pty
import struct
import sys
import termios
from asyncio.subprocess import PIPE
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from devtools.api.api_server import ApiServer, Programs, run_api_server
from devtools.cluster.access import KubectlError
from devtools.cluster.certificates import write_kubeconfig
from devtools.pools.pool_manifests import build_manifest
from readpool.v1 import observer_pb2 as pb
from tests.component.readpool.cli.playing_observer import PlayingObserver, serve
from tests.unit.pool_statuses import FIVE, build_pool_manifest, build_replica

pytestmark = pytest.mark.timeout(180)
READPOOL = (sys.executable, "-m", "readpool.cli")
LAGGING = build_replica("readers-5", "lagging", 1500)
WAIT_SECONDS = 30


async def run(api_server: ApiServer, *arguments: str, kubeconfig: Path | None = None) -> tuple[int | None, str, str]:
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig or api_server.kubeconfig)}
    process = await asyncio.create_subprocess_exec(*READPOOL, *arguments, stdout=PIPE, stderr=PIPE, env=environment)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def make_pool(api_server: ApiServer, namespace: str, manifest: dict[str, Any]) -> None:
    """Apply a pool and, as the controller would, its status."""
    kubectl = api_server.access.kubectl
    spec = {key: value for key, value in manifest.items() if key != "status"}
    spec["metadata"] = {**manifest["metadata"], "namespace": namespace}
    kubectl("apply", "-f", "-", stdin=json.dumps(spec))
    patch = json.dumps({"status": manifest["status"]})
    target = ("patch", "readonlypool", manifest["metadata"]["name"], "--namespace", namespace)
    kubectl(*target, "--subresource=status", "--type=merge", "--patch", patch)


@pytest.fixture
def pool(api_server: ApiServer, namespace: str) -> str:
    """Make a pool `readers` with a replica that lags; return its namespace."""
    make_pool(api_server, namespace, build_pool_manifest(*FIVE, LAGGING))
    return namespace


async def test_pools_are_listed_with_how_far_behind_they_are(api_server: ApiServer, pool: str) -> None:
    code, out, err = await run(api_server, "pools", "-n", pool)
    assert (code, err) == (0, "")
    heading, row = out.splitlines()
    assert heading.startswith("NAME")
    assert row.split()[:6] == ["readers", "6/6", "5/5", "1", "6", "▁▁▁▁▁▇"]


async def test_those_of_all_namespaces_stand_with_theirs(api_server: ApiServer, pool: str) -> None:
    _, out, _ = await run(api_server, "pools", "--all-namespaces", "--replicas")
    assert any(line.split()[:2] == [pool, "readers"] for line in out.splitlines())
    assert f"{pool}/readers\n" in out
    assert "readers-5  ▼ lagging" in out


async def test_json_is_what_the_api_server_has(api_server: ApiServer, pool: str) -> None:
    _, out, _ = await run(api_server, "pools", "-n", pool, "-o", "json")
    (item,) = json.loads(out)["items"]
    uid = api_server.access.kubectl("get", "rop", "readers", "-n", pool, "-o", "jsonpath={.metadata.uid}")
    assert item["metadata"]["uid"] == uid


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        pytest.param(("pools",), 0, "No pools in namespace {}.", id="none"),
        pytest.param(("pools", "readers"), 1, "No pool readers in namespace {}.", id="not that one"),
        pytest.param(
            ("explain", "readers"),
            1,
            "No pool readers in namespace {}; there are none; see `readpool pools -A`.",
            id="why",
        ),
    ],
)
async def test_what_is_not_there_is_said(
    api_server: ApiServer, namespace: str, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    found, out, err = await run(api_server, *arguments, "-n", namespace)
    assert (found, out) == (code, "")
    assert sentence.format(namespace) in err


async def test_another_pool_than_asked_for_is_named(api_server: ApiServer, pool: str) -> None:
    code, _, err = await run(api_server, "explain", "reader", "-n", pool)
    assert (code, err) == (1, f"Error: No pool reader in namespace {pool}; there is readers.\n")


async def test_who_may_not_look_is_told_what_they_need(api_server: ApiServer, pool: str) -> None:
    kubeconfig = api_server.kubeconfig.with_name("nobody")
    write_kubeconfig(kubeconfig, api_server.certificates, "kubelet", api_server.url)
    code, out, err = await run(api_server, "pools", "-n", pool, kubeconfig=kubeconfig)
    assert (code, out) == (1, "")
    assert "You may not do this: readonlypools.stellar.org is forbidden" in err
    assert "It takes a Role with list on readonlypools.stellar.org." in err


async def test_a_cluster_without_the_definition_is_told_from_one_without_pools(
    programs: Programs, tmp_path: Path
) -> None:
    with run_api_server(tmp_path, programs) as bare:
        for arguments in (("pools",), ("explain", "readers")):
            code, out, err = await run(bare, *arguments)
            assert (code, out) == (1, "")
            assert "The cluster has no ReadOnlyPool CRD: install the chart" in err
        bare.stop_api()
        code, _, err = await run(bare, "pools")
    assert code == 1
    assert "Error: The cluster does not answer." in err


async def test_without_the_scaler_the_status_explains_and_says_that_it_does(api_server: ApiServer, pool: str) -> None:
    code, out, err = await run(api_server, "explain", "readers", "-n", pool)
    assert (code, err) == (0, "")
    assert f"{pool}/readers  Testnet v21.0.0, tip 61,234,567" in out
    assert "The scaler last asked for 6: 1 more than the target of 5 fresh replicas." in out
    assert "readers-5  ▼ lagging" in out
    assert "This is from the pool's status." in out


async def test_the_scalers_own_sentence_explains_where_it_is_asked(api_server: ApiServer, pool: str) -> None:
    decision = pb.Decision(desired_replicas=6, reason="ReplacingUnhealthy", unhealthy=1)
    decision.message = "target 5 + 1 lagging for 72 s = 6"
    async with serve(PlayingObserver([pb.Snapshot(fleet=f"{pool}/readers", decision=decision)])) as observer:
        code, out, _ = await run(api_server, "explain", "readers", "-n", pool, "--scaler", observer.address)
    assert code == 0
    assert "The scaler wants 6 (ReplacingUnhealthy): target 5 + 1 lagging for 72 s = 6." in out
    assert observer.requests == [pb.WatchRequest(pool=pb.Pool(namespace=pool, name="readers"))]


async def test_a_scaler_that_says_nothing_of_it_leaves_the_status(api_server: ApiServer, pool: str) -> None:
    async with serve(PlayingObserver(refusal=grpc.StatusCode.UNIMPLEMENTED)) as observer:
        code, out, _ = await run(api_server, "explain", "readers", "-n", pool, "--scaler", observer.address)
    assert code == 0
    assert f"The scaler at {observer.address}: not like that" in out
    assert "The scaler last asked for 6" in out


async def test_watching_shows_what_becomes_of_the_pools(api_server: ApiServer, pool: str) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 150, 0, 0))
    environment = {**os.environ, "KUBECONFIG": str(api_server.kubeconfig), "TERM": "xterm"}
    process = await asyncio.create_subprocess_exec(
        *READPOOL, "pools", "-n", pool, "--watch", stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    screen = bytearray()
    asyncio.get_running_loop().add_reader(ours, lambda: screen.extend(os.read(ours, 65536)))
    try:
        await wait_until(lambda: "6/6" in screen.decode(errors="replace"))
        make_pool(api_server, pool, build_pool_manifest(*FIVE, LAGGING, readyReplicas=4))
        await wait_until(lambda: "4/6" in screen.decode(errors="replace"))
        process.send_signal(2)
        assert await process.wait() == 0
    finally:
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)
        os.close(theirs)
        if process.returncode is None:
            process.kill()
            await process.wait()


async def wait_until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not holds():  # noqa: ASYNC110 - what holds is on a screen, which sets no event
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        pytest.param(
            {"targetReplica": 5, "storage": {"syze": "1Gi"}}, ("spec.targetReplica", "spec.storage.syze"), id="unknown"
        ),
        pytest.param(
            {"historyArchiveUrls": ["https://a.example", "https://a.example"]},
            ("spec.historyArchiveUrls[1]",),
            id="twice",
        ),
    ],
)
async def test_what_validate_says_offline_the_api_server_says_too(
    api_server: ApiServer, spec: dict[str, Any], fields: tuple[str, ...]
) -> None:
    manifest = json.dumps(build_manifest("readers", **spec))
    with pytest.raises(KubectlError) as refusal:
        api_server.access.kubectl("create", "--validate=strict", "--dry-run=server", "-f", "-", stdin=manifest)
    process = await asyncio.create_subprocess_exec(
        *READPOOL, "validate", "-f", "-", "-o", "json", stdin=PIPE, stdout=PIPE, env=os.environ
    )
    out, _ = await process.communicate(manifest.encode())
    assert process.returncode == 1
    errors = [one for one in json.loads(out)["items"][0]["findings"] if one["level"] == "error"]
    assert {one["field"] for one in errors} == set(fields)
    for error in errors:
        assert error["message"].partition("; did you mean")[0] in str(refusal.value)


async def test_kubectl_finds_the_plugin_and_gives_it_its_words(
    api_server: ApiServer, pool: str, tmp_path: Path
) -> None:
    plugin = tmp_path / "kubectl-readpool"
    plugin.write_text(f'#!/bin/sh\nexec {sys.executable} -m readpool.cli.kubectl "$@"\n')
    plugin.chmod(0o755)
    environment = {**os.environ, "KUBECONFIG": str(api_server.kubeconfig), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    process = await asyncio.create_subprocess_exec(
        api_server.access.kubectl_program, "readpool", "-n", pool, "pools", "-o", "name", stdout=PIPE, env=environment
    )
    out, _ = await process.communicate()
    assert (process.returncode, out.decode()) == (0, "readonlypool.stellar.org/readers\n")
