"""Faults by a shell in the pod itself: what any cluster allows, for pods that are made for it.

The pod has shareProcessNamespace, so that its program is not pid 1, which no signal from inside stops; the container
has `sh` and `cat`. The rest of the faults need the node, and tests skip them.
"""

from typing import NoReturn

from devtools.cluster.access import Access

# The processes of a container are those of its control group. The shell itself is one of them and must stay.
SIGNAL_ALL = """\
ours=$(cat /proc/self/cgroup)
for folder in /proc/[0-9]*; do
  pid=${folder#/proc/}
  if [ "$pid" != $$ ] && [ "$(cat "$folder/cgroup" 2>/dev/null)" = "$ours" ]; then kill -"$1" "$pid" 2>/dev/null; fi
done
:
"""


class ExecFaults:
    """The faults that are one signal."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def is_able(self, fault: str) -> bool:
        """Return whether the method of this name works here: those that are one signal."""
        return fault in {"stop_process", "continue_process", "kill_process"}

    def stop_process(self, namespace: str, pod: str, container: str) -> None:
        """Stop all that runs in a container."""
        self._signal(namespace, pod, container, "STOP")

    def continue_process(self, namespace: str, pod: str, container: str) -> None:
        """Resume what was stopped."""
        self._signal(namespace, pod, container, "CONT")

    def kill_process(self, namespace: str, pod: str, container: str) -> None:
        """Kill all that runs in a container."""
        self._signal(namespace, pod, container, "KILL")

    def cut_network(self, namespace: str, pod: str) -> None:
        """Refuse: it needs the node."""
        _refuse("cut_network", namespace, pod)

    def restore_network(self, namespace: str, pod: str) -> None:
        """Refuse: it needs the node."""
        _refuse("restore_network", namespace, pod)

    def cut_port(self, namespace: str, pod: str, port: int) -> None:
        """Refuse: it needs the node."""
        _refuse("cut_port", namespace, pod, port)

    def restore_port(self, namespace: str, pod: str, port: int) -> None:
        """Refuse: it needs the node."""
        _refuse("restore_port", namespace, pod, port)

    def limit_cpu(self, namespace: str, pod: str, container: str, cores: float | None) -> None:
        """Refuse: it needs the node."""
        _refuse("limit_cpu", namespace, pod, container, cores)

    def restart_part(self, part: str) -> None:
        """Refuse: it needs the node."""
        _refuse("restart_part", part)

    def stop_part(self, part: str) -> None:
        """Refuse: it needs the node."""
        _refuse("stop_part", part)

    def start_part(self, part: str) -> None:
        """Refuse: it needs the node."""
        _refuse("start_part", part)

    def _signal(self, namespace: str, pod: str, container: str, name: str) -> None:
        self._access.exec(namespace, pod, "sh", "-c", SIGNAL_ALL, "sh", name, container=container)


def _refuse(fault: str, *target: object) -> NoReturn:
    raise NotImplementedError(f"{fault}{target} needs the node of the cluster; ask is_able first")
