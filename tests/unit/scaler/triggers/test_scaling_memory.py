"""What a scaler remembers on its whole way: into the Observer's words, into a pool's status, and back to a scaler."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from controller.observer.fleet_view import parse_fleet_view
from devtools.pools.pool_manifests import build_manifest
from readpool.pool.status import PoolStatus, dump_status
from scaler.fleet.snapshot import FleetSnapshot
from scaler.policy.policy import Bounds, Decision
from scaler.policy.remembered import Remembered
from scaler.services.snapshot_message import build_snapshot_message
from scaler.triggers.fleet_spec import build_pool_target
from scaler.triggers.pool_fleet import ReferenceRules, derive_fleet

NOW = 1_800_000_000
TIMES = st.integers(NOW - 10**6, NOW).map(float)
SOME = st.none() | TIMES
REMEMBERED = st.builds(
    Remembered,
    reported_at=TIMES,
    asked=st.integers(1, 5000),
    network=st.none() | st.sampled_from(["Test SDF Network ; September 2015", "N" * 200]),
    surplus_since=SOME,
    surplus_peak=st.integers(0, 5000),
    premature_scale_ins=st.integers(0, 32),
    scaled_in_at=SOME,
    overloaded_at=SOME,
    warm_up_seconds=st.none() | st.integers(10, 864_000).map(lambda tenths: tenths / 10),
    warm_ups=st.integers(0, 32),
    average_unhealthy=st.integers(0, 10_000).map(lambda hundredths: hundredths / 100),
    request_rate_known=st.booleans(),
)


@given(REMEMBERED)
def test_all_that_is_remembered_comes_back_by_the_pools_status(remembered: Remembered) -> None:
    snapshot = FleetSnapshot(
        "stellar/reads", "stellar", 1, float(NOW), remembered.network, None, (), Decision(5, "OnTarget", "so"),
        Bounds(3, 5, 20), 12, Counter(), remembered=remembered,
    )  # fmt: skip
    told = parse_fleet_view(build_snapshot_message(snapshot)).scaling_memory
    status = dump_status(PoolStatus(scaling_memory=told))
    manifest = build_manifest("reads", "stellar") | {"status": status}
    spec = derive_fleet(build_pool_target("stellar", "reads"), manifest, ReferenceRules())
    assert spec.remembered == remembered


def test_a_memory_that_is_not_understood_is_forgotten_and_nothing_else() -> None:
    """As an earlier version wrote it."""
    memory = {"toldAt": "2027-01-15T08:00:00Z", "askedReplicas": 7, "regrets": 2}
    manifest = build_manifest("reads", "stellar") | {
        "status": {"learnedRequestsPerReplica": 300.0, "scalingMemory": memory}
    }
    spec = derive_fleet(build_pool_target("stellar", "reads"), manifest, ReferenceRules())
    assert spec.remembered is None
    assert spec.learned_requests_per_replica == 300.0
    assert not spec.hold_reason
