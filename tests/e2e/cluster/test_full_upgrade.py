"""The chart upgraded from the previous release, rolled back, and installed anew, before a pool that runs all the time.

No container of the pool's replicas is restarted by any of it, and no read through the routers fails during an upgrade
and a rollback; an uninstall takes the routers away with the rest.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from devtools.cluster.previous_release import PreviousRelease, build_previous_release
from devtools.cluster.provided import ProvidedCluster
from devtools.machine.needs import UnmetNeedError
from devtools.strictness import skip_or_fail, skip_where_impossible
from tests.e2e.cluster.conftest import tell
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.pool_router import ROUTER, ROUTER_PORT, PoolRouter, build_router_values
from tests.e2e.cluster.read_only_pool import PoolView, apply_pool, build_pool
from tests.e2e.cluster.shared_release import NAMESPACE, install_shared_release
from tests.e2e.cluster.steady_readers import Asked, fail_on, keep_reading, wait_for_requests

TARGET = 3
HELM_SECONDS = 240
TAKEN_UP_SECONDS = 60.0
"""After helm is content: a controller that restarts replicas has begun by then."""
DONE_SECONDS = 420.0
READS = 200

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
    uninstall(cluster)
    try:
        pool = PoolView(access, namespace, "core")
        images = replace(cluster.images, readpool=previous.image)
        install_shared_release(access, images, chart=previous.chart, router=build_router_values(pool))
        apply_pool(access, namespace, build_pool(pool.name, core_network))
        with access.port_forward(NAMESPACE, ROUTER, ROUTER_PORT) as address:
            pool.wait_until_fresh(TARGET, DONE_SECONDS)
            yield PoolRouter(pool, address)
        access.kubectl("delete", "rop", "core", "--namespace", namespace)
    finally:
        uninstall(cluster)
        install_shared_release(access, cluster.images)


def test_an_upgrade_and_its_rollback_fail_no_read_and_restart_no_replica(
    cluster: ProvidedCluster, previous: PreviousRelease, old_installation: PoolRouter
) -> None:
    pool, access = old_installation.pool, cluster.access
    starts = pool.starts()
    with keep_reading(old_installation.address) as asked:
        began = time.monotonic()
        install_shared_release(access, cluster.images, router=build_router_values(pool))
        settle(pool)
        report(f"upgraded from {previous.commit[:12]}", asked, began)
        assert name_images(cluster) == {cluster.images.readpool}
        assert pool.starts() == starts
        upgraded = time.monotonic()
        access.helm("rollback", "readpool", "1", *IN_TIME, timeout=HELM_SECONDS)
        settle(pool)
        report("rolled back", asked, upgraded)
        assert name_images(cluster) == {previous.image}
        assert pool.starts() == starts
    fail_on(asked.failed(), asked)


def test_pools_outlive_an_uninstall_and_are_taken_up_by_the_next_release(
    cluster: ProvidedCluster, old_installation: PoolRouter
) -> None:
    pool, access = old_installation.pool, cluster.access
    starts, weights = pool.starts(), pool.routed()
    uninstall(cluster)
    assert pool.pool()["spec"]["targetReplicas"] == TARGET
    assert pool.routed() == weights  # whoever reads by the Service goes on
    install_shared_release(access, cluster.images, router=build_router_values(pool))
    settle(pool)
    assert pool.starts() == starts
    with access.port_forward(NAMESPACE, ROUTER, ROUTER_PORT) as address, keep_reading(address) as asked:
        wait_for_requests(asked, READS)
    fail_on(asked.failed(), asked)


IN_TIME = ("--namespace", NAMESPACE, "--wait", "--timeout", f"{HELM_SECONDS}s")


def uninstall(cluster: ProvidedCluster) -> None:
    """Uninstall the release, if there is one, and wait until its pods are gone."""
    cluster.access.helm("uninstall", "readpool", "--ignore-not-found", *IN_TIME, timeout=HELM_SECONDS)


def settle(pool: PoolView) -> None:
    """Wait until the pool is fresh and has been so for a while: who restarts replicas has begun by then."""
    until = time.monotonic() + TAKEN_UP_SECONDS
    while time.monotonic() < until:
        pool.wait_until_fresh(TARGET, DONE_SECONDS)
        time.sleep(1.0)


def report(what: str, asked: Asked, since: float) -> None:
    tell(f"{what}: {time.monotonic() - since:.0f} s, {len(asked.failed(since))} of {asked.sent(since)} reads failed")


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
