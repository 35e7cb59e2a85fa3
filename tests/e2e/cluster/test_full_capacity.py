"""Load that replicas cannot bear makes them lag once: the pool learns what one bears, and grows before the next time.

Real stellar-core follows ledgers full of payments on little CPU, and readers ask it for hundreds of entries at a time:
with each step of load less is left for the ledgers, until they come in faster than they are applied.

`make e2e-full` runs it, `make e2e` does not: it measures by load, and wants the machine to itself. What `make e2e` runs
in its place is test_pool_learned_capacity.
"""

import time
from collections.abc import Iterator

import pytest

from devtools.cluster.provided import ProvidedCluster
from scaler.policy.policy import SCALED_FOR_LOAD
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.ledger_traffic import fill_ledgers
from tests.e2e.cluster.needed_faults import require_faults
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.pool_router import PoolRouter, run_routed_pool
from tests.e2e.cluster.pool_story import Story
from tests.e2e.cluster.read_only_pool import CORE, build_pool
from tests.e2e.cluster.steady_readers import Asked, keep_reading

TARGET = 2
CORES = 0.09
"""What each of the first replicas has: enough for the ledgers, and for few readers besides."""
LAG_THRESHOLD = 10
"""Ledgers, which are seconds here: where the machine is slow for a moment, so little CPU is a few short by any load."""
SUSTAIN_SECONDS = 60
"""The default. The load is looked ahead by no less, though these newcomers are fresh within seconds."""
PAYING_ACCOUNTS = 5
ENTRIES = 900
"""About what a gate takes in one query."""
FIRST_RATE = 16.0
"""Requests/s for each replica, far from too many."""
RATE_STEP = 4.0
STEP_SECONDS = 40.0
SETTLED_SECONDS = 75.0
"""Of the first step: a replica that has been fresh for less than a minute teaches nothing."""
LEARNED_SECONDS = 600.0
RISE = (0.6, 0.7, 0.8, 0.9, 0.95)
"""How the load comes again, in shares of what a replica was seen to bear: in the end more than is planned for it."""
RISE_SECONDS = 30.0
"""Between two steps: requests are counted over a minute, and growth precedes no leap."""
TO_THE_TOP = (0.25, 0.5, 0.75, 1.0)
"""And then, once the pool has grown, in shares of the way from what was learned to what toppled them."""
GROWN_SECONDS = 240.0
BACK_SECONDS = 420.0
HELD_SECONDS = 45.0

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800, func_only=True)]


@pytest.fixture
def router(
    cluster: ProvidedCluster, namespace: str, core_network: CoreNetwork, scaler_release: OwnRelease
) -> Iterator[PoolRouter]:
    """Put routers before a pool whose first replicas have little CPU, and which may not grow yet."""
    manifest = build_pool(
        "core",
        core_network,
        minReplicas=TARGET,
        targetReplicas=TARGET,
        maxReplicas=TARGET,
        references=[core_network.reference],
        autoscaling={"sustainSeconds": SUSTAIN_SECONDS, "scaleDownStabilizationSeconds": 10},
        loadBalancing={"enabled": True, "lagThreshold": LAG_THRESHOLD, "updateIntervalSeconds": 5},
        resources={"requests": {"cpu": "100m", "memory": "40Mi"}, "limits": {"memory": "512Mi"}},
    )
    with run_routed_pool(cluster, scaler_release, namespace, manifest) as router:
        yield router


def test_a_pool_grows_before_the_load_that_toppled_it_topples_it_again(
    cluster: ProvidedCluster, router: PoolRouter, core_network: CoreNetwork, scaler_release: OwnRelease
) -> None:
    faults, pool = require_faults(cluster.faults, "limit_cpu"), router.pool
    with fill_ledgers(core_network, router.address, PAYING_ACCOUNTS):
        for ordinal in range(TARGET):
            faults.limit_cpu(pool.namespace, pool.pod(ordinal), CORE, CORES)
        first = Story(scaler_release, pool)
        with keep_reading(router.address, space_out(FIRST_RATE), entries=ENTRIES) as asked:
            too_many = raise_until_learned(router, asked)
        learned = float(pool.status()["learnedRequestsPerReplica"])
        toppled = {event.fields["replica"] for event in first.laggards()}
        tell(f"learned {learned:.2f} a replica when {too_many:.2f} toppled {sorted(toppled)}; {asked}")
        assert len(toppled) == TARGET
        assert pool.pool()["spec"]["replicas"] == TARGET

        pool.wait_until_fresh(TARGET, BACK_SECONDS)
        pool.wait_for("all scalers are calm", first.is_calm, BACK_SECONDS)
        pool.change({"maxReplicas": 3 * TARGET})
        again = Story(scaler_release, pool)
        with keep_reading(router.address, space_out(RISE[0] * learned), entries=ENTRIES) as asked:
            for share in RISE[1:]:
                time.sleep(RISE_SECONDS)
                asked.every_seconds = space_out(share * learned)
            pool.wait_for("it grows", lambda: pool.pool()["spec"]["replicas"] > TARGET, GROWN_SECONDS)
            grown = time.time()
            tell(f"had grown after {grown - again.since:.0f} s; lagged before: {again.laggards()}; {asked}")
            assert not again.laggards()
            assert SCALED_FOR_LOAD in {event.fields["reason"] for event in again.decisions()}
            pool.wait_for("the new one is fresh", lambda: pool.status()["freshReplicas"] > TARGET, BACK_SECONDS)
            for share in TO_THE_TOP:
                asked.every_seconds = space_out(learned + share * (too_many - learned))
                time.sleep(RISE_SECONDS)
            time.sleep(HELD_SECONDS)  # that nobody lags shows in no condition
        size = pool.pool()["spec"]["replicas"]
        tell(f"{too_many:.2f} a replica of before, held for {HELD_SECONDS:.0f} s, by {size}; {asked}")
        for one in sorted(again.decisions(), key=lambda event: event.at):
            tell(f"{one.fields['current']} after {one.at - again.since:.0f} s, {one.fields['reason']}, by {one.pod}")
        assert not again.laggards()
        assert not asked.failed()


def raise_until_learned(router: PoolRouter, asked: Asked) -> float:
    """Raise the load step by step until status says what a replica bears; return the largest load, for each replica.

    Where all have fallen behind and nothing was learned, as from one that went silent first, they may recover: who fell
    behind alone is remembered for ten minutes.

    Raises:
        TimeoutError: it has not been learned in time.
    """
    pool, rate, step_ends = router.pool, FIRST_RATE, time.monotonic() + SETTLED_SECONDS
    most, deadline = rate, time.monotonic() + LEARNED_SECONDS
    while "learnedRequestsPerReplica" not in (status := pool.status()):
        if time.monotonic() >= deadline:
            raise TimeoutError(f"nothing was learned at up to {most} requests/s a replica; status: {status}; {asked}")
        if time.monotonic() >= step_ends:
            is_over = status.get("freshReplicas") == 0
            rate = FIRST_RATE if is_over else rate + RATE_STEP
            step_ends = time.monotonic() + (SETTLED_SECONDS if is_over else STEP_SECONDS)
            most = max(most, rate)
            asked.every_seconds = space_out(rate)
            tell(f"{rate} a replica; {[one.get('lag') for one in status.get('replicaWeights') or ()]}; {asked}")
        time.sleep(1.0)
    return most


def space_out(rate: float) -> float:
    """Return the seconds between requests at a rate in requests/s for each of the first replicas."""
    return 1 / (TARGET * rate)


def tell(line: str) -> None:
    """Print figures, for whoever runs with -s."""
    print(line)  # noqa: T201
