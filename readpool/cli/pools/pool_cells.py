"""How what a pool's status says of its replicas looks in a terminal: one bar a replica, or one cell. Rich draws it."""

from collections.abc import Sequence

from rich.text import Text

from readpool.cli.terminal.fleet_table import LOOKS, Look, build_bar
from readpool.pool.status import ReplicaWeight
from readpool.replica_class import ReplicaClass
from readpool.replica_class_messages import CLASS_TO_MESSAGE
from readpool.text import order_naturally

STRIP_CELLS = 20
_LEVELS = "▁▂▃▄▅▆▇█"
_MEASURED = frozenset({ReplicaClass.FRESH, ReplicaClass.LAGGING})
CLASS_LOOKS = {replica_class: LOOKS[number] for replica_class, number in CLASS_TO_MESSAGE.items()}


def look_of(replica: ReplicaWeight) -> Look:
    """Find how the class of a replica is shown."""
    return CLASS_LOOKS[replica.replica_class]


def order_replicas(replicas: Sequence[ReplicaWeight], most: int) -> list[ReplicaWeight]:
    """Order by ordinal where all fit, else the worst first, and only so many."""
    by_name = sorted(replicas, key=lambda replica: order_naturally(replica.replica_name))
    if len(by_name) <= most:
        return by_name
    worst = sorted(by_name, key=lambda replica: (-look_of(replica).severity, -(replica.lag or 0)))
    return worst[:most]


def build_strip(replicas: Sequence[ReplicaWeight], threshold: int, *, ascii_only: bool) -> Text:
    """Build one cell a replica: as high as its lag, up to twice the threshold; else the mark of its class.

    Where not all fit, the worst are shown and the rest counted.
    """
    shown = order_replicas(replicas, STRIP_CELLS if len(replicas) <= STRIP_CELLS else STRIP_CELLS - 5)
    strip = Text()
    for replica in shown:
        look = look_of(replica)
        strip.append(_choose_cell(replica, threshold, look, ascii_only=ascii_only), look.style)
    rest = len(replicas) - len(shown)
    return strip.append(f" +{rest}", "dim") if rest else strip


def _choose_cell(replica: ReplicaWeight, threshold: int, look: Look, *, ascii_only: bool) -> str:
    if ascii_only:
        return look.ascii_mark
    if replica.lag is None or replica.replica_class not in {*_MEASURED, ReplicaClass.CATCHING_UP}:
        return look.mark
    level = replica.lag * len(_LEVELS) // (2 * threshold)
    return _LEVELS[min(level, len(_LEVELS) - 1)]


def find_worst(replicas: Sequence[ReplicaWeight]) -> ReplicaWeight | None:
    """Find the one furthest behind of those that are or were fresh; one that still catches up is no news."""
    measured = (one for one in replicas if one.lag is not None and one.replica_class in _MEASURED)
    return max(measured, key=lambda one: one.lag or 0, default=None)


def build_worst_bar(replicas: Sequence[ReplicaWeight], threshold: int, *, ascii_only: bool) -> Text:
    """Build the bar of the one furthest behind; a dash where no lag is known."""
    worst = find_worst(replicas)
    if worst is None:
        return Text("-")
    return build_bar(worst.lag or 0, threshold, look_of(worst), ascii_only=ascii_only)
