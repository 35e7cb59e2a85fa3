"""A pool that is applied becomes what it stands for: fresh replicas with their shards, readers that are answered."""

import httpx
import pytest

from devtools.cluster.access import KubectlError
from devtools.cluster.provided import ProvidedCluster
from devtools.envoy.envoy_binary import require_envoy
from tests.e2e.cluster.core_configuration import HISTORY_PORT
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.read_only_pool import CORE, PoolView, apply_pool, build_pool

TARGET = 3
INFO_PORT = 11627
READ_PORT = 11628
COMMAND_PORT = 11626
NO_SUCH_ACCOUNT = "AAAAAAAAAABzdv3ojkzWHMD7KUoXhrPx0GH18vHKV0ZfqpMiEblG1g=="
OWNED = {
    "configmap": ["core-config"],
    "service": ["core", "core-nodes"],
    "statefulset": ["core"],
    "poddisruptionbudget": ["core"],
    "networkpolicy": ["core"],
    "scaledobject": ["core"],
}
COMES_LATER = "core-checkpoint"  # once replicas vouch for one


@pytest.fixture(scope="module")
def pool(
    cluster: ProvidedCluster, module_namespace: str, core_network: CoreNetwork, scaler_release: OwnRelease
) -> PoolView:
    """Apply a pool with two shards, and wait until all its replicas are fresh; the tests here only look at it."""
    assert scaler_release.pods()
    host = core_network.network.validator_host
    archives = [f"http://{name}:{HISTORY_PORT}" for name in (host, host.removesuffix(".cluster.local"))]
    shards = {"enabled": True, "shardCount": 2, "strategy": "roundRobin"}
    manifest = build_pool("core", core_network, historyArchiveUrls=archives, shardBalancing=shards)
    view = apply_pool(cluster.access, module_namespace, manifest)
    view.wait_until_fresh(TARGET)
    view.wait_for("KEDA scales it", lambda: view.condition("Autoscaling").get("reason") == "ScaledByKeda")
    return view


def test_it_owns_all_that_it_stands_for(pool: PoolView) -> None:
    uid = pool.pool()["metadata"]["uid"]
    for kind, names in OWNED.items():
        found = [one["metadata"] for one in pool.access.list(kind, pool.namespace)]
        owned = sorted(one["name"] for one in found if any(o["uid"] == uid for o in one.get("ownerReferences", ())))
        assert [name for name in owned if name != COMES_LATER] == names, kind


def test_its_status_tells_of_each_replica(pool: PoolView) -> None:
    status = pool.status()
    assert status["observedGeneration"] == pool.pool()["metadata"]["generation"]
    assert status["networkLatestLedger"] >= status["averageLedgerSequence"] > 1
    assert status["desiredReplicas"] == TARGET
    told = {one["replicaName"]: one for one in status["replicaWeights"]}
    assert list(told) == [pool.pod(ordinal) for ordinal in range(TARGET)]
    assert all((one["isFresh"], one["weight"], one["replicaClass"]) == (True, 100, "fresh") for one in told.values())


def test_it_was_sized_by_nobody_but_its_target(pool: PoolView) -> None:
    assert pool.pool()["spec"]["replicas"] == TARGET
    assert pool.events("Failed") == []


def test_readers_are_sent_to_every_replica_and_answered(cluster: ProvidedCluster, pool: PoolView) -> None:
    assert pool.routed() == {pool.pod(ordinal): 100 for ordinal in range(TARGET)}
    # kubectl forwards to no Service without a selector.
    reached = f"service/{pool.name}" if cluster.is_ours else f"pod/{pool.pod(0)}"
    with pool.access.port_forward(pool.namespace, reached, READ_PORT) as address:
        answer = httpx.post(f"http://{address}/getledgerentryraw", data={"key": NO_SUCH_ACCOUNT}, timeout=10)
    assert answer.json()["ledgerSeq"] > 1


def test_no_service_has_the_command_port_which_only_the_gate_reaches(cluster: ProvidedCluster, pool: PoolView) -> None:
    if cluster.images.gate is None:
        require_envoy()  # skips with the reason
    for service in pool.access.list("services", pool.namespace):
        ports = [port for one in service["spec"]["ports"] for port in (one["port"], one.get("targetPort"))]
        assert COMMAND_PORT not in ports
    pod = f"pod/{pool.pod(0)}"
    if cluster.is_ours:  # kubectl forwards from within the pod, where the port is
        forwarded = pool.access.port_forward(pool.namespace, pod, COMMAND_PORT)
        with forwarded as address, pytest.raises(httpx.TransportError):
            httpx.get(f"http://{address}/info", timeout=5)
    with pool.access.port_forward(pool.namespace, pod, INFO_PORT) as address:
        assert httpx.get(f"http://{address}/info", timeout=5).json()["info"]["state"] == "Synced!"
        assert httpx.get(f"http://{address}/ll?level=debug", timeout=5).status_code >= httpx.codes.BAD_REQUEST


def test_its_shards_are_on_its_pods_and_in_their_configurations(pool: PoolView) -> None:
    assignments = {one["replicaName"]: one for one in pool.status()["shardAssignments"]}
    assert [one["shardId"] for one in assignments.values()] == [0, 1, 0]
    for pod in pool.pods():
        name, annotations = pod["metadata"]["name"], pod["metadata"]["annotations"]
        own = assignments[name]
        assert annotations["stellar.org/shard-id"] == str(own["shardId"])
        assert annotations["stellar.org/archive-url"] == own["archiveUrl"]
        config = pool.access.exec(pool.namespace, name, "cat", f"/etc/stellar/{name}.cfg", container=CORE)
        first = next(line for line in config.splitlines() if "curl" in line)
        assert own["archiveUrl"] in first.split("||")[0]


def test_a_container_can_read_its_shard(pool: PoolView) -> None:
    def read() -> bool:
        text = pool.access.exec(pool.namespace, pool.pod(1), "cat", "/etc/readpool/annotations", container=CORE)
        return 'stellar.org/shard-id="1"' in text

    pool.wait_for("the annotations are in the volume", read)


def test_kubectl_shows_and_explains_it(pool: PoolView) -> None:
    head, line = pool.access.kubectl("get", "rop", pool.name, f"--namespace={pool.namespace}").splitlines()
    shown = dict(zip(head.split(), line.split(), strict=True))
    assert [shown[name] for name in ("NETWORK", "REPLICAS", "READY", "FRESH", "LAGGING")] == [
        "Custom",
        "3",
        "3",
        "3",
        "0",
    ]
    assert int(shown["TIP"]) > 1
    explained = pool.access.kubectl("explain", "rop.spec.targetReplicas")
    assert "fresh replicas" in explained


def test_a_manifest_that_cannot_be_is_refused_with_a_sentence(pool: PoolView, core_network: CoreNetwork) -> None:
    manifest = build_pool("bad", core_network, minReplicas=7)
    with pytest.raises(KubectlError, match=r"minReplicas.*must be at most maxReplicas"):
        pool.access.apply(manifest, namespace=pool.namespace)
