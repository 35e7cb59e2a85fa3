"""What can be done to a running cluster: stop, kill or slow what runs in a pod, cut its network or a port, stop a part.

`Faults` is what tests ask for. own_faults.py does all of it on a cluster of ours; exec_faults.py what any cluster
allows.
"""

from typing import Protocol

PARTS = (
    "kube-apiserver",
    "etcd",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "containerd",
)
"""The parts of a cluster that can be stopped and started."""
PROCESS_FAULTS = ("stop_process", "continue_process", "kill_process", "limit_cpu")
NETWORK_FAULTS = ("cut_network", "restore_network", "cut_port", "restore_port")
PART_FAULTS = ("restart_part", "stop_part", "start_part")
FAULTS = PROCESS_FAULTS + NETWORK_FAULTS + PART_FAULTS


class Faults(Protocol):
    """Faults by name; `is_able` says which of them this cluster can be given."""

    def is_able(self, fault: str) -> bool:
        """Return whether the method of this name works here."""

    def stop_process(self, namespace: str, pod: str, container: str) -> None:
        """Stop all that runs in a container (SIGSTOP): it neither answers nor ends."""

    def continue_process(self, namespace: str, pod: str, container: str) -> None:
        """Resume what was stopped (SIGCONT)."""

    def kill_process(self, namespace: str, pod: str, container: str) -> None:
        """Kill all that runs in a container (SIGKILL); the kubelet starts it again."""

    def cut_network(self, namespace: str, pod: str) -> None:
        """Lose every packet from and to a pod, without a refusal."""

    def restore_network(self, namespace: str, pod: str) -> None:
        """End a cut."""

    def cut_port(self, namespace: str, pod: str, port: int) -> None:
        """Lose every packet of a pod from or to a TCP port, its own or one that it calls, and no other."""

    def restore_port(self, namespace: str, pod: str, port: int) -> None:
        """End a cut of a port."""

    def limit_cpu(self, namespace: str, pod: str, container: str, cores: float | None) -> None:
        """Limit a container to so many cores; None restores what its pod says."""

    def restart_part(self, part: str) -> None:
        """End a part of the cluster and start it again."""

    def stop_part(self, part: str) -> None:
        """End a part of the cluster."""

    def start_part(self, part: str) -> None:
        """Start a part that was ended."""
