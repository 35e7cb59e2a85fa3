"""Triggers by pool on a real API server: pools that come, change, pause, break and go, and the API server as well."""

import asyncio
import contextlib
import http.client
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from devtools.api.api_server import ApiServer
from devtools.cluster.access import KubectlError
from devtools.cluster.waiting import wait_for
from readpool.kubernetes.client import connect
from readpool.kubernetes.kinds import POOL
from readpool.v1.observer_pb2 import REPLICA_CLASS_FRESH, REPLICA_CLASS_LAGGING, Fleets, WatchRequest
from tests.e2e.api.pool_stage import POLL_SECONDS, PoolStage, PoolStream, apply_pool, run_pool_stage

pytestmark = pytest.mark.timeout(180)
NO_PORT = {"type": "horizon", "url": "https://horizon.example.com:99999"}
"""What no rule of the API server tells."""


@pytest_asyncio.fixture
async def stage(api_server: ApiServer, namespace: str) -> AsyncIterator[PoolStage]:
    async with run_pool_stage(namespace, api_server.kubeconfig) as running:
        yield running


async def test_a_trigger_that_comes_before_its_pool_is_ready_without_help_once_it_is_there(stage: PoolStage) -> None:
    ref = stage.build_ref(metric="maxLag", targetValue="2")
    (spec,) = (await stage.keda.GetMetricSpec(ref)).metricSpecs
    assert (spec.metricName, spec.targetSizeFloat) == ("maxLag", 2.0)
    active = await stage.keda.IsActive(ref)
    assert active.result is True
    assert await stage.keda.StreamIsActive(ref).read() == active
    await stage.ask_until(f"UNAVAILABLE PoolNotFound: ReadOnlyPool {stage.namespace}/reads does not exist.")
    await stage.apply()
    await stage.ask_until(3.0)
    assert (await stage.keda.IsActive(ref)).result is True


async def test_new_bounds_are_answered_with_and_nothing_is_forgotten(stage: PoolStage) -> None:
    await stage.apply()
    stream = stage.watch()
    await stage.ask_until(3.0)
    before = await stream.read_until("OnTarget")
    await stage.apply(targetReplicas=4)
    assert set(await stage.ask_until(4.0)) <= {3.0, 4.0}  # the change may be heard of before it is asked
    after = await stream.read()
    assert (after.bounds.target_replicas, after.decision.desired_replicas) == (4, 4)
    assert after.sequence > before.sequence
    assert [(r.name, r.since) for r in after.replicas] == [(r.name, r.since) for r in before.replicas]
    assert {getattr(replica, "class") for replica in after.replicas} == {REPLICA_CLASS_FRESH}
    assert max(await stage.count_polls(2.0)) <= 2.0 / POLL_SECONDS + 1


async def test_a_new_threshold_makes_a_laggard_of_a_replica_that_was_fresh(stage: PoolStage) -> None:
    stage.nodes[2].lag = 100
    await stage.apply()
    stream = stage.watch()
    await stage.ask_until(3.0)
    await stage.apply(loadBalancing={"lagThreshold": 50})
    await stage.ask_until(4.0)
    await stream.read_until_class("reads-2", REPLICA_CLASS_LAGGING)


async def test_a_pool_that_goes_is_let_go_of_and_one_that_comes_again_is_new(stage: PoolStage) -> None:
    await stage.apply()
    stream = stage.watch()
    await stream.read_until("OnTarget")
    await stage.delete()
    last = await stream.read_until("PoolDeleted")
    assert (last.gone, len(last.replicas)) == (True, 0)
    await stage.ask_until("UNAVAILABLE PoolDeleted: ")
    assert max(await stage.count_polls(1.0)) <= 1  # one may have been under way
    await stage.apply()
    again = await stream.read_until("OnTarget")
    assert (again.gone, again.decision.desired_replicas) == (False, 3)
    assert again.sequence > last.sequence


async def test_a_pool_is_watched_before_it_is_there(stage: PoolStage) -> None:
    stream = stage.watch()
    first = await stream.read_until("PoolNotFound")
    assert (first.fleet, first.namespace, first.gone) == (f"{stage.namespace}/reads", stage.namespace, False)
    await stage.apply()
    assert (await stream.read_until("OnTarget")).decision.desired_replicas == 3


async def test_a_pool_that_is_not_understood_holds_with_the_field_and_goes_on_where_it_was(stage: PoolStage) -> None:
    await stage.apply()
    stream = stage.watch()
    before = await stream.read_until("OnTarget")
    await stage.apply(references=[NO_PORT])
    await stage.ask_until("UNAVAILABLE PoolInvalid: spec.references[0].url: ")
    held = await stream.read_until("PoolInvalid")
    assert [replica.name for replica in held.replicas] == [replica.name for replica in before.replicas]
    await stage.apply(references=None)
    assert len(await stage.ask_until(3.0)) <= 2


async def test_a_pool_that_was_never_understood_says_so_and_is_observed_once_it_is(stage: PoolStage) -> None:
    await stage.apply(references=[NO_PORT])
    await stage.ask_until("UNAVAILABLE PoolInvalid: ")
    await stage.apply(references=None)
    await stage.ask_until(3.0)


async def test_a_pause_holds_whatever_is_asked_and_ends_with_what_was_seen_meanwhile(stage: PoolStage) -> None:
    await stage.apply()
    await stage.ask_until(3.0)
    await stage.apply(paused=True)
    await stage.ask_until("UNAVAILABLE Paused: spec.paused is true")
    assert (await stage.keda.IsActive(stage.build_ref())).result is True
    stage.nodes[2].lag = 2000
    stream = stage.watch()
    await stream.read_until_class("reads-2", REPLICA_CLASS_LAGGING)
    assert str(await stage.ask()).startswith("UNAVAILABLE Paused: ")
    await stage.apply()
    await stage.ask_until(4.0)


