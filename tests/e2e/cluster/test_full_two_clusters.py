"""Two whole clusters with one network: each pool is scaled by its own KEDA, and readers go to the other one and back.

The validator is a pod of the second cluster, and both pools' reference. An Envoy beside the first pool knows both.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import pytest

from devtools.cluster.access import Access
from devtools.cluster.addresses import Addresses
from devtools.cluster.links import ClusterLink, link_clusters
from devtools.cluster.provided import ProvidedCluster, provide_cluster
from devtools.cluster.waiting import wait_for
from devtools.envoy.envoy_binary import require_envoy
from devtools.machine.needs import UnmetNeedError
from devtools.strictness import skip_or_fail, skip_where_impossible
from tests.e2e.cluster.conftest import tell
from tests.e2e.cluster.core_configuration import HISTORY_PORT, PEER_PORT
from tests.e2e.cluster.core_network import VALIDATOR, CoreNetwork, Manifest, start_core_network
from tests.e2e.cluster.own_release import install_own_release
from tests.e2e.cluster.read_only_pool import LAG_THRESHOLD, PoolView, apply_pool, build_pool
from tests.e2e.cluster.reading_envoy import ReadingEnvoy, run_reading_envoy
from tests.e2e.cluster.shared_release import NAMESPACE as RELEASE_NAMESPACE
from tests.e2e.cluster.shared_release import POLL_SECONDS
from tests.e2e.cluster.stale_answers import collect_newest
from tests.e2e.cluster.steady_readers import Request, fail_on, keep_reading

NAMESPACE, POOL, TARGET = "two-clusters", "core", 2
READ_PORT = 11628
OF_THE_NETWORK = (PEER_PORT, HISTORY_PORT)
"""What replicas hear of the network by; references are asked at another port."""
SURGE = 1
"""So many may catch up at once: no more come while newcomers hear nothing of the network either."""
STEADY_REQUESTS = 40
"""So many of one cluster in a row mean that readers have moved there."""
MOVED_SECONDS = 120.0
MOST_GAP_SECONDS = 30.0
"""Without a fresh answer; a poll or two where nothing else takes the machine's time."""

pytestmark = [pytest.mark.full, pytest.mark.timeout(600, func_only=True)]


@dataclass(frozen=True, slots=True)
class Both:
    """The pools of both clusters, what connects these, and the Envoy beside the first."""

    here: PoolView
    there: PoolView
    link: ClusterLink
    envoy: ReadingEnvoy


@pytest.fixture(scope="module")
def clusters() -> Iterator[tuple[ProvidedCluster, ProvidedCluster]]:
    """Provide two clusters of ours with addresses of their own."""
    with ExitStack() as stack:
        try:
            here, there = (stack.enter_context(provide_cluster(tell, Addresses(place=place))) for place in (1, 2))
        except UnmetNeedError as error:
            skip_or_fail(str(error))
        if not (here.is_ours and there.is_ours):
            skip_where_impossible("connect the networks of clusters that are there")
        yield here, there


@pytest.fixture(scope="module")
def both(clusters: tuple[ProvidedCluster, ProvidedCluster]) -> Iterator[Both]:
    """Run a pool in each cluster that follows the one validator, fresh in both, and the Envoy beside the first."""
    here, there = clusters
    assert here.instance is not None
    assert there.instance is not None
    assert there.images.core is not None
    if here.images.gate is None:
        require_envoy()
    with link_clusters(here.instance, there.instance) as link:
        for one in clusters:
            install_alone(one)
            one.access.apply(build_namespace(NAMESPACE))
        network = start_core_network(there.access, NAMESPACE, there.images.core, there.images.readpool)
        here.access.apply(*build_way_to(there.access, network), namespace=NAMESPACE)
        sizes = {"minReplicas": 1, "targetReplicas": TARGET, "maxReplicas": TARGET + 2}
        scaling = {"sustainSeconds": 5, "scaleDownStabilizationSeconds": 10}
        manifest = build_pool(POOL, network, references=[network.reference], autoscaling=scaling, **sizes)
        views = [apply_pool(one.access, NAMESPACE, manifest) for one in clusters]
        for view in views:
            view.wait_until_fresh(TARGET)
            wait_for(f"KEDA of {view.access.kubeconfig}", partial(is_scaled, view), 60)
        discovery = there.access.get("service", "readpool-controller-eds", RELEASE_NAMESPACE)
        assert discovery is not None
        address = discovery["spec"]["clusterIP"]
        with run_reading_envoy(here.access, NAMESPACE, str(here.images.gate), POOL, address) as envoy:
            yield Both(views[0], views[1], link, envoy)


