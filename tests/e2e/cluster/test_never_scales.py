"""Whatever goes wrong, the number of replicas is the same before, during and after, and it is said why."""

import time
from collections.abc import Callable
from functools import partial

import pytest

from devtools.cluster.provided import ProvidedCluster
from devtools.cluster.waiting import wait_for
from devtools.strictness import skip_where_impossible
from tests.e2e.cluster.core_network import CORE, CoreNetwork, build_watchers
from tests.e2e.cluster.never_scaling import (
    Fault,
    Stage,
    cut_scalers_off,
    delete_scaler,
    halt_network,
    let_a_stranger_and_a_liar_join,
    stop_all_replicas,
    take_dns_down,
)
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.scaled_fleet import HPA_SYNC_SECONDS, scale_fleet
from tests.e2e.cluster.scaled_object import build_metadata
from tests.e2e.cluster.scaler_log import ScalerEvent
from tests.e2e.cluster.shared_release import POLL_SECONDS

TARGET = 3
LAG_THRESHOLD = 100
"""A minute and a half: what stands still for shorter has not lagged when it goes on."""
SAID_SECONDS = 150.0
"""A network is halted after a minute, and KEDA's call to a scaler that is cut off takes about as long to fail."""
OBSERVED_SECONDS = HPA_SYNC_SECONDS + 2 * POLL_SECONDS
"""The HPA looks once in it, at what is known by then."""

Says = Callable[[ScalerEvent], bool]


def decides_nothing_for(reason: str) -> Says:
    return lambda event: event.name == "desiredChanged" and event.fields["reason"] == reason


def calls_foreign(detail: str) -> Says:
    return lambda event: (
        event.name == "classChanged" and event.fields["current"] == "foreign" and detail in event.fields["detail"]
    )


@pytest.fixture(scope="module")
def stage(
    cluster: ProvidedCluster, module_namespace: str, core_network: CoreNetwork, scaler_release: OwnRelease
) -> Stage:
    cluster.access.apply(*build_watchers("core", core_network, TARGET), namespace=module_namespace)
    metadata = build_metadata("core", target=TARGET, maximum=8, lag_threshold=LAG_THRESHOLD)
    fleet = scale_fleet(scaler_release, module_namespace, "core", metadata)
    return Stage(cluster, fleet, core_network)


@pytest.mark.parametrize(
    ("fault", "needs", "says", "keda_says"),
    [
        pytest.param(
            halt_network, "stop_process", decides_nothing_for("NetworkHalted"), "NetworkHalted", id="network-halted"
        ),
        pytest.param(
            stop_all_replicas,
            "stop_process",
            decides_nothing_for("AllUnreachable"),
            "AllUnreachable",
            id="all-stopped",
            marks=pytest.mark.full,
        ),
        pytest.param(cut_scalers_off, "cut_network", None, "rpc error", id="scalers-cut-off"),
        pytest.param(delete_scaler, None, None, "rpc error", id="scaler-deleted", marks=pytest.mark.full),
    ],
)
def test_a_fleet_holds_while_there_is_no_ground_to_decide_on(
    stage: Stage, fault: Fault, needs: str | None, says: Says | None, keda_says: str
) -> None:
    if needs is not None and not stage.cluster.faults.is_able(needs):
        skip_where_impossible(f"{needs} on this cluster")
    stage.fleet.wait_until_steady(TARGET)
    began = time.time()
    with stage.fleet.record() as record:
        with fault(stage):
            if says is not None:
                stage.fleet.wait_for_event("desiredChanged", says, began, SAID_SECONDS)
            stage.fleet.wait_until_held(SAID_SECONDS)
            wait_for(
                f"KEDA to say {keda_says}",
                lambda: any(keda_says in words for words in stage.fleet.view.warnings()),
                SAID_SECONDS,
            )
            time.sleep(OBSERVED_SECONDS)  # that nothing happens shows in no condition
        stage.fleet.wait_until_steady(TARGET)
        time.sleep(OBSERVED_SECONDS)
    assert record.values == [TARGET]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        pytest.param(take_dns_down, (lambda event: event.name == "discoveryFailed",), id="dns-down"),
        pytest.param(
            let_a_stranger_and_a_liar_join,
            (calls_foreign("is on the network"), calls_foreign("which the network cannot have")),
            id="stranger-and-liar-join",
            marks=pytest.mark.full,
        ),
    ],
)
def test_a_fleet_goes_on_by_what_is_known(stage: Stage, fault: Fault, says: tuple[Says, ...]) -> None:
    stage.fleet.wait_until_steady(TARGET)
    began = time.time()
    with stage.fleet.record() as record:
        with fault(stage):
            scalers = set(stage.release.pods())

            def is_said_by_all(one: Says) -> bool:
                return {event.pod for event in stage.fleet.events(since=began) if one(event)} >= scalers

            for one in says:
                wait_for("each scaler to say why", partial(is_said_by_all, one), SAID_SECONDS)
            time.sleep(OBSERVED_SECONDS)  # that nothing happens shows in no condition
            assert stage.fleet.metric() == TARGET
            assert stage.fleet.view.hpa_condition("ScalingActive")["status"] == "True"
        stage.fleet.wait_until_steady(TARGET)
        time.sleep(OBSERVED_SECONDS)
    assert record.values == [TARGET]


@pytest.mark.full
def test_scalers_that_restart_while_one_replica_is_replaced_neither_add_nor_remove_any(stage: Stage) -> None:
    fleet, release = stage.fleet, stage.release
    fleet.wait_until_steady(TARGET)
    stopped = (fleet.namespace, fleet.pod(0), CORE)
    stage.cluster.faults.stop_process(*stopped)
    try:
        fleet.wait_until_steady(TARGET + 1, fresh=TARGET)
        before = set(release.pods())
        with fleet.record() as record:
            stage.cluster.access.kubectl("delete", "pods", *before, f"--namespace={release.namespace}")
            fleet.wait_until_steady(TARGET + 1, fresh=TARGET)
            time.sleep(OBSERVED_SECONDS)  # that nothing happens shows in no condition
        assert not before & set(release.pods())
        assert record.values == [TARGET + 1]
    finally:
        # Who has restarted knows of no warm-up here, and lets nobody go for five minutes: the fleet is not waited for.
        stage.cluster.faults.continue_process(*stopped)
