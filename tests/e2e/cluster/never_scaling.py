"""Faults under which a fleet must keep its number, as a table: how each is brought about, and what then says why.

Each is a context manager: within the block the fault holds, behind it all is as it was.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

from devtools.cluster.provided import ProvidedCluster
from tests.e2e.cluster.core_network import CORE, CoreNetwork, build_validator, fleet_labels
from tests.e2e.cluster.light_nodes import build_light_pod
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.scaled_fleet import ScaledFleet
from tests.e2e.cluster.shared_release import install_shared_release

STRANGERS_NETWORK = "Another Network ; readpool"
LIE_LEDGERS = 1_000_000


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the faults happen: a fleet of watchers, the network that they follow, the scalers that watch them."""

    cluster: ProvidedCluster
    fleet: ScaledFleet
    network: CoreNetwork

    @property
    def release(self) -> OwnRelease:
        """The scalers."""
        return self.fleet.release

    def replicas(self) -> list[str]:
        """Name the pods of the fleet."""
        return [self.fleet.pod(ordinal) for ordinal in range(self.fleet.view.spec_replicas())]


Fault = Callable[[Stage], AbstractContextManager[None]]


@contextmanager
def halt_network(stage: Stage) -> Iterator[None]:
    """Stop the one validator: no ledger closes, and nobody lags."""
    pod = (stage.network.namespace, stage.network.validator_pod, CORE)
    stage.cluster.faults.stop_process(*pod)
    try:
        yield
    finally:
        stage.cluster.faults.continue_process(*pod)


@contextmanager
def stop_all_replicas(stage: Stage) -> Iterator[None]:
    """Stop every node, so that the scaler reaches none."""
    with ExitStack() as stack:
        for pod in stage.replicas():
            stack.callback(stage.cluster.faults.continue_process, stage.fleet.namespace, pod, CORE)
            stage.cluster.faults.stop_process(stage.fleet.namespace, pod, CORE)
        yield


@contextmanager
def cut_scalers_off(stage: Stage) -> Iterator[None]:
    """Cut the network of every scaler: they reach no node, and KEDA reaches none of them."""
    with ExitStack() as stack:
        for pod in stage.release.pods():
            stack.callback(stage.cluster.faults.restore_network, stage.release.namespace, pod)
            stage.cluster.faults.cut_network(stage.release.namespace, pod)
        yield


@contextmanager
def delete_scaler(stage: Stage) -> Iterator[None]:
    """Delete the scaler's Deployment, pods and all; afterwards helm mends the release."""
    access, release = stage.cluster.access, stage.release
    flags = (f"--namespace={release.namespace}", "--cascade=foreground", "--wait")
    access.kubectl("delete", "deployment", "readpool-scaler", *flags)
    try:
        yield
    finally:
        install_shared_release(access, stage.cluster.images)


@contextmanager
def take_dns_down(stage: Stage) -> Iterator[None]:
    """Leave the cluster without a DNS server."""
    access, where = stage.cluster.access, "--namespace=kube-system"
    selector = "--selector=k8s-app=kube-dns"
    deployment = (access.get("deployment", "coredns", "kube-system") or {})["spec"]["replicas"]
    access.kubectl("scale", "deployment/coredns", where, "--replicas=0")
    try:
        access.kubectl("wait", "pods", where, selector, "--for=delete", "--timeout=60s", timeout=70)
        yield
    finally:
        access.kubectl("scale", "deployment/coredns", where, f"--replicas={deployment}")
        access.kubectl("rollout", "status", "deployment/coredns", where, "--timeout=60s", timeout=70)


@contextmanager
def let_a_stranger_and_a_liar_join(stage: Stage) -> Iterator[None]:
    """Put both of the following behind the fleet's Service."""
    with let_a_stranger_join(stage), let_a_liar_join(stage):
        yield


@contextmanager
def let_a_stranger_join(stage: Stage) -> Iterator[None]:
    """Put a validator of another network, which closes ledgers all right, behind the fleet's Service."""
    access, namespace = stage.cluster.access, stage.fleet.namespace
    labels = fleet_labels(stage.fleet.view.name)
    images = (stage.network.image, stage.network.server_image)
    stranger = build_validator("stranger", images, STRANGERS_NETWORK, is_open=True, labels=labels)
    access.apply(*stranger, namespace=namespace)
    try:
        yield
    finally:
        for kind in ("statefulset", "service", "configmap"):
            access.delete(kind, "stranger", namespace)


@contextmanager
def let_a_liar_join(stage: Stage) -> Iterator[None]:
    """Put a node of the right network behind the fleet's Service that claims a ledger far beyond what can be."""
    access, namespace = stage.cluster.access, stage.fleet.namespace
    labels = fleet_labels(stage.fleet.view.name)
    network = stage.network.network.passphrase
    liar = build_light_pod(
        "liar", stage.cluster.images.readpool, labels, {"network": network, "lag_ledgers": -LIE_LEDGERS}
    )
    access.apply(*liar, namespace=namespace)
    try:
        yield
    finally:
        access.delete("pod", "liar", namespace)