def test_readers_go_to_the_other_cluster_and_come_back_and_each_keda_scales_its_own_pool(both: Both) -> None:
    here, there, ports = both.here, both.there, OF_THE_NETWORK
    check_tips(here, there)
    with (
        there.access.port_forward(NAMESPACE, f"service/{POOL}", READ_PORT) as beside,
        keep_reading(beside, every_seconds=0.1) as witness,
        keep_reading(both.envoy.address) as asked,
    ):
        wait_for_readers(both.envoy, 0)
        cut_at = time.monotonic()
        both.link.cut(ports)
        try:
            away = wait_for_readers(both.envoy, 1) - cut_at
            here.keda.wait_for_replicas(TARGET + SURGE, MOVED_SECONDS)
            assert there.keda.spec_replicas() == TARGET
            assert here.condition("Fresh")["status"] == "False"
            check_tips(here, there)
            lags = [here.replica(here.pod(ordinal))["lag"] for ordinal in range(TARGET)]
            assert min(lags) >= LAG_THRESHOLD, "they are measured against what the reference has"
        finally:
            both.link.mend(ports)
        mended_at = time.monotonic()
        back = wait_for_readers(both.envoy, 0) - mended_at
        here.wait_for("all are fresh again", lambda: here.condition("Fresh").get("status") == "True")
        assert there.keda.spec_replicas() == TARGET
    newest = collect_newest([*asked.requests, *witness.requests])
    fresh = [one for one in asked.requests if one.ledger and newest.before(one.sent_at) - one.ledger < LAG_THRESHOLD]
    gap = find_gap(fresh, cut_at)
    print(f"over after {away:.1f} s, back after {back:.1f} s, {gap:.2f} s without a fresh read; {asked}")  # noqa: T201
    fail_on(asked.failed(), asked)
    assert gap < MOST_GAP_SECONDS


def install_alone(cluster: ProvidedCluster) -> None:
    """Install what a cluster needs, one pod of each: two clusters share the machine."""
    cluster.access.apply(build_namespace(RELEASE_NAMESPACE))
    small = {"replicas": 1, "resources": {"requests": {"cpu": "10m"}}}
    install_own_release(
        cluster.access,
        RELEASE_NAMESPACE,
        cluster.images.readpool,
        {**small, "pollInterval": POLL_SECONDS, "allowStaticNodes": True},
        controller={**small, "eds": {"enabled": True}},
        crds={"install": True},
        gate={"image": cluster.images.gate},
    )


def build_namespace(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def is_scaled(view: PoolView) -> bool:
    return str(view.condition("Autoscaling").get("reason")) == "ScaledByKeda"


def build_way_to(there: Access, network: CoreNetwork) -> tuple[Manifest, Manifest]:
    """Build a Service of the validator's name in the cluster where it is not, which leads to its pod."""
    pod = there.get("pod", network.validator_pod, NAMESPACE)
    assert pod is not None
    ports = [{"name": "peer", "port": PEER_PORT}]
    service: Manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": VALIDATOR},
        "spec": {"clusterIP": "None", "ports": ports},
    }
    endpoints: Manifest = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": VALIDATOR, "labels": {"kubernetes.io/service-name": VALIDATOR}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [pod["status"]["podIP"]], "conditions": {"ready": True}}],
        "ports": ports,
    }
    return service, endpoints


def check_tips(here: PoolView, there: PoolView) -> None:
    """Check that both measure by the same ledger, whatever their own replicas have."""

    def are_near() -> bool:
        tips = [int(view.status().get("networkLatestLedger", 0)) for view in (here, there)]
        return min(tips) > 0 and abs(tips[0] - tips[1]) <= LAG_THRESHOLD  # told at different moments

    here.wait_for("both know the same tip", are_near, 30)


def wait_for_readers(envoy: ReadingEnvoy, which: int) -> float:
    """Wait until one cluster is asked many times in a row and the other never; return when the first of them came."""
    begun, start = time.monotonic(), envoy.count_requests()

    def have_moved() -> bool:
        nonlocal begun, start
        now, counted = time.monotonic(), envoy.count_requests()
        if counted[1 - which] != start[1 - which]:
            begun, start = now, counted
        return counted[which] - start[which] >= STEADY_REQUESTS

    wait_for(f"readers to be sent {('here', 'there')[which]}", have_moved, MOVED_SECONDS, every=0.05)
    return begun


def find_gap(fresh: list[Request], since: float) -> float:
    """Find the longest time without a fresh answer, from a moment on."""
    ends = sorted(one.ended_at for one in fresh if one.ended_at >= since)
    return max((b - a for a, b in zip([since, *ends], ends, strict=False)), default=float("inf"))
