"""What may happen in a soak: each fault with how long it lasts and how often it comes, and what users do. Pure."""

from dataclasses import dataclass

ALL = -1
"""As an index: all pods of the target at once."""
USER = "user"
REPLICA, GATE, ROUTER, SCALER, CONTROLLER, KEDA = "replica", "gate", "router", "scaler", "controller", "keda"
PODS = (REPLICA, GATE, ROUTER, SCALER, CONTROLLER, KEDA)
API_SERVER, ETCD, KUBELET, PROXY = "kube-apiserver", "etcd", "kubelet", "kube-proxy"
SCHEDULER, CONTROLLERS = "kube-scheduler", "kube-controller-manager"
PARTS = (API_SERVER, ETCD, KUBELET, PROXY, SCHEDULER, CONTROLLERS)
KILL, STOP, CUT, DELETE, AWAY = "kill", "stop", "cut", "delete", "away"
GATE_OFF, OVERRIDE, VERSION, TYPO = "gate off and on", "override", "version", "typo and correction"
PAUSE, SCALE, EVICT = "pause", "scale by hand", "evictions"
ROLLOUTS = (GATE_OFF, OVERRIDE, VERSION, TYPO)
"""What users do that restarts replicas."""
LIGHT = (PAUSE, SCALE, EVICT)


@dataclass(frozen=True, slots=True)
class Act:
    """One thing to happen.

    Attributes:
        at: seconds after the start.
        verb: what is done.
        target: to whom: a kind of pod, a part of the cluster, or the pool by its user.
        index: which of its pods, in the order of their names; ALL for all.
        seconds: how long it lasts until it is taken back; 0 is over at once.
    """

    at: float
    verb: str
    target: str
    index: int = 0
    seconds: float = 0.0

    @property
    def kind(self) -> str:
        """What it is called in the table."""
        return self.verb if self.target == USER else f"{self.target}: {self.verb}"

    @property
    def is_fault(self) -> bool:
        """Return whether it is a fault, and no wish of a user."""
        return self.target != USER


@dataclass(frozen=True, slots=True)
class Card:
    """A kind of act, how many of it are in the deck, and the shortest and longest that it lasts."""

    verb: str
    target: str
    count: int
    shortest: float = 0.0
    longest: float = 0.0


DECK = (
    Card(KILL, REPLICA, 4),
    Card(STOP, REPLICA, 4, 4, 15),
    Card(CUT, REPLICA, 3, 4, 15),
    Card(DELETE, REPLICA, 3),
    Card(KILL, GATE, 3),
    Card(STOP, GATE, 2, 4, 12),
    Card(KILL, ROUTER, 2),
    Card(STOP, ROUTER, 1, 3, 12),
    Card(CUT, ROUTER, 1, 3, 10),
    Card(DELETE, ROUTER, 2),
    Card(KILL, SCALER, 2),
    Card(STOP, SCALER, 2, 5, 20),
    Card(CUT, SCALER, 1, 5, 20),
    Card(DELETE, SCALER, 2),
    Card(KILL, CONTROLLER, 3),
    Card(STOP, CONTROLLER, 2, 5, 20),
    Card(CUT, CONTROLLER, 2, 5, 20),
    Card(DELETE, CONTROLLER, 2),
    Card(KILL, KEDA, 2),
    Card(STOP, KEDA, 1, 5, 20),
    Card(CUT, KEDA, 1, 5, 20),
    Card(DELETE, KEDA, 1),
    *(Card(AWAY, part, 1, 4, 15) for part in (API_SERVER, ETCD)),
    *(Card(AWAY, part, 2, 5, 20) for part in (KUBELET, PROXY, SCHEDULER, CONTROLLERS)),
)
USER_SECONDS = {GATE_OFF: (60.0, 80.0), TYPO: (15.0, 30.0), PAUSE: (15.0, 25.0)}
"""How long users leave it as it is before they take it back."""
