"""What becomes of a pool in its days: replicas fall behind, somebody scales it, a new version comes, it goes."""

import time

import pytest

from devtools.cluster.provided import ProvidedCluster
from devtools.strictness import skip_or_fail
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.read_only_pool import CORE, PoolView, apply_pool, build_pool
from tests.e2e.cluster.rollout_watch import watch_rollout

TARGET = 3
VOUCHING = 5
NOTICED_SECONDS = 60.0
BACK_SECONDS = 180.0
UNSCALED = {"enabled": False, "sustainSeconds": 10}

pytestmark = pytest.mark.usefixtures("scaler_release")


@pytest.fixture
def unscaled(cluster: ProvidedCluster, namespace: str, core_network: CoreNetwork) -> PoolView:
    """Apply a pool that KEDA does not scale, and wait until it is fresh."""
    view = apply_pool(cluster.access, namespace, build_pool("core", core_network, autoscaling=UNSCALED))
    view.wait_until_fresh(TARGET)
    return view


def test_a_replica_that_falls_behind_loses_its_readers_until_it_is_back(
    cluster: ProvidedCluster, unscaled: PoolView
) -> None:
    pod = unscaled.pod(1)
    cluster.faults.stop_process(unscaled.namespace, pod, CORE)
    try:
        unscaled.wait_for("nobody is sent to it", lambda: pod not in unscaled.routed(), NOTICED_SECONDS)
        unscaled.wait_for("status says so", lambda: unscaled.replica(pod).get("isFresh") is False, NOTICED_SECONDS)
        assert unscaled.replica(pod)["weight"] == 0
        assert unscaled.condition("Fresh")["status"] == "False"
        assert sorted(unscaled.routed()) == [unscaled.pod(0), unscaled.pod(2)]
    finally:
        cluster.faults.continue_process(unscaled.namespace, pod, CORE)
    unscaled.wait_until_fresh(TARGET, BACK_SECONDS)
    assert unscaled.routed() == {unscaled.pod(ordinal): 100 for ordinal in range(TARGET)}
    assert unscaled.pool()["spec"]["replicas"] == TARGET


def test_kubectl_scale_works_within_the_bounds(unscaled: PoolView) -> None:
    def scale(replicas: int) -> None:
        unscaled.access.kubectl(
            "scale", f"rop/{unscaled.name}", f"--replicas={replicas}", f"--namespace={unscaled.namespace}"
        )

    scale(TARGET + 1)
    unscaled.wait_until_fresh(TARGET + 1)
    scale(0)  # nobody has scaled: what runs stays
    time.sleep(3)  # that nothing happens shows in no condition
    assert unscaled.status()["currentReplicas"] == TARGET + 1
    scale(1)
    unscaled.wait_until_fresh(1)
    unscaled.wait_for("the volumes of the others are gone", lambda: list_claims(unscaled) == ["data-core-0"])


def test_a_new_version_rolls_through_with_at_most_one_fresh_replica_away(
    cluster: ProvidedCluster, unscaled: PoolView
) -> None:
    version = cluster.images.core_next
    if version is None:
        skip_or_fail("READPOOL_CORE_NEXT is not set: there is no second image of stellar-core to upgrade to")
    before = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in unscaled.pods()}
    with watch_rollout(unscaled) as seen:
        unscaled.access.apply(
            {
                "apiVersion": "stellar.org/v1alpha1",
                "kind": "ReadOnlyPool",
                "metadata": {"name": unscaled.name},
                "spec": unscaled.pool()["spec"] | {"version": version},
            },
            namespace=unscaled.namespace,
        )
        unscaled.wait_for("it sets about it", lambda: unscaled.condition("Reconciling").get("status") == "True")
        unscaled.wait_until_fresh(TARGET, 2 * BACK_SECONDS)
    after = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in unscaled.pods()}
    assert after.keys() == before.keys()
    assert not set(after.values()) & set(before.values())
    images = {pod["spec"]["containers"][0]["image"] for pod in unscaled.pods()}
    assert {image.rpartition(":")[2] for image in images} == {version}
    assert seen.most_away == 1, str(seen)
    assert seen.fewest_routed >= TARGET - 1, str(seen)


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


