"""Three minutes of the soak: random faults and what users do, under readers. `make soak` runs a longer one."""

import pytest

from devtools.cluster.provided import ProvidedCluster
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.needed_faults import require_faults
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.pool_router import run_routed_pool
from tests.soak.__main__ import keep_report, say
from tests.soak.run import SETTLE_SECONDS, run_soak
from tests.soak.stage import NEEDED_FAULTS, Stage, build_soaked_pool

SEED = 6
"""Its three minutes have the gate off and on, a pause, another configuration and evictions."""
MINUTES = 3.0


@pytest.mark.timeout(60 * MINUTES + SETTLE_SECONDS + 420, func_only=True)
def test_a_pool_bears_three_minutes_of_random_faults(
    cluster: ProvidedCluster, namespace: str, core_network: CoreNetwork, scaler_release: OwnRelease
) -> None:
    require_faults(cluster.faults, *NEEDED_FAULTS)
    manifest = build_soaked_pool(core_network)
    with run_routed_pool(cluster, scaler_release, namespace, manifest) as router:
        verdict = run_soak(Stage(cluster, router, core_network, manifest), SEED, MINUTES, say)
    table = keep_report(verdict, SEED, MINUTES)
    print(table)  # noqa: T201 - figures for whoever runs with -s
    assert verdict.holds, table
