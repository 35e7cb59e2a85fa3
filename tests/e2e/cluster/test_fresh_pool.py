"""A plain StatefulSet of real watchers, and a ScaledObject that names their Service: our metric sizes it."""

import time

from devtools.cluster.provided import ProvidedCluster
from tests.e2e.cluster.core_network import CoreNetwork, build_watchers
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.scaled_fleet import HPA_SYNC_SECONDS, scale_fleet
from tests.e2e.cluster.scaled_object import build_metadata

TARGET = 3


def test_a_fleet_of_watchers_is_brought_to_its_target_and_kept_there_by_our_metric(
    cluster: ProvidedCluster, namespace: str, core_network: CoreNetwork, scaler_release: OwnRelease
) -> None:
    cluster.access.apply(*build_watchers("core", core_network, 1, storage_class="standard"), namespace=namespace)
    fleet = scale_fleet(scaler_release, namespace, "core", build_metadata("core", target=TARGET, maximum=6))
    fleet.view.wait_until_ready()
    with fleet.record() as record:
        fleet.wait_until_steady(TARGET)
        time.sleep(2 * HPA_SYNC_SECONDS)  # that nothing happens shows in no condition
    assert record.values in ([1, TARGET], [TARGET])
    (metric,) = fleet.view.hpa()["status"]["currentMetrics"]
    assert metric["external"]["metric"]["name"] == "s0-desiredReplicas"
    assert metric["external"]["current"]["averageValue"] == "1"
    claims = cluster.access.list("persistentvolumeclaims", namespace)
    assert sorted(claim["metadata"]["name"] for claim in claims) == [f"data-core-{i}" for i in range(TARGET)]
    assert {claim["status"]["phase"] for claim in claims} == {"Bound"}
