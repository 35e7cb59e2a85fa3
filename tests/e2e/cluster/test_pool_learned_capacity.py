"""What replicas were learned to bear sizes the pool by its load, before anybody lags, whoever has learned it.

It stands in the pool's status, as by scalers that are no more. That too much load teaches it is test_full_capacity:
replicas that are cut off do not advance, and teach nothing. test_gate_polls has a scaler size a pool so without a
cluster.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from devtools.cluster.provided import ProvidedCluster
from scaler.policy.policy import SCALED_FOR_LOAD
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.pool_router import PoolRouter, run_routed_pool
from tests.e2e.cluster.pool_story import Story
from tests.e2e.cluster.read_only_pool import PoolView, build_pool
from tests.e2e.cluster.steady_readers import fail_on, keep_reading

TARGET = 2
BORNE = 10.0
"""Requests/s of one replica."""
CONTROLLERS = 2
LITTLE, MUCH = 0.4, 0.95
"""Shares of what a replica bears: one that two bear by far, and one that is more than is planned for them."""
GROWN_SECONDS = 180.0
BACK_SECONDS = 180.0


@pytest.fixture
def router(
    cluster: ProvidedCluster, namespace: str, core_network: CoreNetwork, scaler_release: OwnRelease
) -> Iterator[PoolRouter]:
    """Put routers before a pool of two, which may not grow yet."""
    sizes = dict.fromkeys(("minReplicas", "targetReplicas", "maxReplicas"), TARGET)
    manifest = build_pool("core", core_network, **sizes, references=[core_network.reference])
    with run_routed_pool(cluster, scaler_release, namespace, manifest) as router:
        yield router


@pytest.mark.full
def test_a_pool_grows_by_its_load_where_it_is_known_what_its_replicas_bear(
    cluster: ProvidedCluster, router: PoolRouter, scaler_release: OwnRelease
) -> None:
    pool, first = router.pool, Story(scaler_release, router.pool, since=0.0)  # it may be calm already
    with keep_reading(router.address, 1 / (TARGET * LITTLE * BORNE)) as asked:
        assert "learnedRequestsPerReplica" not in pool.status()
        leave_to_others(cluster, scaler_release, pool)
        pool.wait_until_fresh(TARGET, BACK_SECONDS)
        pool.wait_for("all scalers are calm", first.is_calm, BACK_SECONDS)
        assert pool.status()["learnedRequestsPerReplica"] == BORNE
        pool.change({"maxReplicas": 3 * TARGET})
        again = Story(scaler_release, pool)
        asked.every_seconds = 1 / (TARGET * MUCH * BORNE)
        pool.wait_for("it grows", lambda: pool.pool()["spec"]["replicas"] > TARGET, GROWN_SECONDS)
        grown = time.time() - again.since
        pool.wait_for("the new one is fresh", lambda: pool.status()["freshReplicas"] > TARGET, BACK_SECONDS)
    print(f"grew after {grown:.0f} s; {asked}")  # noqa: T201
    assert not again.laggards()
    assert SCALED_FOR_LOAD in {event.fields["reason"] for event in again.decisions()}
    assert pool.status()["learnedRequestsPerReplica"] == BORNE
    fail_on(asked.failed(), asked)


def leave_to_others(cluster: ProvidedCluster, release: OwnRelease, pool: PoolView) -> None:
    """Write what a replica bears into the status while no controller runs, and start the controllers again."""
    where, deployment = f"--namespace={release.namespace}", "deployment/readpool-controller"

    def list_controllers() -> list[Any]:
        return cluster.access.list("pods", release.namespace, "app.kubernetes.io/component=controller")

    cluster.access.kubectl("scale", deployment, "--replicas=0", where)
    try:
        pool.wait_for("no controller runs", lambda: not list_controllers(), BACK_SECONDS)
        patch = json.dumps({"status": {"learnedRequestsPerReplica": BORNE}})
        what = (f"rop/{pool.name}", "--subresource=status", "--type=merge", f"--patch={patch}")
        cluster.access.kubectl("patch", *what, f"--namespace={pool.namespace}")
    finally:
        cluster.access.kubectl("scale", deployment, f"--replicas={CONTROLLERS}", where)
    cluster.access.kubectl("rollout", "status", deployment, where, f"--timeout={BACK_SECONDS:g}s", timeout=BACK_SECONDS)
