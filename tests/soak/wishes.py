"""What users do to their pool in a soak, with kubectl: mistakes and their corrections, and what they really want."""

import json
from typing import Any

from devtools.cluster.access import KubectlError
from tests.soak.acts import GATE_OFF, PAUSE, REPLICA, TYPO, Act
from tests.soak.notebook import Notebook
from tests.soak.stage import Stage

Spec = dict[str, Any]
_PEERS = ("TARGET_PEER_CONNECTIONS = 1", "TARGET_PEER_CONNECTIONS = 2")
_TAINT = [{"key": "node.kubernetes.io/unreachable", "operator": "Exists"}]


class User:
    """Whoever owns the pool; remembers what was last wanted, so that a correction goes back to that."""

    def __init__(self, stage: Stage, notebook: Notebook) -> None:
        self._stage = stage
        self._notebook = notebook
        spec = stage.manifest["spec"]
        self._first: Spec = {name: spec[name] for name in ("coreConfigOverride", "version", "paused", "gate")}
        self._wanted = dict(self._first)
        self.size: int | None = None
        """The number of replicas that was asked for last, whether that was heard or not."""

    def begin(self, act: Act) -> tuple[tuple[str, ...], int | None]:
        """Do it; name the pods that it hit, and the number of replicas that was asked for.

        Raises:
            KubectlError: it could not be done.
            LookupError: there is nothing to do it with.
        """
        match act.verb:
            case "evictions":
                return self._evict(), None
            case "scale by hand":
                return (), self._scale(act.index)
            case "typo and correction":
                self._mistype(act.index)
            case _:
                self._wanted |= self._choose(act)
                self._change(self._wanted)
        return (), None

    def end(self, act: Act) -> None:
        """Undo it, where it is one of those that are undone."""
        if act.verb == GATE_OFF:
            self._wanted |= {"gate": {"enabled": True}}
        if act.verb == PAUSE:
            self._wanted |= {"paused": False}
        if act.verb in {GATE_OFF, PAUSE, TYPO}:
            # A merge takes away only what is named.
            self._change(self._wanted | {"template": {"spec": {"toleration": None}}})

    def restore(self) -> None:
        """Go back to the pool as it was at first."""
        self._wanted = dict(self._first)
        self._change(self._wanted)

    def _change(self, spec: Spec) -> None:
        self._stage.pool.change(spec)

    def _mistype(self, turn: int) -> None:
        """Make a mistake; one that is refused at the door is made all the same."""
        try:
            self._change(_choose_typo(turn, self._wanted))
        except KubectlError as error:
            if "is invalid" not in str(error) and "denied the request" not in str(error):
                raise

    def _choose(self, act: Act) -> Spec:
        match act.verb:
            case "gate off and on":
                return {"gate": {"enabled": False}}
            case "pause":
                return {"paused": True}
            case "override":
                was, other = _PEERS if _PEERS[0] in self._wanted["coreConfigOverride"] else reversed(_PEERS)
                return {"coreConfigOverride": self._wanted["coreConfigOverride"].replace(was, other)}
            case "version":
                other_version = self._stage.cluster.images.core_next
                if other_version is None:
                    raise LookupError("there is no second image of Stellar Core")
                is_first = self._wanted["version"] == self._first["version"]
                return {"version": other_version if is_first else self._first["version"]}
        raise ValueError(f"no such wish: {act}")

    def _scale(self, turn: int) -> int:
        """Ask for one more, or for one fewer, than there are; return how many."""
        pool, rules = self._stage.pool, self._stage.rules
        now = int(pool.pool()["spec"].get("replicas") or rules.target)
        size = min(now + 1, rules.maximum) if turn % 2 == 0 or now < rules.target else now - 1
        where = f"--namespace={pool.namespace}"
        self.size = size
        pool.access.kubectl("scale", f"readonlypool/{pool.name}", f"--replicas={size}", where)
        return size

    def _evict(self) -> tuple[str, ...]:
        """Evict all that the budget lets go, as a drain does; name them."""
        return tuple(pod.name for pod in self._notebook.list_pods(REPLICA) if self._try_evict(pod.name))

    def _try_evict(self, pod: str) -> bool:
        namespace, access = self._stage.pool.namespace, self._stage.cluster.access
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}}
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
        try:
            access.kubectl("create", f"--raw={path}", "-f", "-", stdin=json.dumps(eviction))
        except KubectlError as error:
            if any(word in str(error) for word in ("disruption budget", "TooManyRequests", "NotFound", "not found")):
                return False
            raise
        return True


def _choose_typo(turn: int, wanted: Spec) -> Spec:
    """Choose a mistake: an override that is no TOML, a field that pods do not have, a version that nobody has."""
    return (
        {"coreConfigOverride": f"{wanted['coreConfigOverride']}LOG_COLOR = yes\n"},
        {"template": {"spec": {"toleration": _TAINT}}},
        {"version": f"{wanted['version']}-mistyped"},
    )[turn % 3]
