"""A cluster of ours meets no other, starts anew after its processes were killed, and leaves nothing behind."""

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devtools.cluster.control_groups import MOUNT
from devtools.cluster.instance import Instance
from devtools.cluster.process_identity import ProcessIdentity, identify
from devtools.cluster.requirements import require_machine
from devtools.cluster.waiting import wait_for
from devtools.machine.needs import UnmetNeedError
from devtools.strictness import skip_or_fail

pytestmark = pytest.mark.timeout(600)

# Where Kubernetes, containerd and CNI write on a machine that they have to themselves.
PLACES = (
    "/etc/cni",
    "/opt/cni",
    "/opt/containerd",
    "/run/containerd",
    "/run/netns",
    "/usr/libexec/kubernetes",
    "/var/lib/cni",
    "/var/lib/containerd",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/log/pods",
)
KERNEL_SETTINGS = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward")


def look_at_machine() -> dict[str, object]:
    """See what a cluster could leave on the machine, and others beside it do not change."""
    return {
        "places": [place for place in PLACES if Path(place).exists()],
        "links": re.findall(r"^ *(\S+):", Path("/proc/net/dev").read_text(), re.MULTILINE),
        "kernel": {name: Path("/proc/sys", name).read_text() for name in KERNEL_SETTINGS},
    }


def find_traces(instance: Instance, processes: list[ProcessIdentity]) -> list[str]:
    """Find what is left of a cluster that had these processes: they themselves, mounts, control groups, files."""
    traces = [str(group) for group in MOUNT.rglob(f"readpool-{instance.name}")]
    traces += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if instance.name in line]
    traces += [str(instance.folders.state)] if instance.folders.state.exists() else []
    return traces + [str(process) for process in processes if process.is_alive]


def find_processes(instance: Instance) -> list[ProcessIdentity]:
    """Find all that runs inside a cluster."""
    processes = []
    for pid in instance.namespaces.list_processes():
        with contextlib.suppress(ProcessLookupError):
            processes.append(identify(pid))
    return processes


def read_spaces(pid: int) -> set[str]:
    """Read which mount, network and PID namespaces a process is in."""
    return {str(Path(f"/proc/{pid}/ns/{kind}").readlink()) for kind in ("mnt", "net", "pid")}


def find_pods(instance: Instance) -> dict[str, str]:
    """Find the addresses of the cluster's pods, by uid."""
    pods = instance.access.list("pods")
    return {pod["metadata"]["uid"]: pod["status"]["podIP"] for pod in pods if pod["status"].get("podIP")}


@pytest.fixture(scope="module", autouse=True)
def machine() -> None:
    """Skip where no cluster can be run."""
    try:
        require_machine(print)
    except UnmetNeedError as error:
        skip_or_fail(str(error))


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """Two names for clusters, which are ended afterwards."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    names = f"life-{os.getpid()}-a", f"life-{os.getpid()}-b"
    yield names
    for name in names:
        Instance(name).down()


def test_two_clusters_at_once_do_not_meet_and_each_leaves_nothing(names: tuple[str, str]) -> None:
    before = look_at_machine()
    first, second = Instance(names[0]), Instance(names[1])
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda instance: instance.up(with_keda=False), [first, second]))
    spaces = [read_spaces(pid) for pid in (first.namespaces.first.pid, second.namespaces.first.pid, os.getpid())]
    assert len(set().union(*spaces)) == 9, "no namespace is shared, neither with each other nor with the machine"

    first.access.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine", "namespace": "default"}})
    read = first.access.kubectl("get", "configmap", "mine", "--namespace=default", "-o", "json")
    assert first.access.get("configmap", "mine", "default") == json.loads(read)
    assert first.access.get("cm", "mine", "default") in first.access.list("configmaps", "default")
    assert second.access.get("configmap", "mine", "default") is None
    assert set(find_pods(first).values()) == set(find_pods(second).values()), "the same addresses, in two networks"

    for instance, other in ((first, second), (second, None)):
        processes = find_processes(instance)
        instance.down()
        assert find_traces(instance, processes) == []
        assert other is None or other.is_running
    assert look_at_machine() == before


@pytest.mark.full
def test_a_running_cluster_is_left_alone_and_one_whose_processes_were_killed_starts_anew(
    names: tuple[str, str],
) -> None:
    instance = Instance(names[0])
    instance.up(with_keda=False)
    first, processes, pods = instance.namespaces.first, find_processes(instance), find_pods(instance)
    instance.up(with_keda=False)
    assert instance.namespaces.first == first

    for process in processes:
        if process != first:
            process.kill()
    assert instance.parts.list_dead() == instance.parts.list_names()
    assert not instance.is_running
    instance.up(with_keda=False)
    assert instance.parts.list_dead() == []
    assert not find_pods(instance).keys() & pods.keys()
    assert [process for process in processes if process.is_alive] == []

    processes = find_processes(instance)
    instance.namespaces.kill()
    assert not instance.is_running
    instance.down()
    assert find_traces(instance, processes) == []


@pytest.mark.full
def test_a_start_that_was_killed_half_way_leaves_nothing_after_down(names: tuple[str, str]) -> None:
    instance = Instance(names[0])
    command = [sys.executable, "-m", "devtools.cluster", "up", "--without-keda", "--name", instance.name]
    with subprocess.Popen(command) as starting:
        first = wait_for("the first process", lambda: find_first(instance), seconds=300, every=0.02)
        starting.kill()
    processes = [first, *find_processes(instance)]
    assert not instance.is_running
    instance.down()
    assert find_traces(instance, processes) == []


def find_first(instance: Instance) -> ProcessIdentity | None:
    """Find the first process of a cluster that is being started."""
    try:
        return identify(instance.namespaces.first.pid)
    except (LookupError, ValueError):
        return None
