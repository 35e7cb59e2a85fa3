"""What becomes of a pool in its days: a replica falls behind, somebody scales it, newcomers join, it goes."""

import time

import pytest

from devtools.cluster.provided import ProvidedCluster
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.read_only_pool import CORE, PoolView, apply_pool, build_pool

TARGET = 3
VOUCHING, NEWCOMERS = 5, 3
NOTICED_SECONDS = 60.0
BACK_SECONDS = 180.0
UNSCALED = {"enabled": False, "sustainSeconds": 10}

pytestmark = pytest.mark.usefixtures("scaler_release")


def test_one_apply_of_a_pool_and_its_scaled_object_is_enough_and_grows_when_one_lags(
    cluster: ProvidedCluster, namespace: str, core_network: CoreNetwork, scaler_release: OwnRelease
) -> None:
    manifest = build_pool("core", core_network)
    cluster.access.apply(build_scaled_object("mine", "core", scaler_release.address), manifest, namespace=namespace)
    pool = PoolView(cluster.access, namespace, "core")
    pool.wait_until_fresh(TARGET)
    pool.wait_for("KEDA scales it", lambda: pool.condition("Autoscaling").get("reason") == "ScaledByOther")
    names = [one["metadata"]["name"] for one in cluster.access.list("scaledobject", namespace)]
    assert names == ["mine"]
    stopped = pool.pod(0)
    cluster.faults.stop_process(namespace, stopped, CORE)
    try:
        pool.wait_for("one more", lambda: pool.pool()["spec"]["replicas"] == TARGET + 1, NOTICED_SECONDS)
        pool.wait_for("it is fresh", lambda: pool.status().get("freshReplicas") == TARGET, BACK_SECONDS)
        assert pool.pool()["spec"]["replicas"] == TARGET + 1
    finally:
        cluster.faults.continue_process(namespace, stopped, CORE)
    pool.wait_until_fresh(TARGET, BACK_SECONDS)


def test_kubectl_scale_works_within_the_bounds_and_a_newcomer_starts_from_a_checkpoint_that_replicas_vouch_for(
    cluster: ProvidedCluster, namespace: str, core_network: CoreNetwork
) -> None:
    sizes = {"targetReplicas": VOUCHING, "maxReplicas": VOUCHING + NEWCOMERS}
    pool = apply_pool(cluster.access, namespace, build_pool("core", core_network, autoscaling=UNSCALED, **sizes))
    pool.wait_until_fresh(VOUCHING)

    def is_vouched() -> bool:
        found = cluster.access.get("configmap", "core-checkpoint", pool.namespace) or {}
        return len(found.get("data", {}).get("checkpoint", "").split()) == len(("ledger", "hash", "time"))

    # Ledgers close twice as fast as nodes are polled here: of five, at least two are polled at the end of a checkpoint.
    pool.wait_for("a checkpoint that they vouch for", is_vouched, 5 * 64)
    uids = pool.uids()
    # Ledgers of a second leave a newcomer on a busy machine little time: a checkpoint may be too old by then.
    newcomers = range(VOUCHING + 1, VOUCHING + NEWCOMERS + 1)
    assert any("readpool: at ledger 1; catching up to checkpoint" in scale_and_read_log(pool, one) for one in newcomers)
    there = pool.uids()
    assert uids.items() <= there.items()  # which restarts nobody

    scale(pool, 0)  # nobody has scaled: what runs stays
    time.sleep(3)  # that nothing happens shows in no condition
    assert pool.status()["currentReplicas"] == len(there)
    scale(pool, 1)
    pool.wait_until_fresh(1)
    pool.wait_for("the volumes of the others are gone", lambda: list_claims(pool) == ["data-core-0"])


def scale(pool: PoolView, replicas: int) -> None:
    pool.access.kubectl("scale", f"rop/{pool.name}", f"--replicas={replicas}", f"--namespace={pool.namespace}")


def scale_and_read_log(pool: PoolView, replicas: int) -> str:
    """Scale up by one; return the newcomer's log once all are fresh."""
    scale(pool, replicas)
    pool.wait_until_fresh(replicas)
    return pool.access.logs(pool.namespace, pool.pod(replicas - 1), CORE)


def test_deleted_pools_take_all_with_them_and_their_volumes_as_they_say(
    cluster: ProvidedCluster, namespace: str, core_network: CoreNetwork
) -> None:
    pools = []
    for policy in ("Delete", "Retain"):
        storage = {"storageClass": "standard", "size": "64Mi", "retentionPolicy": policy}
        sizes = {"targetReplicas": 1, "minReplicas": 1, "maxReplicas": 1}
        manifest = build_pool(policy.lower(), core_network, storage=storage, **sizes)
        pools.append(apply_pool(cluster.access, namespace, manifest))
    for pool in pools:
        pool.wait_until_fresh(1)
    assert list_claims(pools[0]) == ["data-delete-0", "data-retain-0"]
    for pool in pools:
        cluster.access.delete("readonlypool", pool.name, namespace)
    kinds = "statefulsets,pods,services,endpointslices,poddisruptionbudgets,networkpolicies,scaledobjects,hpa"
    pools[0].wait_for("nothing runs any more", lambda: cluster.access.list(kinds, namespace) == [])
    pools[0].wait_for("the volumes are as they should", lambda: list_claims(pools[0]) == ["data-retain-0"])
    pools[0].wait_for("nor are configurations there", lambda: list_config_maps(pools[0]) == ["kube-root-ca.crt"])


def list_config_maps(pool: PoolView) -> list[str]:
    return [one["metadata"]["name"] for one in pool.access.list("configmaps", pool.namespace)]


def list_claims(pool: PoolView) -> list[str]:
    return sorted(claim["metadata"]["name"] for claim in pool.access.list("pvc", pool.namespace))


def build_scaled_object(name: str, pool: str, scaler: str) -> dict[str, object]:
    behavior = {"scaleUp": {"tolerance": "0"}, "scaleDown": {"tolerance": "0", "stabilizationWindowSeconds": 10}}
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": name},
        "spec": {
            "scaleTargetRef": {"apiVersion": "stellar.org/v1alpha1", "kind": "ReadOnlyPool", "name": pool},
            "minReplicaCount": 1,
            "maxReplicaCount": 6,
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior}},
            "triggers": [
                {
                    "type": "external",
                    "metricType": "AverageValue",
                    "metadata": {"scalerAddress": scaler, "pool": pool},
                }
            ],
        },
    }
