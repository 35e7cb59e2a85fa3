"""Odd clusters and networks, on light nodes: nothing runs away, no restart changes a size, and the log says why."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from devtools.cluster.provided import ProvidedCluster
from devtools.cluster.waiting import wait_for
from tests.e2e.cluster.light_node_program import FIRST_LEDGER, INFO_PORT, Settings
from tests.e2e.cluster.light_nodes import build_light_fleet, build_light_pod, set_light_node
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.scaled_fleet import HPA_SYNC_SECONDS, ScaledFleet, scale_fleet
from tests.e2e.cluster.scaled_object import build_metadata

NAME = "core"
TARGET, MAXIMUM = 3, 12
SAID_SECONDS = 150.0
OBSERVED_SECONDS = 3 * HPA_SYNC_SECONDS
RUNAWAY_SECONDS = 90.0
"""Far longer than a newcomer is waited for here, so that a scaler that asks for substitutes of substitutes would."""
RESET_LEDGER = 1000
NO_IMAGE = "readpool.invalid/light:no-such-image"


def start(
    cluster: ProvidedCluster,
    release: OwnRelease,
    namespace: str,
    replicas: int = TARGET,
    service: Mapping[str, Any] | None = None,
    **keys: str,
) -> ScaledFleet:
    """Start light nodes that KEDA scales; `service` goes over the spec of their Service, `keys` over the trigger."""
    manifests = build_light_fleet(NAME, cluster.images.readpool, replicas)
    for manifest in manifests:
        if manifest["kind"] == "Service":
            manifest["spec"] |= dict(service or {})
    cluster.access.apply(*manifests, namespace=namespace)
    metadata = build_metadata(NAME, target=TARGET, maximum=MAXIMUM, sustain_seconds=5) | keys
    return scale_fleet(release, namespace, NAME, metadata)


def set_nodes(fleet: ScaledFleet, ordinals: Iterable[int], values: Settings) -> None:
    for ordinal in ordinals:
        set_light_node(fleet.view.access, fleet.namespace, fleet.pod(ordinal), values)


def restart_scalers(release: OwnRelease) -> None:
    """End all scalers at once, and wait until others are ready."""
    where, before = f"--namespace={release.namespace}", release.pods()
    release.access.kubectl("delete", "pods", *before, where)
    release.access.kubectl("rollout", "status", "deployment/readpool-scaler", where, "--timeout=90s", timeout=100)
    assert not set(before) & set(release.pods())


def wait_for_warning(fleet: ScaledFleet, sentence: str) -> None:
    wait_for(
        f"KEDA to say {sentence!r}",
        lambda: any(sentence in words for words in fleet.view.warnings()),
        SAID_SECONDS,
    )


def test_a_stateful_set_at_0_comes_up(cluster: ProvidedCluster, namespace: str, scaler_release: OwnRelease) -> None:
    fleet = start(cluster, scaler_release, namespace, replicas=0)
    with fleet.record() as record:
        fleet.wait_until_steady(TARGET)
    assert record.values == sorted(record.values), "KEDA goes from 0 to 1 by itself"
    assert (record.values[0], record.values[-1]) == (0, TARGET)


def test_a_service_that_is_not_headless_is_said_in_kedas_event_and_scales_nothing(
    cluster: ProvidedCluster, namespace: str, scaler_release: OwnRelease
) -> None:
    fleet = start(cluster, scaler_release, namespace, service={"clusterIP": ""})
    with fleet.record() as record:
        wait_for_warning(fleet, f"Service {namespace}/{NAME} is not headless")
        fleet.wait_until_held(SAID_SECONDS)
        condition = fleet.view.condition("Ready")
    assert record.values == [TARGET], condition


@pytest.mark.full
def test_newcomers_whose_image_cannot_be_pulled_are_no_ground_for_more(
    cluster: ProvidedCluster, namespace: str, scaler_release: OwnRelease
) -> None:
    fleet = start(cluster, scaler_release, namespace)
    fleet.wait_until_steady(TARGET)
    patch = f'[{{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"{NO_IMAGE}"}}]'
    kept = '{"spec":{"updateStrategy":{"type":"OnDelete","rollingUpdate":null}}}'
    for kind, change in (("merge", kept), ("json", patch)):
        what = ("statefulset", NAME, f"--namespace={namespace}", f"--type={kind}", f"--patch={change}")
        cluster.access.kubectl("patch", *what)
    with fleet.record() as record:
        set_nodes(fleet, [0], {"lag_ledgers": 100})
        fleet.wait_for_replicas(TARGET + 1, SAID_SECONDS)
        time.sleep(RUNAWAY_SECONDS)  # that nothing happens shows in no condition
        waiting = (cluster.access.get("pod", fleet.pod(TARGET), namespace) or {})["status"]["containerStatuses"][0]
        assert waiting["state"]["waiting"]["reason"] in {"ErrImagePull", "ImagePullBackOff"}
        set_nodes(fleet, [0], {"lag_ledgers": 0})
        fleet.wait_for_replicas(TARGET, SAID_SECONDS)
    assert record.values == [TARGET, TARGET + 1, TARGET]


@pytest.mark.full
def test_scalers_restarted_in_a_halt_change_no_size(
    cluster: ProvidedCluster, namespace: str, scaler_release: OwnRelease
) -> None:
    fleet = start(cluster, scaler_release, namespace)
    fleet.wait_until_steady(TARGET)
    with fleet.record() as record:
        set_nodes(fleet, range(TARGET), {"frozen_at": int(time.time())})
        wait_for_warning(fleet, "NetworkHalted")
        restart_scalers(scaler_release)
        time.sleep(RUNAWAY_SECONDS)  # that nothing happens shows in no condition
        set_nodes(fleet, range(TARGET), {"frozen_at": None})
        fleet.wait_until_steady(TARGET)
        time.sleep(OBSERVED_SECONDS)
    assert record.values == [TARGET]


@pytest.mark.full
def test_a_network_that_is_reset_to_lower_ledgers_is_recognised_and_said_and_scales_nothing(
    cluster: ProvidedCluster, namespace: str, scaler_release: OwnRelease
) -> None:
    fleet = start(cluster, scaler_release, namespace)
    fleet.wait_until_steady(TARGET)
    began, offset = time.time(), FIRST_LEDGER + int(time.time()) - RESET_LEDGER
    with fleet.record() as record:
        set_nodes(fleet, range(TARGET), {"behind_numbers": offset})
        event = fleet.wait_for_event("networkReset", lambda _: True, began, SAID_SECONDS)
        wait_for_warning(fleet, "The network was reset from ledger")
        fleet.wait_until_steady(TARGET)
        time.sleep(OBSERVED_SECONDS)
    assert event.fields["current"] < 2 * RESET_LEDGER < event.fields["previous"]
    assert record.values == [TARGET]


@pytest.mark.full
def test_a_reference_that_stops_is_said_and_changes_nothing(
    cluster: ProvidedCluster, namespace: str, scaler_release: OwnRelease
) -> None:
    access = cluster.access
    access.apply(*build_light_pod("reference", cluster.images.readpool, {"app": "reference"}, {}), namespace=namespace)
    access.kubectl("wait", "pod/reference", f"--namespace={namespace}", "--for=condition=Ready", "--timeout=60s")
    address = (access.get("pod", "reference", namespace) or {})["status"]["podIP"]
    fleet = start(cluster, scaler_release, namespace, references=f"core=http://{address}:{INFO_PORT}")
    fleet.wait_until_steady(TARGET)
    began = time.time()
    with fleet.record() as record:
        set_light_node(access, namespace, "reference", {"frozen_at": int(began)})
        ignored = fleet.wait_for_event("referenceIgnored", lambda _: True, began, SAID_SECONDS)
        time.sleep(OBSERVED_SECONDS)
        fleet.wait_until_steady(TARGET)
        set_nodes(fleet, [0], {"lag_ledgers": 100})  # and what lags is seen all the same
        fleet.wait_for_replicas(TARGET + 1, SAID_SECONDS)
        set_nodes(fleet, [0], {"lag_ledgers": 0})
        fleet.wait_for_replicas(TARGET, SAID_SECONDS)
    assert ignored.fields["reason"] in {"Stopped", "Behind"}
    assert record.values == [TARGET, TARGET + 1, TARGET]