async def test_what_was_learned_of_a_pool_is_read_from_its_status(stage: PoolStage) -> None:
    await stage.apply()
    stream = stage.watch()
    assert not (await stream.read_until("OnTarget")).decision.HasField("learned_requests_per_replica")
    status = {"status": {"learnedRequestsPerReplica": 450.5}}
    await stage.client.merge(POOL, stage.namespace, "reads", status, manager="controller", subresource="status")
    while not (told := (await stream.read()).decision).HasField("learned_requests_per_replica"):
        pass
    assert (told.learned_requests_per_replica, told.desired_replicas) == (450.5, 3)


async def test_references_of_a_pool_need_the_operators_leave(stage: PoolStage) -> None:
    await stage.apply(references=[{"type": "horizon", "url": "https://horizon.example.com"}])
    await stage.ask_until("UNAVAILABLE ReferencesNotAllowed: spec.references[0]: horizon=https://horizon.example.com")


async def test_pools_go_by_their_own_names_wherever_fleets_are_shown(stage: PoolStage) -> None:
    await stage.apply()
    await stage.ask_until(3.0)
    shown = PoolStream(stage.observer.Watch(WatchRequest(fleets=Fleets())))
    assert (await shown.read()).fleet == f"{stage.namespace}/reads"
    text = await asyncio.to_thread(_scrape, stage.scaler.telemetry)
    assert f'readpool_desired_replicas{{fleet="{stage.namespace}/reads"}} 3.0' in text


async def test_the_pools_that_are_known_are_served_while_the_api_server_restarts(
    api_server: ApiServer, stage: PoolStage
) -> None:
    await stage.apply()
    await stage.ask_until(3.0)
    await asyncio.to_thread(api_server.stop_api)
    try:
        stage.nodes[2].lag = 2000
        assert await stage.ask_until(4.0) == [3.0, 4.0]
    finally:
        await asyncio.to_thread(api_server.start_api)
    async with connect(api_server.kubeconfig) as client:
        await apply_pool(client, stage.namespace, targetReplicas=6)
    assert set(await stage.ask_until(6.0)) <= {4.0, 5.0, 6.0}  # so many at once as the surge allows


async def test_a_scaler_that_starts_without_the_api_server_says_so_and_reads_on_when_it_is_there(
    api_server: ApiServer, namespace: str
) -> None:
    async with connect(api_server.kubeconfig) as client:
        await apply_pool(client, namespace)
    await asyncio.to_thread(api_server.stop_api)
    try:
        async with run_pool_stage(namespace, api_server.kubeconfig) as stage:
            stream = stage.watch()
            assert (await stream.read()).decision.reason == "PoolsNotSynced"
            assert str(await stage.ask()).startswith("UNAVAILABLE PoolsNotSynced: ")
            assert (await stage.keda.IsActive(stage.build_ref())).result is True
            await asyncio.to_thread(api_server.start_api)
            await stream.read_until("OnTarget")
            assert await stage.ask() == 3.0
    finally:
        await asyncio.to_thread(api_server.stop_api)
        await asyncio.to_thread(api_server.start_api)


async def test_a_scaler_of_some_namespaces_needs_no_more_than_to_list_and_watch_pools_there(
    api_server: ApiServer, namespace: str, tmp_path: Path
) -> None:
    kubeconfig = _admit_reader(api_server, namespace, tmp_path)
    flags = ("--namespaces", namespace)
    async with run_pool_stage(namespace, api_server.kubeconfig, *flags, scaler_kubeconfig=kubeconfig) as stage:
        await stage.apply()
        await stage.ask_until(3.0)
        await stage.apply(namespace="default")
        refusal = await stage.ask(namespace="default")
        assert str(refusal).startswith("UNIMPLEMENTED pool: 'reads' is in namespace default, but this scaler reads")
        assert "Forbidden" not in {event["reason"] for event in stage.scaler.events_named("watchFailed")}
        assert await stage.client.delete(POOL, "default", "reads")


def _admit_reader(api_server: ApiServer, namespace: str, folder: Path) -> Path:
    """Make a kubeconfig of an account that may list and watch the pools of one namespace, and nothing else."""
    kubectl = api_server.access.kubectl
    kubectl("create", "serviceaccount", "scaler", "-n", namespace)
    kubectl("create", "role", "scaler", "-n", namespace, "--verb=list,watch", "--resource=readonlypools.stellar.org")
    kubectl("create", "rolebinding", "scaler", "-n", namespace, "--role=scaler", f"--serviceaccount={namespace}:scaler")
    wait_for("the role to be in force", lambda: _may_watch(api_server, namespace), seconds=30, every=0.1)
    token = kubectl("create", "token", "scaler", "-n", namespace).strip()
    kubeconfig = folder / "kubeconfig"
    authority = api_server.certificates / "ca.crt"
    kubeconfig.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],"
        f"clusters: [{{name: c, cluster: {{server: '{api_server.url}', certificate-authority: '{authority}'}}}}],"
        f"users: [{{name: u, user: {{token: '{token}'}}}}]}}",
        encoding="utf-8",
    )
    return kubeconfig


def _may_watch(api_server: ApiServer, namespace: str) -> bool:
    account = f"--as=system:serviceaccount:{namespace}:scaler"
    with contextlib.suppress(KubectlError):  # whose answer is no
        api_server.access.kubectl("auth", "can-i", "watch", "readonlypools.stellar.org", "-n", namespace, account)
        return True
    return False


def _scrape(address: str) -> str:
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    finally:
        connection.close()
