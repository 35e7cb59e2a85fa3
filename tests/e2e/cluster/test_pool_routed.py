"""Readers go through the chart's router to a pool: by weights, whatever becomes of replicas and of our processes."""

import json
import time
from collections.abc import Iterator

import pytest

from devtools.cluster.provided import ProvidedCluster
from devtools.cluster.waiting import wait_for
from devtools.strictness import skip_or_fail, skip_where_impossible
from tests.core_commands import CORE_COMMANDS
from tests.e2e.cluster.core_network import CoreNetwork
from tests.e2e.cluster.needed_faults import require_faults
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.pool_router import ROUTER_PORT, PoolRouter, run_routed_pool
from tests.e2e.cluster.read_only_pool import CORE, build_pool
from tests.e2e.cluster.rollout_watch import watch_rollout
from tests.e2e.cluster.shared_release import NAMESPACE
from tests.e2e.cluster.steady_readers import fail_on, keep_reading, read_times

TARGET = 3
SHARE_POINTS = 5.0
REQUESTS = 300
TOLD_SECONDS = 1.0
"""From a changed EndpointSlice, as it is seen here, until the routers go by it: milliseconds, on a machine at rest."""
NOTICED_SECONDS = 60.0
BACK_SECONDS = 120.0
QUERY_PORT = 11630
"""Of Core itself, behind the gate."""
LEASE = "readpool-controller"
LED_SECONDS = 40.0
PYTHON = "/opt/readpool/bin/python"
PORTS = (11626, 11627, 11628, 11629, 11630)
ASK_ALL = """
import http.client, json, sys
hosts, ports, commands = json.loads(sys.argv[1])
answered = {}
for host in hosts:
    for port in ports:
        for method in ("GET", "POST"):
            for command in commands:
                connection = http.client.HTTPConnection(host, port, timeout=10)
                try:
                    connection.request(method, "/" + command)
                    answered[f"{method} {host}:{port}/{command}"] = connection.getresponse().status
                except ConnectionRefusedError:
                    answered[f"{method} {host}:{port}/{command}"] = 0
                finally:
                    connection.close()
print(json.dumps(answered))
"""
REFUSED, FORBIDDEN, OK = 0, 403, 200


@pytest.fixture(scope="module")
def router(
    cluster: ProvidedCluster, module_namespace: str, core_network: CoreNetwork, scaler_release: OwnRelease
) -> Iterator[PoolRouter]:
    """Put routers before a pool of three, and wait until all three are fresh."""
    template = {"spec": {"terminationGracePeriodSeconds": 30}}
    scaling = {"enabled": False, "sustainSeconds": 10}
    manifest = build_pool("core", core_network, autoscaling=scaling, template=template)
    with run_routed_pool(cluster, scaler_release, module_namespace, manifest) as router:
        yield router


@pytest.fixture
def whole(router: PoolRouter) -> PoolRouter:
    """Wait until all replicas are fresh before the test."""
    router.pool.wait_until_fresh(TARGET)
    return router


def test_all_replicas_serve_by_their_weights(whole: PoolRouter) -> None:
    assert whole.pool.routed() == {whole.pool.pod(ordinal): 100 for ordinal in range(TARGET)}
    shares = measure_shares(whole)
    print(f"shares of {REQUESTS}: {shares}")  # noqa: T201 - figures for whoever runs with -s
    assert max(abs(share - 100 / TARGET) for share in shares.values()) <= SHARE_POINTS


def test_no_request_fails_while_a_replica_stands_still_and_none_goes_to_it_once_that_is_seen(
    cluster: ProvidedCluster, whole: PoolRouter
) -> None:
    pool, pod = whole.pool, whole.pool.pod(1)
    with keep_reading(whole.address) as asked:
        began = time.monotonic()
        cluster.faults.stop_process(pool.namespace, pod, CORE)
        try:
            pool.wait_for("nobody is sent to it", lambda: pod not in pool.routed(), NOTICED_SECONDS)
            noticed = time.monotonic()
            pool.wait_for("status says so", lambda: pool.replica(pod).get("isFresh") is False, NOTICED_SECONDS)
            assert pool.replica(pod)["weight"] == 0
            assert pool.condition("Fresh")["status"] == "False"
            assert sorted(pool.routed()) == [pool.pod(0), pool.pod(2)]
            time.sleep(TOLD_SECONDS)
            told, before = time.monotonic(), whole.count_requests()
            wait_for("a hundred requests", lambda: asked.sent(told) >= 100, NOTICED_SECONDS)
            after = whole.count_requests()
        finally:
            cluster.faults.continue_process(pool.namespace, pod, CORE)
        pool.wait_until_fresh(TARGET, BACK_SECONDS)
    print(f"noticed after {noticed - began:.1f} s; {asked}; since then {asked.sent(told)}")  # noqa: T201
    fail_on(asked.failed(), asked)
    assert after[pod] == before[pod]
    assert sum(after.values()) - sum(before.values()) >= 50
    assert pool.pool()["spec"]["replicas"] == TARGET

    def find_share() -> bool:
        return abs(measure_shares(whole)[pod] - 100 / TARGET) <= SHARE_POINTS

    pool.wait_for("it has its share again", find_share, BACK_SECONDS)


def test_no_request_fails_while_a_fresh_replica_answers_no_query_and_it_is_found_out(
    cluster: ProvidedCluster, whole: PoolRouter
) -> None:
    pool, pod = whole.pool, whole.pool.pod(1)
    faults = require_faults(cluster.faults, "cut_port", "restore_port")
    with keep_reading(whole.address) as asked:
        began = time.monotonic()
        faults.cut_port(pool.namespace, pod, QUERY_PORT)
        try:
            pool.wait_for("nobody is sent to it", lambda: pod not in pool.routed(), NOTICED_SECONDS)
            noticed = time.monotonic()
            assert pool.replica(pod)["replicaClass"] == "fresh", "GET /info is another port"
        finally:
            faults.restore_port(pool.namespace, pod, QUERY_PORT)
        pool.wait_for("it has its readers again", lambda: pool.routed().get(pod) == 100, BACK_SECONDS)
    print(f"noticed after {noticed - began:.1f} s; {asked}")  # noqa: T201
    fail_on(asked.failed(), asked)