def test_a_replica_that_is_taken_out_of_service_has_a_substitute_and_is_left_alone_until_it_is_back(
    cluster: ProvidedCluster, namespace: str, core_network: CoreNetwork
) -> None:
    pool = apply_pool(cluster.access, namespace, build_pool("core", core_network))
    pool.wait_until_fresh(TARGET)
    out, mark = pool.pod(1), "stellar.org/out-of-service"
    uid = next(pod["metadata"]["uid"] for pod in pool.pods() if pod["metadata"]["name"] == out)
    cluster.access.kubectl("annotate", "pod", out, f"{mark}=to look at its disk", f"--namespace={namespace}")
    pool.wait_for("nobody is sent to it", lambda: out not in pool.routed(), NOTICED_SECONDS)
    pool.wait_for("one more", lambda: pool.pool()["spec"]["replicas"] == TARGET + 1, NOTICED_SECONDS)
    pool.wait_for("three are fresh beside it", lambda: pool.status().get("freshReplicas") == TARGET, BACK_SECONDS)
    assert out not in pool.routed()
    assert pool.replica(out)["outOfService"] is True
    assert "out of service: core-1" in pool.condition("Fresh")["message"]
    cluster.access.kubectl("annotate", "pod", out, f"{mark}-", f"--namespace={namespace}")
    pool.wait_for("it serves again", lambda: out in pool.routed(), NOTICED_SECONDS)
    pool.wait_until_fresh(TARGET, BACK_SECONDS)
    assert next(pod["metadata"]["uid"] for pod in pool.pods() if pod["metadata"]["name"] == out) == uid


def test_replicas_vouch_for_a_checkpoint_that_a_newcomer_starts_from(
    cluster: ProvidedCluster, unscaled: PoolView
) -> None:
    def is_vouched() -> bool:
        found = cluster.access.get("configmap", "core-checkpoint", unscaled.namespace) or {}
        return len(found.get("data", {}).get("checkpoint", "").split()) == len(("ledger", "hash", "time"))

    # Ledgers close twice as fast as nodes are polled here: of five, at least two are polled at the end of a checkpoint.
    unscaled.change({"maxReplicas": VOUCHING + 3})
    scale_and_read_log(unscaled, VOUCHING)
    unscaled.wait_for("a checkpoint that they vouch for", is_vouched, 5 * 64)
    uids = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in unscaled.pods()}
    # Ledgers of a second leave a newcomer on a busy machine little time: a checkpoint may be too old by then.
    started = [scale_and_read_log(unscaled, replicas) for replicas in range(VOUCHING + 1, VOUCHING + 4)]
    assert any("readpool: at ledger 1; catching up to checkpoint" in log for log in started)
    there = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in unscaled.pods()}
    assert uids.items() <= there.items()  # which restarts nobody


def scale_and_read_log(pool: PoolView, replicas: int) -> str:
    """Scale up by one; return the newcomer's log once all are fresh."""
    where = f"--namespace={pool.namespace}"
    pool.access.kubectl("scale", f"rop/{pool.name}", f"--replicas={replicas}", where)
    pool.wait_until_fresh(replicas)
    return pool.access.kubectl("logs", pool.pod(replicas - 1), f"--container={CORE}", where)


@pytest.mark.parametrize(("policy", "left"), [("Delete", []), ("Retain", ["data-core-0"])])
def test_a_deleted_pool_takes_all_with_it_and_its_volumes_as_it_says(
    policy: str, left: list[str], cluster: ProvidedCluster, namespace: str, core_network: CoreNetwork
) -> None:
    storage = {"storageClass": "standard", "size": "64Mi", "retentionPolicy": policy}
    sizes = {"targetReplicas": 1, "minReplicas": 1, "maxReplicas": 1}
    pool = apply_pool(cluster.access, namespace, build_pool("core", core_network, storage=storage, **sizes))
    pool.wait_until_fresh(1)
    assert list_claims(pool) == ["data-core-0"]
    cluster.access.delete("readonlypool", "core", namespace)
    kinds = "statefulsets,pods,services,endpointslices,poddisruptionbudgets,networkpolicies,scaledobjects,hpa"
    pool.wait_for("nothing runs any more", lambda: cluster.access.list(kinds, namespace) == [])
    pool.wait_for("the volumes are as they should", lambda: list_claims(pool) == left)
    pool.wait_for("nor are its configurations there", lambda: list_config_maps(pool) == ["kube-root-ca.crt"])


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
