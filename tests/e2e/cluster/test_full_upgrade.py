"""The chart upgraded from the previous release, rolled back, installed anew: under readers, of which none fails."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.cluster.previous_release import PreviousRelease, build_previous_release
from devtools.cluster.provided import ProvidedCluster
from devtools.machine.needs import UnmetNeedError
from devtools.strictness import skip_or_fail, skip_where_impossible
from tests.e2e.cluster.conftest import tell
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.own_release import CHART
from tests.e2e.cluster.pool_router import ROUTER, ROUTER_PORT, PoolRouter
from tests.e2e.cluster.read_only_pool import PoolView, apply_pool, build_pool
from tests.e2e.cluster.shared_release import NAMESPACE, build_shared_values, install_shared_release
from tests.e2e.cluster.steady_readers import Asked, fail_on, keep_reading

TARGET = 3
HELM_SECONDS = 240
TAKEN_UP_SECONDS = 60.0
"""After helm is content: a controller that restarts replicas has begun by then."""
DONE_SECONDS = 420.0

pytestmark = [pytest.mark.full, pytest.mark.timeout(2400, func_only=True)]


@pytest.fixture
def previous(cluster: ProvidedCluster, tmp_path: Path) -> PreviousRelease:
    """Build the previous release, and bring its image to the cluster."""
    if cluster.instance is None:
        skip_where_impossible("the previous release's image can be brought only to a cluster of our own.")
    try:
        release = build_previous_release(tmp_path, tell)
    except UnmetNeedError as error:
        skip_or_fail(str(error))
    cluster.instance.import_image(release.archive)
    return release


@pytest.fixture
def old_installation(
    cluster: ProvidedCluster, previous: PreviousRelease, core_network: CoreNetwork, namespace: str
) -> Iterator[PoolRouter]:
    """Install the previous release with a router before a pool that it makes; the shared release is back afterwards."""
    access = cluster.access
    access.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    uninstall(cluster)
    try:
        install(cluster, str(previous.chart), previous.image, namespace)
        pool = apply_pool(access, namespace, build_pool("core", core_network))
        with access.port_forward(NAMESPACE, ROUTER, ROUTER_PORT) as address:
            pool.wait_until_fresh(TARGET, DONE_SECONDS)
            yield PoolRouter(pool, address)
        access.kubectl("delete", "rop", "core", "--namespace", namespace)
    finally:
        uninstall(cluster)
        install_shared_release(access, cluster.images)


def test_an_upgrade_and_its_rollback_fail_no_read_and_keep_size_and_replicas(
    cluster: ProvidedCluster, previous: PreviousRelease, old_installation: PoolRouter, namespace: str
) -> None:
    pool, access = old_installation.pool, cluster.access
    with keep_reading(old_installation.address) as asked:
        began, uids = time.monotonic(), list_uids(pool)
        install(cluster, str(CHART), cluster.images.readpool, namespace)
        settle(pool)
        report(f"upgraded from {previous.commit[:12]}", pool, uids, asked, began)
        assert name_images(cluster) == {cluster.images.readpool}
        upgraded, uids = time.monotonic(), list_uids(pool)
        access.helm("rollback", "readpool", "1", *IN_TIME, timeout=HELM_SECONDS)
        settle(pool)
        report("rolled back", pool, uids, asked, upgraded)
        assert name_images(cluster) == {previous.image}
    fail_on(asked.failed(), asked)


def test_pools_outlive_an_uninstall_and_are_taken_up_by_the_next_release(
    cluster: ProvidedCluster, old_installation: PoolRouter, namespace: str
) -> None:
    pool, uids = old_installation.pool, list_uids(old_installation.pool)
    uninstall(cluster)
    assert pool.pool()["spec"]["targetReplicas"] == TARGET
    assert list_uids(pool) == uids
    weights = pool.routed()
    assert len(weights) == TARGET
    install(cluster, str(CHART), cluster.images.readpool, namespace)
    settle(pool)
    assert len(list_uids(pool)) == TARGET


IN_TIME = ("--namespace", NAMESPACE, "--wait", "--timeout", f"{HELM_SECONDS}s")


def install(cluster: ProvidedCluster, chart: str, image: str, namespace: str) -> None:
    """Install or upgrade to a chart and an image, with routers before the pool `core` of a namespace."""
    repository, _, tag = image.rpartition(":")
    values = build_shared_values(cluster.images) | {
        "image": {"repository": repository, "tag": tag},
        "router": {
            "enabled": True,
            "pools": [{"namespace": namespace, "name": "core"}],
            "resources": {"requests": {"cpu": "10m"}},
        },
    }
    cluster.access.helm(
        *("upgrade", "--install", "readpool", chart, "--values", "-", *IN_TIME),
        stdin=json.dumps(values),
        timeout=HELM_SECONDS,
    )


def uninstall(cluster: ProvidedCluster) -> None:
    """Uninstall the release, if there is one, and wait until its pods are gone."""
    cluster.access.helm("uninstall", "readpool", "--ignore-not-found", *IN_TIME, timeout=HELM_SECONDS)


def settle(pool: PoolView) -> None:
    """Wait until the pool is fresh and has been so for a while: who restarts replicas has begun by then."""
    until = time.monotonic() + TAKEN_UP_SECONDS
    while time.monotonic() < until:
        pool.wait_until_fresh(TARGET, DONE_SECONDS)
        time.sleep(1.0)


def report(what: str, pool: PoolView, before: set[str], asked: Asked, since: float) -> None:
    restarted = len(before - list_uids(pool))
    tell(
        f"{what}: {time.monotonic() - since:.0f} s, {restarted} of {TARGET} replicas replaced, "
        f"{len(asked.failed(since))} of {asked.sent(since)} reads failed"
    )


def name_images(cluster: ProvidedCluster) -> set[str]:
    """Name the images of readpool that the release's pods run."""
    pods = cluster.access.list("pods", NAMESPACE, "app.kubernetes.io/instance=readpool")
    return {
        container["image"]
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
        for container in pod["spec"]["containers"]
        if "readpool" in container["image"]
    }


def list_uids(pool: PoolView) -> set[str]:
    return {pod["metadata"]["uid"] for pod in pool.pods()}
