"""Faults of a cluster of ours, each from outside the pod: an image needs no shell for it, a pod no privilege."""

import contextlib
import itertools
import json
import os
import signal
import subprocess
from collections.abc import Iterable
from typing import Any

from devtools.cluster.access import Access
from devtools.cluster.control_groups import ControlGroups
from devtools.cluster.faults import FAULTS
from devtools.cluster.process_identity import read_stat
from devtools.cluster.supervised import Parts
from devtools.cluster.waiting import wait_for

STOPPED, WAITING, GONE = frozenset("TtZ"), "D", "Z"
"""The states of proc(5) in which a process does nothing; in which no signal reaches it; of one that has ended."""


class OwnFaults:
    """All faults, by signals, links, packet filters and control groups of this machine."""

    def __init__(self, access: Access, parts: Parts, groups: ControlGroups) -> None:
        self._access = access
        self._parts = parts
        self._groups = groups
        # What is to be taken back is found without the API server, which may be away by then.
        self._stopped: dict[tuple[str, str, str], str] = {}
        self._cut: dict[tuple[str, str], str] = {}

    def is_able(self, fault: str) -> bool:
        """Return whether the method of this name works here: all do."""
        return fault in FAULTS

    def stop_process(self, namespace: str, pod: str, container: str) -> None:
        """Stop all that runs in a container; returns when all of it is stopped."""
        container_id = self._find_container(namespace, pod, container)
        self._stopped[namespace, pod, container] = container_id

        def stop_all() -> bool:
            found = {pid: _read_process(pid) for pid in self._list_pids(container_id)}
            running = {pid for pid, (state, _) in found.items() if state not in STOPPED}
            # A process that has begun a child waits, and cannot be stopped, until the child runs its program.
            beginning = {pid for pid in running if found[pid][0] == WAITING}
            children = {pid for pid, (_, parent) in found.items() if parent in beginning}
            _send(children - running, signal.SIGCONT)
            _send(running - children, signal.SIGSTOP)
            return not running

        try:
            wait_for(f"{container} of {pod} to be stopped", stop_all, seconds=10, every=0.02)
        except TimeoutError:
            self.continue_process(namespace, pod, container)
            raise

    def continue_process(self, namespace: str, pod: str, container: str) -> None:
        """Resume what was stopped."""
        if stopped := self._stopped.pop((namespace, pod, container), None):
            with contextlib.suppress(LookupError):  # it was started again meanwhile
                _send(self._list_pids(stopped), signal.SIGCONT)
                return
        _send(self._list_pids(self._find_container(namespace, pod, container)), signal.SIGCONT)

    def kill_process(self, namespace: str, pod: str, container: str) -> None:
        """Kill all that runs in a container."""
        _send(self._list_pids(self._find_container(namespace, pod, container)), signal.SIGKILL)

    def cut_network(self, namespace: str, pod: str) -> None:
        """Lose every packet from and to a pod: its cable is pulled on the node's side, so that it keeps its routes."""
        link = self._find_link(namespace, pod)
        self._cut[namespace, pod] = link
        self._set_link(link, "down")

    def restore_network(self, namespace: str, pod: str) -> None:
        """Plug the cable in again."""
        if link := self._cut.pop((namespace, pod), None):
            with contextlib.suppress(RuntimeError):  # it went with its pod
                self._set_link(link, "up")
                return
        self._set_link(self._find_link(namespace, pod), "up")

    def cut_port(self, namespace: str, pod: str, port: int) -> None:
        """Lose every packet from or to a TCP port, by rules in the pod's own network."""
        self._filter(namespace, pod, port, "--insert")

    def restore_port(self, namespace: str, pod: str, port: int) -> None:
        """Remove the rules again."""
        self._filter(namespace, pod, port, "--delete")

    def limit_cpu(self, namespace: str, pod: str, container: str, cores: float | None) -> None:
        """Limit a container to so many cores; a limit of the whole pod stays above it."""
        if cores is None:
            cores = _read_cpu_limit(self._get_pod(namespace, pod), container)
        self._groups.set_cpu_limit(self._find_container(namespace, pod, container), cores)

    def restart_part(self, part: str) -> None:
        """End a part of the cluster and start it again."""
        self.stop_part(part)
        self.start_part(part)

    def stop_part(self, part: str) -> None:
        """End a part of the cluster; returns when it is gone."""
        self._parts.stop(part)

    def start_part(self, part: str) -> None:
        """Start a part that was ended; returns when it runs, which is before it is ready."""
        self._parts.start_again(part)

    def _get_pod(self, namespace: str, pod: str) -> dict[str, Any]:
        found = self._access.get("pod", pod, namespace)
        if found is None:
            raise LookupError(f"there is no pod {pod} in {namespace}")
        return found

    def _find_container(self, namespace: str, pod: str, container: str) -> str:
        """Find the id of a running container."""
        statuses = self._get_pod(namespace, pod)["status"].get("containerStatuses", [])
        for status in statuses:
            if status["name"] == container and "running" in status["state"]:
                return str(status["containerID"].rpartition("//")[2])
        states = {status["name"]: status["state"] for status in statuses}
        raise LookupError(f"no container {container} runs in pod {pod} in {namespace}: {states}")

    def _list_pids(self, container_id: str) -> list[int]:
        return self._groups.list_pids(container_id=container_id)

    def _filter(self, namespace: str, pod: str, port: int, change: str) -> None:
        enter = self._enter_network(namespace, pod)
        programs = ("iptables", "ip6tables") if self._parts.folders.addresses.has_ipv6 else ("iptables",)
        ends = ("--source-port", "--destination-port")
        for program, chain, end in itertools.product(programs, ("INPUT", "OUTPUT"), ends):
            _run(*enter, program, "--wait", change, chain, "--protocol", "tcp", end, str(port), "--jump", "DROP")

    def _enter_network(self, namespace: str, pod: str) -> list[str]:
        """Build the beginning of a command of this machine that is to run in a pod's network."""
        uid = self._get_pod(namespace, pod)["metadata"]["uid"]
        return ["nsenter", f"--target={self._groups.list_pids(pod_uid=uid)[0]}", "--net"]

    def _find_link(self, namespace: str, pod: str) -> str:
        """Find the node's end of a pod's cable."""
        inside = self._enter_network(namespace, pod)
        link = json.loads(_run(*inside, "ip", "-json", "link", "show", "eth0"))[0]
        links = json.loads(_run(*self._parts.namespaces.enter_network("ip", "-json", "link", "show")))
        return next(str(found["ifname"]) for found in links if found["ifindex"] == link["link_index"])

    def _set_link(self, link: str, state: str) -> None:
        _run(*self._parts.namespaces.enter_network("ip", "link", "set", link, state))


def _send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _read_process(pid: int) -> tuple[str, int]:
    """Read the state of a process, as ps shows it, and its parent; one that is gone counts as stopped."""
    stat = read_stat(pid)
    return (GONE, 0) if stat is None else (stat.state, stat.parent)


def _read_cpu_limit(pod: dict[str, Any], container: str) -> float | None:
    """Read the CPU limit that a pod gives a container, in cores."""
    spec = next(spec for spec in pod["spec"]["containers"] if spec["name"] == container)
    limit = str(spec.get("resources", {}).get("limits", {}).get("cpu", ""))
    if not limit:
        return None
    return float(limit[:-1]) / 1000 if limit.endswith("m") else float(limit)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
