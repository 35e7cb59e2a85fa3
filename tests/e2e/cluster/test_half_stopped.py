"""Half a fleet stops at once: what is added never exceeds the maximum, nor what may catch up at a time."""

import time

import pytest

from devtools.cluster.provided import ProvidedCluster
from scaler.policy.policy import Bounds, PolicySettings
from tests.e2e.cluster.core_network import CORE, CoreNetwork, build_watchers
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.scaled_fleet import HPA_SYNC_SECONDS, scale_fleet
from tests.e2e.cluster.scaled_object import build_metadata

TARGET = 6
HALF = TARGET // 2
SURGE = PolicySettings(Bounds(1, TARGET, TARGET)).surge
GROWN_SECONDS = 150.0


@pytest.mark.full
@pytest.mark.parametrize(
    ("maximum", "last", "reason"),
    [
        pytest.param(TARGET + HALF + 3, TARGET + HALF, "LimitedBySurge", id="bounded-by-the-surge"),
        pytest.param(TARGET + 1, TARGET + 1, "AtMaximum", id="bounded-by-the-maximum"),
    ],
)
def test_when_half_a_fleet_stops_it_grows_within_its_bounds(
    maximum: int,
    last: int,
    reason: str,
    cluster: ProvidedCluster,
    namespace: str,
    core_network: CoreNetwork,
    scaler_release: OwnRelease,
) -> None:
    cluster.access.apply(*build_watchers("core", core_network, TARGET), namespace=namespace)
    fleet = scale_fleet(scaler_release, namespace, "core", build_metadata("core", target=TARGET, maximum=maximum))
    fleet.wait_until_steady(TARGET)
    began = time.time()
    with fleet.record() as record:
        for ordinal in range(HALF):
            cluster.faults.stop_process(namespace, fleet.pod(ordinal), CORE)
        fleet.wait_for_event("desiredChanged", lambda event: event.fields["reason"] == reason, began, GROWN_SECONDS)
        fleet.wait_until_steady(last, fresh=last - HALF, seconds=GROWN_SECONDS)
        time.sleep(3 * HPA_SYNC_SECONDS)  # that nothing happens shows in no condition
    assert record.values[0] == TARGET
    assert record.values[-1] == max(record.values) == last
    assert record.values == sorted(record.values)
    assert record.largest_rise <= SURGE
