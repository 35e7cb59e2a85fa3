"""How full a replica's volume is, from the file system of a real pod by way of its gate and the scaler into status."""

import pytest

from controller.core_config.core_config_override import DATA_FOLDER
from controller.gate.volume_watch import WATCH
from devtools.cluster.provided import ProvidedCluster
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.read_only_pool import CORE, PoolView, apply_pool, build_pool

pytestmark = pytest.mark.timeout(600, func_only=True)
TOLD_SECONDS = 120.0
APART_PERCENT = 3
"""The node's disk, on which these volumes are, fills and empties meanwhile."""


def test_a_pool_says_how_full_its_volumes_are(
    cluster: ProvidedCluster, namespace: str, core_network: CoreNetwork, scaler_release: OwnRelease
) -> None:
    assert scaler_release.pods()
    storage = {"storageClass": "standard", "size": "64Mi", "autoGrow": {"maxSize": "64Mi", "usedPercent": 95}}
    sizes = {"minReplicas": 1, "targetReplicas": 1, "maxReplicas": 1}
    pool = apply_pool(cluster.access, namespace, build_pool("core", core_network, storage=storage, **sizes))
    pool.wait_until_fresh(1)
    pool.wait_for("its gate tells how full its volume is", lambda: read_used(pool) is not None, TOLD_SECONDS)
    used = read_used(pool)
    assert used is not None
    assert abs(used - ask_pod(pool)) <= APART_PERCENT
    pool.wait_for(
        "its condition says so",
        lambda: pool.condition("VolumeSpace").get("reason") == ("AtMaxSize" if used >= 95 else "EnoughSpace"),
        TOLD_SECONDS,
    )
    (pod,) = pool.pods()
    watch = next(one for one in pod["status"]["initContainerStatuses"] if one["name"] == WATCH)
    assert (watch["ready"], watch["restartCount"]) == (True, 0)


def read_used(pool: PoolView) -> int | None:
    """Read how full the volume of the pool's one replica is, by its status."""
    weights = pool.status().get("replicaWeights") or [{}]
    used: int | None = weights[0].get("volumeUsedPercent")
    return used


def ask_pod(pool: PoolView) -> int:
    """Ask the file system in the replica's pod itself."""
    told = pool.access.kubectl("exec", "core-0", "-n", pool.namespace, "-c", CORE, "--", "df", "-P", DATA_FOLDER)
    return int(told.splitlines()[-1].split()[4].removesuffix("%"))
