"""All that restarts a pool's replicas, one change after the other, under readers through the router: no read fails."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from devtools.cluster.namespaces import run_inside
from devtools.cluster.provided import ProvidedCluster
from tests.e2e.cluster.core_configuration import HISTORY_PORT
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.pool_router import PoolRouter, run_routed_pool
from tests.e2e.cluster.read_only_pool import PoolView, build_pool
from tests.e2e.cluster.steady_readers import fail_on, keep_reading

TARGET = 3
BEGUN_SECONDS = 60.0
DONE_SECONDS = 420.0
PEERS = "TARGET_PEER_CONNECTIONS = {}"

Spec = dict[str, Any]

pytestmark = [pytest.mark.full, pytest.mark.timeout(3000, func_only=True)]


@dataclass(frozen=True, slots=True)
class Change:
    """What a user changes, and what of it there is nothing to see here where `spec` is None."""

    name: str
    spec: Callable[[ProvidedCluster, Spec], Spec | None]


def name_other_gate(cluster: ProvidedCluster, _: Spec) -> Spec | None:
    """Rename the gate's image, which a cluster of ours can be told."""
    gate, namespaces = cluster.images.gate, cluster.access.namespaces
    if gate is None or namespaces is None:
        return None
    run_inside(namespaces, "ctr", "--namespace", "k8s.io", "images", "tag", "--force", gate, f"{gate}-other")
    return {"gate": {"image": f"{gate}-other"}}


def change_override(_: ProvidedCluster, first: Spec) -> Spec:
    return {"coreConfigOverride": first["coreConfigOverride"].replace(PEERS.format(1), PEERS.format(2))}


def change_version(cluster: ProvidedCluster, _: Spec) -> Spec | None:
    return {"version": cluster.images.core_next} if cluster.images.core_next else None


CHANGES = (
    Change("gate off", lambda *_: {"gate": {"enabled": False}}),
    Change("gate on", lambda *_: {"gate": {"enabled": True}}),
    Change("another gate image", name_other_gate),
    Change("another override", change_override),
    Change("another version", change_version),
    Change("more shards", lambda *_: {"shardBalancing": {"enabled": True, "shardCount": 2, "strategy": "roundRobin"}}),
)


@pytest.fixture
def router(
    cluster: ProvidedCluster, namespace: str, core_network: CoreNetwork, scaler_release: OwnRelease
) -> Iterator[PoolRouter]:
    host = core_network.network.validator_host
    archives = [f"http://{name}:{HISTORY_PORT}" for name in (host, host.removesuffix(".cluster.local"))]
    scaling = {"enabled": False, "sustainSeconds": 10}
    manifest = build_pool("core", core_network, autoscaling=scaling, historyArchiveUrls=archives)
    manifest["spec"]["template"] = {"spec": {"terminationGracePeriodSeconds": 30}}
    with run_routed_pool(cluster, scaler_release, namespace, manifest) as router:
        yield router


def test_no_read_fails_whatever_of_a_pool_is_changed(cluster: ProvidedCluster, router: PoolRouter) -> None:
    pool, first = router.pool, dict(router.pool.pool()["spec"])
    told, failures = [], []
    with keep_reading(router.address) as asked:
        for change in CHANGES:
            spec = change.spec(cluster, first)
            if spec is None:
                continue
            began, at = time.monotonic(), pool.uids()
            pool.change(spec)
            wait_for_others(pool, change.name, at)
            pool.wait_until_fresh(TARGET, DONE_SECONDS)
            failed = asked.failed(began)
            failures += failed
            told.append(f"{change.name}: {time.monotonic() - began:.0f} s, {len(failed)} of {asked.sent(began)} failed")
            print(told[-1])  # noqa: T201 - figures for whoever runs with -s
    fail_on(failures, asked)


def wait_for_others(pool: PoolView, name: str, before: dict[str, str]) -> None:
    pool.wait_for(f"{name}: it begins", lambda: pool.uids() != before, BEGUN_SECONDS)
    pool.wait_for(f"{name}: all are others", lambda: not set(before.values()) & set(pool.uids().values()), DONE_SECONDS)
