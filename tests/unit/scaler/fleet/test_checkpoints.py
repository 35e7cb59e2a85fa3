"""Which checkpoint several vouch for: told by nodes, agreed upon, told on, and written where replicas start."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.observed.observed import CheckpointView, ObservedPool
from controller.observer.fleet_view import parse_fleet_view
from controller.plan.plan import plan_pool
from controller.reconcile.lanes import list_needs
from controller.resources.checkpoint import build_checkpoint
from readpool.kubernetes.kinds import CONFIG_MAP, STATEFUL_SET, ObjectKey, key_of, kind_of
from readpool.v1 import observer_pb2
from scaler.fleet.checkpoints import KEPT, Told, find_vouched, note_told
from scaler.probes.core import parse_core
from scaler.probes.kinds import ProbeKind
from scaler.probes.report import ClosedLedger, NodeReport
from scaler.services.snapshot_message import build_snapshot_message
from scaler.triggers.fleet_spec import Reference
from tests.unit.observed_pools import FRESH, LAGGING, NOW, SETTINGS, build_fleet, build_pool, index, observe
from tests.unit.staged_fleet import FIRST_LEDGER, LEDGER_SECONDS, START, StagedFleet, StagedNetwork

A, B = "a" * 64, "b" * 64
NETWORK = StagedNetwork()
AGREED = CheckpointView(55_000_063, A, 1_699_999_900)
LATER = replace(AGREED, ledger=AGREED.ledger + 64)


def closed(ledger: int, ledger_hash: str = A, closed_at: int = 1_700_000_000) -> ClosedLedger:
    return ClosedLedger(ledger, ledger_hash, closed_at)


@pytest.mark.parametrize(
    ("told", "vouched"),
    [
        pytest.param([[closed(63)], [closed(63)]], closed(63), id="two tell it alike"),
        pytest.param([[closed(63)]], None, id="one alone"),
        pytest.param([], None, id="nobody"),
        pytest.param([[closed(63)], [closed(63)], [closed(63, B)]], None, id="one of three tells another hash"),
        pytest.param([[closed(63)], [closed(63, closed_at=7)]], None, id="another close time"),
        pytest.param([[closed(127), closed(63)], [closed(63)]], closed(63), id="one is ahead"),
        pytest.param([[closed(127), closed(63)]] * 2, closed(127), id="the newest counts"),
        pytest.param([[closed(127, B), closed(63)], [closed(127), closed(63)]], closed(63), id="the newest differs"),
    ],
)
def test_a_checkpoint_counts_when_several_tell_it_alike(told: list[list[ClosedLedger]], vouched: ClosedLedger) -> None:
    assert find_vouched(map(tuple, told)) == vouched


@given(st.lists(st.lists(st.builds(closed, st.sampled_from([63, 127]), st.sampled_from([A, B])), max_size=3)))
def test_what_anybody_contradicts_is_never_vouched_for(told: list[list[ClosedLedger]]) -> None:
    vouched = find_vouched(map(tuple, told))
    same = [one for some in told for one in some if vouched and one.ledger == vouched.ledger]
    assert vouched is None or (len(same) > 1 and set(same) == {vouched})


def test_only_the_newest_last_ledgers_of_checkpoints_are_remembered() -> None:
    told: Told = ()
    for ledger in range(1, 1000):
        told = note_told(told, closed(ledger))
    assert [one.ledger for one in told] == [959, 895]
    assert len(told) == KEPT
    assert note_told(told, None) is told
    assert note_told(told, told[0]) is told


def test_a_network_that_begins_anew_is_remembered_anew() -> None:
    assert note_told((closed(959), closed(895)), closed(63, B)) == (closed(63, B),)


@pytest.mark.parametrize(
    ("told", "read"),
    [
        pytest.param(f'"hash": "{A}", "closeTime": 1700000000', closed(63), id="as Core writes it"),
        pytest.param('"closeTime": 1700000000', None, id="no hash"),
        pytest.param(f'"hash": "{A[:-1]}", "closeTime": 1700000000', None, id="a short one"),
        pytest.param(f'"hash": "{A.upper()}", "closeTime": 1700000000', None, id="capitals"),
        pytest.param(f'"hash": "{A[:-1]}\\n", "closeTime": 1700000000', None, id="a line's end"),
        pytest.param(f'"hash": ["{A}"], "closeTime": 1700000000', None, id="a list"),
        pytest.param(f'"hash": "{A}", "closeTime": 0', None, id="not closed yet"),
        pytest.param(f'"hash": "{A}", "closeTime": 99999999999', None, id="a time of too many digits"),
        pytest.param(f'"hash": "{A}", "closeTime": 1.5', None, id="half a second"),
    ],
)
def test_a_node_tells_its_ledgers_hash(told: str, read: ClosedLedger | None) -> None:
    body = f'{{"info": {{"network": "N", "state": "Synced!", "ledger": {{"num": 63, "age": 1, {told}}}}}}}'
    assert parse_core(body.encode()).closed == read


def test_a_node_that_is_not_in_sync_tells_none() -> None:
    ledger = f'"ledger": {{"num": 63, "age": 1, "hash": "{A}", "closeTime": 9}}'
    body = f'{{"info": {{"network": "N", "state": "Catching up", {ledger}}}}}'
    assert parse_core(body.encode()).closed is None


def telling(now: float) -> NodeReport:
    report = NETWORK.in_step(now)
    closed_at = int(START + (report.ledger - FIRST_LEDGER) * LEDGER_SECONDS)
    return replace(report, closed=ClosedLedger(report.ledger, f"{report.ledger:064x}", closed_at))


def lying(now: float) -> NodeReport:
    report = telling(now)
    assert report.closed is not None
    return replace(report, closed=replace(report.closed, ledger_hash=B))


def test_fresh_replicas_vouch_for_what_they_have_closed() -> None:
    stage = StagedFleet(telling, telling, telling)
    stage.play(600)
    found = stage.fleet.advance(stage.now).checkpoint
    assert found is not None
    assert (found.ledger + 1) % 64 == 0
    assert found.ledger_hash == f"{found.ledger:064x}"
    assert NETWORK.tell(stage.now)[0] - found.ledger < 64


def test_a_replica_that_lies_keeps_its_pool_from_trusting_anything() -> None:
    stage = StagedFleet(telling, telling, lying)
    stage.play(600)
    assert stage.fleet.advance(stage.now).checkpoint is None


def test_laggards_vouch_for_nothing() -> None:
    def lagging(now: float) -> NodeReport:
        return replace(telling(now - 3600), uptime_seconds=86_400.0)

    stage = StagedFleet(NETWORK.in_step, NETWORK.in_step, NETWORK.in_step, lagging, lagging)
    stage.play(600)
    assert stage.fleet.advance(stage.now).checkpoint is None


def test_a_reference_and_one_fresh_replica_are_several() -> None:
    stage = StagedFleet(telling)
    reference = Reference(ProbeKind.CORE, "https://core.example.com")
    stage.references[reference] = telling
    stage.play(600)
    assert stage.fleet.advance(stage.now).checkpoint is not None


def message(**fields: Any) -> observer_pb2.Snapshot:
    told: dict[str, Any] = {"ledger": 127, "hash": A, "closed_at": 1_700_000_000} | fields
    return observer_pb2.Snapshot(checkpoint=observer_pb2.Checkpoint(**told))


def test_it_is_told_on() -> None:
    stage = StagedFleet(telling, telling)
    stage.play(600)
    snapshot = stage.fleet.advance(stage.now)
    assert snapshot.checkpoint is not None
    read = parse_fleet_view(build_snapshot_message(snapshot)).checkpoint
    assert read is not None
    assert (read.ledger, read.ledger_hash) == (snapshot.checkpoint.ledger, snapshot.checkpoint.ledger_hash)
    assert parse_fleet_view(observer_pb2.Snapshot()).checkpoint is None


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"hash": "$(reboot)"}, id="a command"),
        pytest.param({"hash": f"{A}\n"}, id="a line more"),
        pytest.param({"hash": A.upper()}, id="capitals"),
        pytest.param({"hash": ""}, id="no hash"),
        pytest.param({"ledger": 128}, id="no last ledger of a checkpoint"),
        pytest.param({"ledger": 0}, id="none"),
        pytest.param({"ledger": 2**64 - 1}, id="beyond all"),
        pytest.param({"closed_at": 0}, id="not closed"),
        pytest.param({"closed_at": 10**10}, id="a time of too many digits"),
    ],
)
def test_what_is_not_written_as_a_checkpoint_reaches_no_replica(fields: dict[str, object]) -> None:
    assert parse_fleet_view(message()).checkpoint is not None
    assert parse_fleet_view(message(**fields)).checkpoint is None


def observe_agreed(checkpoint: CheckpointView | None = AGREED) -> ObservedPool:
    pool = build_pool(replicas=3)
    return observe(pool, FRESH, FRESH, FRESH, fleet=build_fleet(pool, FRESH, FRESH, FRESH, checkpoint=checkpoint))


KEY = ObjectKey(CONFIG_MAP, observe_agreed().pool.namespace, "pool-checkpoint")


def test_replicas_find_it_in_a_config_map_of_its_own() -> None:
    written = index(plan_pool(observe_agreed(), SETTINGS, NOW).apply)
    assert written[KEY]["data"] == {"checkpoint": f"55000063 {A} 1699999900\n"}
    assert KEY not in index(plan_pool(observe_agreed(None), SETTINGS, NOW).apply)


def test_a_new_checkpoint_restarts_nobody_and_changes_nothing_else() -> None:
    observed = observe_agreed()
    settled = replace(observed, children=index(plan_pool(observed, SETTINGS, NOW).apply))
    settled = replace(settled, fleet=build_fleet(observed.pool, FRESH, FRESH, LAGGING, checkpoint=AGREED))
    later = build_fleet(observed.pool, FRESH, FRESH, LAGGING, checkpoint=LATER)
    before, after = plan_pool(settled, SETTINGS, NOW), plan_pool(replace(settled, fleet=later), SETTINGS, NOW)
    assert set(index(after.apply)) - set(index(before.apply)) == {KEY}
    assert (after.is_rolled_out, after.delete, after.pod_patches) == (before.is_rolled_out, (), before.pod_patches)
    assert after.status["conditions"] == before.status["conditions"]


@pytest.mark.parametrize(
    ("classes", "pods", "is_due"),
    [
        pytest.param((FRESH, FRESH, FRESH), 3, False, id="all are fresh"),
        pytest.param((FRESH, FRESH, LAGGING), 3, True, id="one lags"),
        pytest.param((FRESH, FRESH), 3, True, id="one has not been heard"),
        pytest.param((FRESH, FRESH, FRESH), 2, True, id="one is to be made"),
    ],
)
def test_it_is_written_while_somebody_may_start_with_it(classes: Any, pods: int, is_due: bool) -> None:
    observed = observe_agreed()
    settled = replace(observed, children=index(plan_pool(observed, SETTINGS, NOW).apply), pods=observed.pods[:pods])
    fleet = build_fleet(observed.pool, *classes, checkpoint=LATER)
    assert (KEY in index(plan_pool(replace(settled, fleet=fleet), SETTINGS, NOW).apply)) is is_due


def test_while_none_is_known_the_last_one_stays() -> None:
    observed = observe_agreed()
    settled = replace(observed, children=index(plan_pool(observed, SETTINGS, NOW).apply))
    silent = replace(settled, fleet=build_fleet(observed.pool, FRESH, FRESH, FRESH))
    assert KEY not in plan_pool(silent, SETTINGS, NOW).delete


def test_replicas_are_made_whether_it_can_be_written_or_not() -> None:
    refused = replace(observe_agreed(), refused={KEY: "quota"})
    plan = plan_pool(refused, SETTINGS, NOW)
    stateful_set = next(one for one in plan.apply if kind_of(one) == STATEFUL_SET)
    needs = list_needs(key_of(STATEFUL_SET, stateful_set), plan, refused, is_guarded=True)
    assert ObjectKey(CONFIG_MAP, refused.pool.namespace, "pool-config") in needs
    assert KEY not in needs


def test_the_config_map_goes_with_its_pool() -> None:
    manifest = build_checkpoint(build_pool(), AGREED)
    assert manifest["metadata"]["ownerReferences"][0]["controller"] is True
