"""A plain StatefulSet that our metric sizes: it comes to its target, grows by exactly one while one lags, shrinks back.

How soon is measured, and whether it stays so.
"""

import time
from collections.abc import Callable

import pytest

from devtools.cluster.provided import ProvidedCluster
from tests.e2e.cluster.core_network import CORE, CoreNetwork, build_watchers
from tests.e2e.cluster.light_nodes import build_light_fleet, set_light_node
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.scaled_fleet import FRESH, HPA_SYNC_SECONDS, ScaledFleet, scale_fleet
from tests.e2e.cluster.scaled_object import build_metadata
from tests.e2e.cluster.shared_release import POLL_SECONDS

TARGET = 3
SUSTAIN_SECONDS = 10
DECISION_SECONDS = SUSTAIN_SECONDS + HPA_SYNC_SECONDS + 15.0
"""From the first answer that shows the lag, or from the class that says that there is none, to the HPA's decision.

It takes up to 17 s on a machine at rest; beside two other clusters a poll and the HPA are late now and then.
"""
MANY = 24
NOTICED_SECONDS = 60.0
CAUGHT_UP_SECONDS = 180.0

Note = Callable[[str, object], None]


@pytest.fixture(scope="module")
def fleet(
    cluster: ProvidedCluster, module_namespace: str, core_network: CoreNetwork, scaler_release: OwnRelease
) -> ScaledFleet:
    """Start a plain StatefulSet of one watcher, whose Service a ScaledObject names."""
    watchers = build_watchers("core", core_network, 1, storage_class="standard")
    cluster.access.apply(*watchers, namespace=module_namespace)
    metadata = build_metadata("core", target=TARGET, maximum=6, sustain_seconds=SUSTAIN_SECONDS)
    return scale_fleet(scaler_release, module_namespace, "core", metadata)


def test_a_fleet_of_watchers_is_brought_to_its_target_and_kept_there_by_our_metric(
    cluster: ProvidedCluster, fleet: ScaledFleet
) -> None:
    fleet.view.wait_until_ready()
    with fleet.record() as record:
        fleet.wait_until_steady(TARGET)
        time.sleep(2 * HPA_SYNC_SECONDS)  # that nothing happens shows in no condition
    assert record.values in ([1, TARGET], [TARGET])
    (metric,) = fleet.view.hpa()["status"]["currentMetrics"]
    assert metric["external"]["metric"]["name"] == "s0-desiredReplicas"
    assert metric["external"]["current"]["averageValue"] == "1"
    claims = cluster.access.list("persistentvolumeclaims", fleet.namespace)
    assert sorted(claim["metadata"]["name"] for claim in claims) == [f"data-core-{i}" for i in range(TARGET)]
    assert {claim["status"]["phase"] for claim in claims} == {"Bound"}


def test_a_stopped_watcher_adds_one_replica_and_its_return_removes_it(
    cluster: ProvidedCluster, fleet: ScaledFleet, record_testsuite_property: Note
) -> None:
    fleet.wait_until_steady(TARGET)
    stopped, began = (fleet.namespace, fleet.pod(1), CORE), time.time()
    with fleet.record() as record:
        cluster.faults.stop_process(*stopped)
        seen = fleet.wait_for_event(
            "classChanged",
            lambda event: event.fields["replica"] == fleet.pod(1) and event.fields["current"] == "unreachable",
            began,
            NOTICED_SECONDS,
        )
        fleet.wait_for_replicas(TARGET + 1, NOTICED_SECONDS)
        fleet.wait_until_steady(TARGET + 1, fresh=TARGET)
        time.sleep(2 * HPA_SYNC_SECONDS)  # that nothing happens shows in no condition
        assert record.values == [TARGET, TARGET + 1]
        cluster.faults.continue_process(*stopped)
        fleet.wait_until_steady(TARGET, seconds=CAUGHT_UP_SECONDS)
    assert record.values == [TARGET, TARGET + 1, TARGET]
    decision_seconds = record.first_at(TARGET + 1) - seen.at
    record_testsuite_property("unreachable_to_decision_seconds", decision_seconds)
    record_testsuite_property("stopped_to_decision_seconds", record.first_at(TARGET + 1) - began)
    assert SUSTAIN_SECONDS <= decision_seconds <= DECISION_SECONDS


def test_the_tolerance_of_the_hpa_swallows_no_replica_of_a_large_fleet(
    cluster: ProvidedCluster, namespace: str, scaler_release: OwnRelease, record_testsuite_property: Note
) -> None:
    cluster.access.apply(*build_light_fleet("light", cluster.images.readpool, MANY), namespace=namespace)
    metadata = build_metadata("light", target=MANY, maximum=30, sustain_seconds=SUSTAIN_SECONDS)
    fleet = scale_fleet(scaler_release, namespace, "light", metadata)
    fleet.wait_until_steady(MANY)
    lagging, began = fleet.pod(7), time.time()
    with fleet.record() as record:
        set_light_node(cluster.access, namespace, lagging, {"lag_ledgers": 50})
        flip = fleet.wait_for_event(
            "classChanged",
            lambda event: event.fields["replica"] == lagging and event.fields["current"] == "lagging",
            began,
            NOTICED_SECONDS,
        )
        fleet.wait_until_steady(MANY + 1, fresh=MANY)
        set_light_node(cluster.access, namespace, lagging, {"lag_ledgers": 0})
        fleet.wait_for_event(
            "classChanged",
            lambda event: event.fields["replica"] == lagging and event.fields["current"] == FRESH,
            flip.at,
            NOTICED_SECONDS,
        )
        fleet.wait_until_steady(MANY)
    assert record.values == [MANY, MANY + 1, MANY]
    # Two answers must agree before it is called lagging: the first of them came one poll before.
    first_shown = max(began, flip.at - POLL_SECONDS)
    decision_seconds = record.first_at(MANY + 1) - first_shown
    record_testsuite_property("lag_shown_to_decision_seconds", decision_seconds)
    assert SUSTAIN_SECONDS <= decision_seconds <= DECISION_SECONDS
