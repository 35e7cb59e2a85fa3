"""Brings about a fault of the schedule, and takes it back."""

import contextlib
import itertools
from collections.abc import Sequence

from devtools.cluster.access import KubectlError
from tests.soak.acts import ALL, AWAY, GATE, REPLICA, Act
from tests.soak.notebook import Notebook
from tests.soak.stage import Stage


class Saboteur:
    """Hurts what the schedule names."""

    def __init__(self, stage: Stage, notebook: Notebook) -> None:
        self._stage = stage
        self._notebook = notebook
        self._faults = stage.cluster.faults
        self._deleted = itertools.count()

    def begin(self, act: Act) -> tuple[str, ...]:
        """Bring a fault about, and name whom it hit.

        Raises:
            LookupError: there is no such pod now.
            KubectlError, RuntimeError, TimeoutError: it could not be done.
        """
        if act.verb == AWAY:
            self._faults.stop_part(act.target)
            return (act.target,)
        hurt: list[str] = []
        pods = self._choose(act)
        for pod in pods:
            try:
                self._hurt(act, pod)
                hurt.append(pod)
            except (LookupError, KubectlError, RuntimeError, TimeoutError):
                if pod == pods[-1] and not hurt:
                    raise
        return tuple(hurt)

    def end(self, act: Act, pods: Sequence[str]) -> None:
        """End a fault; what is gone meanwhile needs nothing.

        Raises:
            KubectlError, RuntimeError: it could not be done.
        """
        if act.verb == AWAY:
            self._faults.start_part(act.target)
        for pod in pods:
            with contextlib.suppress(LookupError):
                self._heal(act, pod)

    def _choose(self, act: Act) -> tuple[str, ...]:
        of = REPLICA if act.target == GATE else act.target
        names = [pod.name for pod in self._notebook.list_pods(of)]
        if not names:
            raise LookupError(f"there is no {of}")
        return tuple(names) if act.index == ALL else (names[act.index % len(names)],)

    def _hurt(self, act: Act, pod: str) -> None:
        stage, namespace = self._stage, self._stage.find_namespace(act.target)
        container = stage.find_container(act.target)
        match act.verb:
            case "kill":
                self._faults.kill_process(namespace, pod, container)
            case "stop":
                try:
                    self._faults.stop_process(namespace, pod, container)
                except (TimeoutError, KubectlError):
                    self._faults.continue_process(namespace, pod, container)
                    raise
            case "cut":
                self._faults.cut_network(namespace, pod)
            case "delete":
                # By turns as its owner does, and as one does who has lost patience.
                now = ("--grace-period=0", "--force") if next(self._deleted) % 2 else ()
                where = f"--namespace={namespace}"
                stage.cluster.access.kubectl("delete", "pod", pod, where, "--wait=false", *now)
            case _:
                raise ValueError(f"no such fault: {act}")

    def _heal(self, act: Act, pod: str) -> None:
        namespace = self._stage.find_namespace(act.target)
        match act.verb:
            case "stop":
                self._faults.continue_process(namespace, pod, self._stage.find_container(act.target))
            case "cut":
                self._faults.restore_network(namespace, pod)
