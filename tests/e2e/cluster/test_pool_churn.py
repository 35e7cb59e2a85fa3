"""A minute of ledgers in which a laggard's lag grows writes no EndpointSlice; test_full_churn.py is the long form."""

import pytest

from devtools.cluster.provided import ProvidedCluster
from tests.e2e.cluster.churned_pool import SLICES_EACH, apply_churned_pool, measure_quiet
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.own_release import OwnRelease

MINUTES = 1.0


@pytest.mark.full  # without a cluster: tests/e2e/api/test_controller_churn.py
def test_a_minute_of_ledgers_writes_no_slice_and_a_change_of_class_at_most_two(
    cluster: ProvidedCluster, namespace: str, core_network: CoreNetwork, scaler_release: OwnRelease
) -> None:
    assert scaler_release.pods()
    pool = apply_churned_pool(cluster, namespace, core_network)
    quiet, whole = measure_quiet(cluster, pool, core_network, MINUTES)
    print(f"{MINUTES:g} minutes: {quiet}; with the fall before and the return after: {whole}")  # noqa: T201
    assert quiet.changes == 0
    assert quiet.ledgers >= 30 * MINUTES
    assert (quiet.slices, quiet.requests or 0) == ((), 0)
    assert 2 <= len(whole.slices) <= SLICES_EACH * whole.changes, whole
