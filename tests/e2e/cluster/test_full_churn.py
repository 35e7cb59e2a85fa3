"""Ten minutes of ledgers without a change of class write no EndpointSlice, then twenty changes write at most forty.

`make e2e-full` runs it, `make e2e` does not. READPOOL_FULL_MINUTES says how many minutes.
"""

import os

import pytest

from devtools.cluster.provided import ProvidedCluster
from tests.e2e.cluster.churned_pool import SLICES_EACH, apply_churned_pool, measure_changes, measure_quiet
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.read_only_pool import PoolView

MINUTES = float(os.environ.get("READPOOL_FULL_MINUTES", "10"))
CHANGES = 20
CHANGES_SECONDS = 30 * 60

pytestmark = [pytest.mark.full, pytest.mark.timeout(60 * MINUTES + CHANGES_SECONDS, func_only=True)]


@pytest.fixture(scope="module")
def pool(
    cluster: ProvidedCluster, module_namespace: str, core_network: CoreNetwork, scaler_release: OwnRelease
) -> PoolView:
    assert scaler_release.pods()
    return apply_churned_pool(cluster, module_namespace, core_network)


def test_ledgers_that_advance_for_long_without_a_change_of_class_write_no_slice(
    cluster: ProvidedCluster, pool: PoolView, core_network: CoreNetwork
) -> None:
    quiet, whole = measure_quiet(cluster, pool, core_network, MINUTES)
    print(f"{MINUTES:g} minutes: {quiet}; with the fall before and the return after: {whole}")  # noqa: T201
    assert quiet.changes == 0
    assert quiet.ledgers >= 30 * MINUTES
    assert (quiet.slices, quiet.requests or 0) == ((), 0)
    assert len(whole.slices) <= SLICES_EACH * whole.changes, whole


def test_twenty_changes_of_class_write_at_most_two_slices_each(
    cluster: ProvidedCluster, pool: PoolView, core_network: CoreNetwork
) -> None:
    churn = measure_changes(cluster, pool, core_network, CHANGES)
    print(f"{CHANGES} changes: {churn}")  # noqa: T201
    assert CHANGES <= len(churn.slices) <= SLICES_EACH * churn.changes, churn
