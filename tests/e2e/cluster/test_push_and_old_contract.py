"""Three ways of asking, one result: external, external-push, and KEDA through a proxy of the contract without floats.

Each has a fleet of its own; all three suffer the same at the same time.
"""

from collections.abc import Mapping
from contextlib import ExitStack

from devtools.cluster.provided import ProvidedCluster
from devtools.cluster.waiting import wait_for
from tests.e2e.cluster.keda_view import KedaView
from tests.e2e.cluster.light_nodes import build_light_fleet, set_light_node
from tests.e2e.cluster.old_contract_proxy import build_proxy, build_proxy_address
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.replica_record import record_replicas
from tests.e2e.cluster.scaled_object import build_metadata, build_scaled_object

PULLED, PUSHED, OLD = "pulled", "pushed", "old"
START_SECONDS = 60.0
SCALED_SECONDS = 90.0
TARGET = 3
STREAMS = ("StreamIsActive", "StreamMetricSpec")


def start_fleet(cluster: ProvidedCluster, release: OwnRelease, namespace: str, name: str) -> KedaView:
    """Start a fleet like the others but for how KEDA asks for it."""
    scaled = build_scaled_object(
        name,
        build_metadata(name, target=TARGET, maximum=6, sustain_seconds=5),
        scaler_address=build_proxy_address(namespace) if name == OLD else release.address,
        trigger_type="external-push" if name == PUSHED else "external",
    )
    fleet = build_light_fleet(name, cluster.images.readpool, TARGET)
    cluster.access.apply(*fleet, scaled, namespace=namespace)
    return KedaView(cluster.access, namespace, name)


def start_proxy(cluster: ProvidedCluster, release: OwnRelease, namespace: str) -> None:
    """Start the proxy between KEDA and the release's scalers, and wait until it listens."""
    cluster.access.apply(*build_proxy(cluster.images.readpool, release.address), namespace=namespace)
    wait = ("wait", f"--namespace={namespace}", "pods", "--all", "--for=condition=Ready")
    cluster.access.kubectl(*wait, f"--timeout={START_SECONDS:.0f}s", timeout=START_SECONDS + 10)


def test_fleets_asked_for_by_pull_by_push_and_by_the_old_contract_take_the_same_steps(
    cluster: ProvidedCluster, namespace: str, scaler_release: OwnRelease
) -> None:
    none, one_each = dict.fromkeys(STREAMS, 0.0), dict.fromkeys(STREAMS, 1.0)
    wait_for("earlier streams to end", lambda: count_open_streams(scaler_release) == none, START_SECONDS)
    start_proxy(cluster, scaler_release, namespace)
    views = {name: start_fleet(cluster, scaler_release, namespace, name) for name in (PULLED, PUSHED, OLD)}
    for view in views.values():
        view.wait_until_ready(START_SECONDS)
    with ExitStack() as stack:
        records = {name: stack.enter_context(record_replicas(cluster.access, namespace, name)) for name in views}
        set_lag_of_first(views, 100)
        for view in views.values():
            view.wait_for_replicas(TARGET + 1, SCALED_SECONDS)
        assert {name: view.metric() for name, view in views.items()} == dict.fromkeys(views, TARGET + 1.0)
        set_lag_of_first(views, 0)
        for view in views.values():
            view.wait_for_replicas(TARGET, SCALED_SECONDS)
    steps = {name: record.values for name, record in records.items()}
    assert steps == {name: [TARGET, TARGET + 1, TARGET] for name in views}

    # A pushed ScaledObject holds both streams open until it is deleted.
    wait_for("one of each stream", lambda: count_open_streams(scaler_release) == one_each, START_SECONDS)
    cluster.access.delete("scaledobject", PUSHED, namespace)
    wait_for("each of its streams to end", lambda: count_open_streams(scaler_release) == none, START_SECONDS)


def set_lag_of_first(views: Mapping[str, KedaView], lag_ledgers: int) -> None:
    """Set the lag of the first node of each fleet."""
    for name, view in views.items():
        set_light_node(view.access, view.namespace, f"{name}-0", {"lag_ledgers": lag_ledgers})


def count_open_streams(release: OwnRelease) -> dict[str, float]:
    """Count the streams that are open, by method, over all scalers."""
    in_flight = [release.fetch_series(pod, "readpool_grpc_in_flight_requests") for pod in release.pods()]
    return {
        name: sum(value for series in in_flight for labels, value in series.items() if f'"{name}"' in labels)
        for name in STREAMS
    }
