"""Two clusters that follow one network: the same lag in both, each of a size of its own, and readers that go over."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from devtools.api.failover import measure_failover
from devtools.api.two_clusters import LAG_THRESHOLD, REPLICAS, TwoClusters, set_two_clusters
from devtools.envoy.envoy_binary import EnvoyMissingError
from devtools.machine.needs import UnmetNeedError
from devtools.strictness import skip_or_fail
from readpool.v1.observer_pb2 import Snapshot

pytestmark = pytest.mark.timeout(300)
MOST_GAP_SECONDS = 10.0
"""Without a fresh answer; a second or two where nothing else takes the machine's time."""


@pytest_asyncio.fixture
async def clusters(tmp_path: Path) -> AsyncIterator[TwoClusters]:
    async with contextlib.AsyncExitStack() as stack:
        try:
            staged = await stack.enter_async_context(set_two_clusters(tmp_path))
        except (UnmetNeedError, EnvoyMissingError) as error:
            skip_or_fail(str(error))
        yield staged


async def test_readers_go_to_the_other_cluster_while_no_replica_is_fresh_here_and_come_back(
    clusters: TwoClusters,
) -> None:
    check_lags(await clusters.here.read_snapshot(), await clusters.there.read_snapshot())
    failover = await measure_failover(clusters)
    print(failover)  # noqa: T201 - figures for whoever runs with -s
    assert failover.failures == []
    assert failover.gap_seconds < MOST_GAP_SECONDS
    here, there = failover.wanted
    assert here is not None
    assert here > REPLICAS
    assert there == REPLICAS
    check_lags(await clusters.here.read_snapshot(), await clusters.there.read_snapshot())


def check_lags(one: Snapshot, other: Snapshot) -> None:
    """Check that both scalers measure by the same ledger, whatever their own replicas have."""
    assert abs(one.tip.ledger - other.tip.ledger) <= LAG_THRESHOLD  # they were not asked at the same moment
    for snapshot in (one, other):
        assert len(snapshot.replicas) == REPLICAS
        assert all(abs(snapshot.tip.ledger - one.ledger - one.lag) <= LAG_THRESHOLD for one in snapshot.replicas)
