"""What is noted of a soak while it runs, from several threads: what the API server tells and what our eyes report."""

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.cluster.read_only_pool import POOL_LABEL, SERVICE_LABEL
from tests.soak.acts import CONTROLLER, KEDA, REPLICA, ROUTER, SCALER
from tests.soak.history import PodSeen, Probe, Read, Routed, Serving, Size

Manifest = dict[str, Any]
_COMPONENTS = {"router": ROUTER, "scaler": SCALER, "controller": CONTROLLER}
_READ_PORT = "read"


@dataclass
class Notebook:
    """The notes of one soak; `pool` is the pool's name."""

    pool: str
    reads: list[Read] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    pods: list[PodSeen] = field(default_factory=list)
    routed: list[Routed] = field(default_factory=list)
    wanted: list[Size] = field(default_factory=list)
    sizes: list[Size] = field(default_factory=list)
    serving: list[Serving] = field(default_factory=list)
    status: Manifest = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pods: dict[str, PodSeen] = field(default_factory=dict)
    _ports: dict[str, int] = field(default_factory=dict)
    _slices: dict[str, frozenset[str]] = field(default_factory=dict)

    def note_pod(self, manifest: Manifest, *, is_gone: bool = False) -> None:
        """Note a pod as it is told, where it is one of those that count."""
        of = _find_role(manifest, self.pool)
        if of is None:
            return
        metadata, status = manifest["metadata"], manifest.get("status") or {}
        is_ready = not is_gone and "deletionTimestamp" not in metadata and _is_ready(status)
        words = (of, metadata["name"], metadata["uid"], status.get("podIP") or "", is_ready, is_gone)
        seen = PodSeen(time.monotonic(), *words)
        with self._lock:
            last = self._pods.get(seen.uid)
            if last is None or (last.address, last.is_ready, last.is_gone) != (seen.address, is_ready, is_gone):
                self.pods.append(seen)
            self._pods[seen.uid] = seen
            self._ports[seen.uid] = _find_port(manifest)

    def note_slice(self, manifest: Manifest, *, is_gone: bool = False) -> None:
        """Note a slice of the pool's read Service."""
        metadata = manifest["metadata"]
        if (metadata.get("labels") or {}).get(SERVICE_LABEL) != self.pool:
            return
        endpoints = () if is_gone else manifest.get("endpoints") or ()
        with self._lock:
            self._slices[metadata["name"]] = frozenset(a for one in endpoints for a in one["addresses"])
            addresses = frozenset(address for part in self._slices.values() for address in part)
            if not self.routed or self.routed[-1].addresses != addresses:
                self.routed.append(Routed(time.monotonic(), addresses))

    def note_pool(self, manifest: Manifest, *, is_gone: bool = False) -> None:
        """Note the pool."""
        if manifest["metadata"]["name"] == self.pool and not is_gone:
            self.status = manifest.get("status") or {}
            _note_size(self.wanted, manifest)

    def note_stateful_set(self, manifest: Manifest, *, is_gone: bool = False) -> None:
        """Note the pool's StatefulSet."""
        if manifest["metadata"]["name"] == self.pool and not is_gone:
            _note_size(self.sizes, manifest)

    def note_seen(self, what: str, *words: Any) -> None:
        """Note what our eyes report."""
        if what == "read":
            sent_at, ended_at, failure, lost, ledger = words
            self.reads.append(Read(sent_at, ended_at, failure, tuple(lost), ledger))
        else:
            self.probes.append(Probe(*words))

    def list_pods(self, of: str) -> list[PodSeen]:
        """List the pods of a kind that are there, by name."""
        with self._lock:
            there = [pod for pod in self._pods.values() if pod.of == of and not pod.is_gone]
        return sorted(there, key=lambda pod: pod.name)

    def list_targets(self) -> Mapping[str, tuple[str, int]]:
        """List where each replica answers readers."""
        return {pod.name: (pod.address, self._ports[pod.uid]) for pod in self.list_pods(REPLICA) if pod.address}

    def count_fine(self) -> int:
        """Count the replicas that answered their last probe."""
        now = time.monotonic()
        newest = {probe.name: probe for probe in self.probes[-40:]}
        names = {pod.name for pod in self.list_pods(REPLICA)}
        return sum(bool(one.ledger) and now - one.ended_at < 5 for name, one in newest.items() if name in names)


def _note_size(sizes: list[Size], manifest: Manifest) -> None:
    replicas = int(manifest["spec"].get("replicas") or 0)
    if not sizes or sizes[-1].replicas != replicas:
        sizes.append(Size(time.monotonic(), replicas))


def _find_role(manifest: Manifest, pool: str) -> str | None:
    """Find what a pod is one of; None where it does not count."""
    labels = manifest["metadata"].get("labels") or {}
    if labels.get(POOL_LABEL) == pool:
        return REPLICA
    if labels.get("app") == "keda-operator":
        return KEDA
    return _COMPONENTS.get(labels.get("app.kubernetes.io/component", ""))


def _is_ready(status: Manifest) -> bool:
    conditions: Iterable[Manifest] = status.get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _find_port(manifest: Manifest) -> int:
    """Find the port that readers are sent to: the gate's, or Core's own where there is no gate."""
    ports = (port for one in manifest["spec"]["containers"] for port in one.get("ports") or ())
    return next((int(port["containerPort"]) for port in ports if port.get("name") == _READ_PORT), 0)
