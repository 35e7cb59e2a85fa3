"""Each fault does what it says, seen from outside: what tests on the scaler then build on."""

import http.client
import time

import pytest

from devtools.cluster.access import KubectlError
from devtools.cluster.exec_faults import ExecFaults
from devtools.cluster.faults import PARTS
from devtools.cluster.provided import ProvidedCluster
from devtools.cluster.waiting import wait_for
from tests.e2e.cluster.needed_faults import require_faults

PORT = 8000
RESTARTED_SECONDS = 90.0
"""The kubelet waits longer with each restart of a container: half a minute after the second."""
BUSY_SERVER = f"""
import http.server, threading, time

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(time.process_time()).encode())

def spin():
    while True:
        pass

threading.Thread(target=spin, daemon=True).start()
http.server.ThreadingHTTPServer(("", {PORT}), Answer).serve_forever()
"""
"""Burns what processor it gets, and says how much that was."""


class BusyPod:
    """A pod that burns processor time and answers how much it had."""

    def __init__(self, cluster: ProvidedCluster, namespace: str) -> None:
        self._cluster = cluster
        self.namespace = namespace
        self.address = (namespace, "busy")
        self.container = (namespace, "busy", "busy")
        container = {
            "name": "busy",
            "image": cluster.images.readpool,
            "command": ["python3", "-c", BUSY_SERVER],
            "readinessProbe": {"httpGet": {"port": PORT}, "periodSeconds": 1, "failureThreshold": 60},
            "resources": {"limits": {"cpu": "200m"}},
        }
        spec = {"shareProcessNamespace": True, "terminationGracePeriodSeconds": 0, "containers": [container]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "busy"}, "spec": spec}
        cluster.access.apply(pod, namespace=namespace)
        wait_for("the pod to be ready", self.is_ready, seconds=60)

    def is_ready(self) -> bool:
        """Return whether the kubelet calls it ready."""
        return any(c["type"] == "Ready" and c["status"] == "True" for c in self._read_status().get("conditions", []))

    def count_restarts(self) -> int:
        """Count how often its container was started again."""
        statuses = self._read_status().get("containerStatuses", [{}])
        return int(statuses[0].get("restartCount", 0))

    def _read_status(self) -> "dict[str, list[dict[str, str]]]":
        found = self._cluster.access.get("pod", "busy", self.namespace) or {}
        status: dict[str, list[dict[str, str]]] = found.get("status", {})
        return status

    def ask(self, seconds: float = 10) -> float | None:
        """Ask how much processor time it had; None when it does not answer within so many seconds."""
        with self._cluster.access.port_forward(self.namespace, "pod/busy", PORT) as address:
            host, port = address.split(":")
            connection = http.client.HTTPConnection(host, int(port), timeout=seconds)
            try:
                connection.request("GET", "/")
                return float(connection.getresponse().read())
            except (OSError, http.client.HTTPException, ValueError):
                return None
            finally:
                connection.close()

    def measure_cores(self) -> float:
        """Measure how many cores it gets, over five seconds."""
        before, began = wait_for("an answer", self.ask, seconds=30), time.monotonic()
        time.sleep(5)
        after = wait_for("an answer", self.ask, seconds=30)
        return (after - before) / (time.monotonic() - began)


@pytest.fixture(scope="module")
def pod(cluster: ProvidedCluster, module_namespace: str) -> BusyPod:
    """Start a busy pod, which all faults are done to in turn."""
    return BusyPod(cluster, module_namespace)


def test_a_stopped_process_is_silent_and_goes_on_where_it_was(cluster: ProvidedCluster, pod: BusyPod) -> None:
    faults, restarts = require_faults(cluster.faults, "stop_process", "continue_process"), pod.count_restarts()
    faults.stop_process(*pod.container)
    assert pod.ask(seconds=2) is None
    faults.continue_process(*pod.container)
    assert pod.ask() is not None
    assert pod.count_restarts() == restarts


def test_a_killed_process_is_started_again(cluster: ProvidedCluster, pod: BusyPod) -> None:
    faults, restarts = require_faults(cluster.faults, "kill_process"), pod.count_restarts()
    faults.kill_process(*pod.container)
    wait_for("a restart", lambda: pod.count_restarts() == restarts + 1, RESTARTED_SECONDS)
    wait_for("an answer", pod.ask, RESTARTED_SECONDS)


def test_signals_by_a_shell_in_the_pod_do_the_same(cluster: ProvidedCluster, pod: BusyPod) -> None:
    faults, restarts = ExecFaults(cluster.access), pod.count_restarts()
    faults.stop_process(*pod.container)
    assert pod.ask(seconds=2) is None
    faults.continue_process(*pod.container)
    assert pod.ask() is not None
    faults.kill_process(*pod.container)
    wait_for("a restart", lambda: pod.count_restarts() == restarts + 1, RESTARTED_SECONDS)
    wait_for("an answer", pod.ask, RESTARTED_SECONDS)


def test_a_cut_pod_is_silent_runs_on_and_answers_again(cluster: ProvidedCluster, pod: BusyPod) -> None:
    faults, restarts = require_faults(cluster.faults, "cut_network", "restore_network"), pod.count_restarts()
    faults.cut_network(*pod.address)
    assert pod.ask(seconds=2) is None
    faults.restore_network(*pod.address)
    assert wait_for("an answer", pod.ask, RESTARTED_SECONDS)
    assert pod.count_restarts() == restarts


def test_a_cut_port_is_silent_and_answers_again_while_others_are_not_concerned(
    cluster: ProvidedCluster, pod: BusyPod
) -> None:
    faults = require_faults(cluster.faults, "cut_port", "restore_port")
    faults.cut_port(*pod.address, PORT + 1)
    assert pod.ask() is not None
    faults.cut_port(*pod.address, PORT)
    assert pod.ask(seconds=2) is None
    faults.restore_port(*pod.address, PORT)
    assert wait_for("an answer", pod.ask, RESTARTED_SECONDS)


def test_a_container_gets_no_more_than_its_limit_until_it_is_given_back(cluster: ProvidedCluster, pod: BusyPod) -> None:
    faults = require_faults(cluster.faults, "limit_cpu")
    faults.limit_cpu(*pod.container, cores=0.05)
    assert pod.measure_cores() < 0.1
    faults.limit_cpu(*pod.container, cores=None)
    wait_for("the pod to get more", lambda: pod.measure_cores() > 0.1, seconds=60)


def test_pods_run_on_while_parts_of_the_cluster_are_started_again(cluster: ProvidedCluster, pod: BusyPod) -> None:
    faults, restarts = require_faults(cluster.faults, "restart_part"), pod.count_restarts()
    for part in PARTS:
        faults.restart_part(part)
    wait_for("the API server", lambda: answers(cluster), seconds=60)
    wait_for("the node to be Ready", lambda: is_node_ready(cluster), seconds=60)
    assert pod.ask() is not None
    assert pod.count_restarts() == restarts


def answers(cluster: ProvidedCluster) -> bool:
    """Return whether the API server is ready."""
    try:
        return cluster.access.fetch("/readyz") == "ok"
    except KubectlError:
        return False


def is_node_ready(cluster: ProvidedCluster) -> bool:
    """Return whether every node is Ready."""
    conditions = [
        c for node in cluster.access.list("nodes") for c in node["status"]["conditions"] if c["type"] == "Ready"
    ]
    return all(condition["status"] == "True" for condition in conditions)
