"""A pool on an IPv6-only cluster and on a dual-stack one: slices, readers, endpoint discovery, polls and scaling.

Core itself knows IPv4 alone. On the IPv6-only cluster its peer is therefore outside Kubernetes, as a public network is:
the validator is in the node's own network, and pods reach it by the link that leads out.
"""

import json
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from devtools.cluster.access import relay_to
from devtools.cluster.addresses import NODE_ADDRESS_OUTSIDE, Addresses, IpFamily
from devtools.cluster.provided import ProvidedCluster, provide_cluster
from devtools.machine.needs import UnmetNeedError
from devtools.strictness import skip_or_fail, skip_where_impossible
from tests.e2e.cluster.conftest import borrow_namespace, tell
from tests.e2e.cluster.core_configuration import PEER_PORT, VALIDATOR_KEY, Network
from tests.e2e.cluster.core_network import (
    PASSPHRASE,
    READY_SECONDS,
    VALIDATOR,
    CoreNetwork,
    build_validator,
    start_core_network,
)
from tests.e2e.cluster.pool_router import run_routed_pool
from tests.e2e.cluster.read_only_pool import SERVICE_LABEL, PoolView, build_pool
from tests.e2e.cluster.shared_release import install_shared_release
from tests.e2e.cluster.steady_readers import fail_on, keep_reading, read_times
from tests.private_override import build_private_override

TARGET = 2
READ_PORT = 11628
REQUESTS = 100
DUAL_STACK = {"spec": {"ipFamilyPolicy": "PreferDualStack"}}
VERSIONS = {IpFamily.IPV6: [6], IpFamily.DUAL: [4, 6]}

pytestmark = [pytest.mark.full, pytest.mark.timeout(600, func_only=True)]


@pytest.fixture(scope="module", params=[IpFamily.IPV6, IpFamily.DUAL])
def family(request: pytest.FixtureRequest) -> IpFamily:
    return IpFamily(request.param)


@pytest.fixture(scope="module")
def cluster(family: IpFamily) -> Iterator[ProvidedCluster]:
    """Provide a cluster of ours of this family."""
    try:
        with provide_cluster(tell, Addresses(family)) as provided:
            if not provided.is_ours:
                skip_where_impossible("give a cluster that is there another IP family")
            yield provided
    except UnmetNeedError as error:
        skip_or_fail(str(error))


def test_a_pool_is_read_polled_and_scaled(
    family: IpFamily, cluster: ProvidedCluster, pytestconfig: pytest.Config
) -> None:
    access = cluster.access
    with borrow_namespace(cluster, pytestconfig, "families") as namespace:
        network, peer = start_network(cluster, namespace, family)
        scaling = {"sustainSeconds": 5, "scaleDownStabilizationSeconds": 5}
        override = build_private_override(peer, VALIDATOR_KEY.account)
        sizes = {"minReplicas": 1, "targetReplicas": TARGET, "maxReplicas": TARGET + 1}
        manifest = build_pool("core", network, coreConfigOverride=override, autoscaling=scaling, **sizes)
        release = install_shared_release(access, cluster.images)
        with run_routed_pool(cluster, release, namespace, manifest) as router:
            pool = router.pool
            if family is IpFamily.DUAL:
                assert list_versions(pool) == [4], "the Service has one family as long as nobody asks for the other"
                patch = f"--patch={json.dumps(DUAL_STACK)}"
                access.kubectl("patch", "service", pool.name, f"--namespace={namespace}", "--type=merge", patch)
            pool.wait_for("slices of each family", lambda: list_versions(pool) == VERSIONS[family], 20)
            assert pool.routed() == {pool.pod(ordinal): 100 for ordinal in range(TARGET)}
            with keep_reading(router.address) as asked:
                read_by_service(cluster, pool, VERSIONS[family])
                counted = router.count_requests()
                pool.wait_for("KEDA", lambda: pool.condition("Autoscaling").get("reason") == "ScaledByKeda")
                pool.change({"targetReplicas": TARGET + 1})
                pool.wait_until_fresh(TARGET + 1)
                pool.wait_for(
                    "the newcomer's addresses", lambda: count_addresses(pool) == (TARGET + 1) * len(VERSIONS[family])
                )
            fail_on(asked.failed(), asked)
            assert min(counted.values()) > 0, "the routers ask every replica"


def start_network(cluster: ProvidedCluster, namespace: str, family: IpFamily) -> tuple[CoreNetwork, str]:
    """Start a private network; return it, and where its validator takes peers, which is an address of IPv4."""
    access, core, image = cluster.access, cluster.images.core, cluster.images.readpool
    if core is None:
        skip_or_fail("there is no image of stellar-core")
    if family is IpFamily.DUAL:
        network = start_core_network(access, namespace, core, image)
        return network, f"{network.network.validator_host}:{PEER_PORT}"
    manifests = build_validator(VALIDATOR, (core, image), PASSPHRASE)
    pod = manifests[-1]["spec"]["template"]["spec"]
    pod |= {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}
    pod["containers"][1]["command"] += ["--bind", "::"]  # the archive is inside Kubernetes
    access.apply(*manifests, namespace=namespace)
    rollout = ("rollout", "status", f"statefulset/{VALIDATOR}", f"--namespace={namespace}")
    access.kubectl(*rollout, f"--timeout={READY_SECONDS:.0f}s", timeout=READY_SECONDS + 10)
    host = f"{VALIDATOR}.{namespace}.svc.cluster.local"
    return CoreNetwork(access, namespace, core, Network(PASSPHRASE, host), image), f"{NODE_ADDRESS_OUTSIDE}:{PEER_PORT}"


def read_by_service(cluster: ProvidedCluster, pool: PoolView, versions: list[int]) -> None:
    """Read by each address of the pool's Service, which kube-proxy leads to its slices of that family."""
    service = cluster.access.get("service", pool.name, pool.namespace)
    assert service is not None
    assert cluster.access.namespaces is not None
    addresses = service["spec"]["clusterIPs"]
    assert sorted(ip_address(one).version for one in addresses) == versions
    for address in addresses:
        with relay_to(cluster.access.namespaces, address, READ_PORT) as reached:
            asked = read_times(reached, REQUESTS)
            fail_on(asked.failed(), asked)


def list_addresses(pool: PoolView) -> list[str]:
    """List the addresses that readers are given, each checked to be of its slice's family."""
    slices = pool.access.list("endpointslices", pool.namespace, f"{SERVICE_LABEL}={pool.name}")
    found = [(one["addressType"], endpoint["addresses"][0]) for one in slices for endpoint in one["endpoints"] or ()]
    assert all(f"IPv{ip_address(address).version}" == kind for kind, address in found), found
    return [address for _, address in found]


def list_versions(pool: PoolView) -> list[int]:
    return sorted({ip_address(address).version for address in list_addresses(pool)})


def count_addresses(pool: PoolView) -> int:
    return len(list_addresses(pool))