def test_no_request_fails_when_the_leading_controller_is_killed(
    cluster: ProvidedCluster, whole: PoolRouter, scaler_release: OwnRelease
) -> None:
    namespace = scaler_release.namespace

    def read_lease(field: str) -> str:
        lease = cluster.access.get("lease", LEASE, namespace) or {"spec": {}}
        return str(lease["spec"].get(field) or "")

    def is_back() -> bool:
        status = (cluster.access.get("pod", leader, namespace) or {"status": {}})["status"]
        return any(one["restartCount"] > 0 and one["ready"] for one in status.get("containerStatuses") or ())

    leader = read_lease("holderIdentity")
    with keep_reading(whole.address) as asked:
        began = time.monotonic()
        cluster.faults.kill_process(namespace, leader, "controller")
        wait_for("it to be back", is_back, LED_SECONDS)
        renewed = read_lease("renewTime")
        wait_for("somebody to lead", lambda: read_lease("renewTime") != renewed, LED_SECONDS)
        led = time.monotonic()
        wait_for("all routers to be told again", whole.is_told, LED_SECONDS)
    print(f"led anew after {led - began:.1f} s; {asked}")  # noqa: T201
    fail_on(asked.failed(), asked)


def test_no_request_fails_while_the_routers_are_replaced(cluster: ProvidedCluster, whole: PoolRouter) -> None:
    if not cluster.is_ours:
        skip_where_impossible("reach a Service from outside this cluster but by one of its pods")
    where = f"--namespace={NAMESPACE}"
    before = whole.routers()
    with keep_reading(whole.address) as asked:
        cluster.access.kubectl("rollout", "restart", "deployment/readpool-router", where)
        gone = [f"pod/{name}" for name in before]
        cluster.access.kubectl("wait", *gone, where, "--for=delete", "--timeout=90s", timeout=100)
    print(asked)  # noqa: T201
    assert not set(before) & set(whole.routers())
    fail_on(asked.failed(), asked)


def test_no_command_of_core_is_reached_from_another_pod(whole: PoolRouter, scaler_release: OwnRelease) -> None:
    access, scaler = whole.pool.access, scaler_release.pods()[0]

    def ask(hosts: list[str], ports: tuple[int, ...], commands: tuple[str, ...]) -> dict[str, int]:
        words = (PYTHON, "-I", "-c", ASK_ALL, json.dumps([hosts, ports, commands]))
        answers: dict[str, int] = json.loads(
            access.exec(scaler_release.namespace, scaler, *words, container="scaler", timeout=120)
        )
        return answers

    addresses = [pod["status"]["podIP"] for pod in whole.pool.pods()]
    assert set(ask(addresses, (11627,), ("info",)).values()) == {OK, FORBIDDEN}, "by GET it is let in, by POST not"
    answers = ask(addresses, PORTS, CORE_COMMANDS) | ask(
        [f"readpool-router.{scaler_release.namespace}"], (ROUTER_PORT,), CORE_COMMANDS
    )
    queries = [one for one in answers if one.startswith("POST") and "11628/getledgerentry" in one]
    reached = {one: status for one, status in answers.items() if status not in {REFUSED, FORBIDDEN}}
    assert len(answers) == 2 * len(CORE_COMMANDS) * (TARGET * len(PORTS) + 1)
    assert reached.keys() <= set(queries), "these are no commands there, but what readers ask"


def test_no_request_fails_while_a_new_version_rolls_through_with_at_most_one_fresh_replica_away(
    cluster: ProvidedCluster, whole: PoolRouter
) -> None:
    pool, version = whole.pool, cluster.images.core_next
    if version is None:
        skip_or_fail("READPOOL_CORE_NEXT is not set: there is no second image of stellar-core to upgrade to")
    before = pool.uids()
    with keep_reading(whole.address) as asked, watch_rollout(pool) as seen:
        began = time.monotonic()
        manifest = {
            "apiVersion": "stellar.org/v1alpha1",
            "kind": "ReadOnlyPool",
            "metadata": {"name": pool.name},
            "spec": pool.pool()["spec"] | {"version": version},
        }
        pool.access.apply(manifest, namespace=pool.namespace)
        pool.wait_for("it sets about it", lambda: pool.condition("Reconciling").get("status") == "True")
        pool.wait_until_fresh(TARGET, 3 * BACK_SECONDS)
    print(f"replaced within {time.monotonic() - began:.0f} s; {asked}")  # noqa: T201
    after = pool.uids()
    assert after.keys() == before.keys()
    assert not set(after.values()) & set(before.values())
    images = {pod["spec"]["containers"][0]["image"] for pod in pool.pods()}
    assert {image.rpartition(":")[2] for image in images} == {version}
    assert seen.most_away == 1, str(seen)
    assert seen.fewest_routed >= TARGET - 1, str(seen)
    fail_on(asked.failed(), asked)


def measure_shares(router: PoolRouter) -> dict[str, float]:
    """Send requests, and return each pod's share of them in percent."""
    before = router.count_requests()
    asked = read_times(router.address, REQUESTS)
    fail_on(asked.failed(), asked)
    after = router.count_requests()
    counts = {pod: after[pod] - before[pod] for pod in after}
    return {pod: 100 * count / sum(counts.values()) for pod, count in counts.items()}
