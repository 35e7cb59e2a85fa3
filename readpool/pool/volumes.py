"""What a pool says of its volumes beyond their size: snapshots to start from, and growth before they are full.

Under readpool.pool.workload.
"""

import re
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from readpool.pool.quantity import parse_quantity
from readpool.pool.rules import Part, Rule
from readpool.pool.scalars import ObjectName, Quantity, duration_between, parse_duration

SHORTEST_INTERVAL = "10m"
LONGEST_INTERVAL = "720h"
MAX_KEPT = 20
_PERCENT = r"^[1-9][0-9]{0,2}%$"
_INCREASE_MESSAGE = "must be a percentage such as 25%, or a quantity greater than zero such as 50Gi"


class Snapshots(Part):
    """Snapshots of a fresh replica's volume, from which new replicas start."""

    enabled: bool = False
    """Take snapshots, and create the volumes of new and replaced replicas from the newest good snapshot."""
    interval: Annotated[str, Field(max_length=16), duration_between(SHORTEST_INTERVAL, LONGEST_INTERVAL)] = "1h"
    """Time between snapshots, such as 30m, 1h or 1h30m. The older the newest snapshot, the more a new replica has to
    catch up."""
    keep: Annotated[int, Field(ge=1, le=MAX_KEPT)] = 3
    """The number of good snapshots to keep; older ones are deleted."""
    volume_snapshot_class_name: ObjectName | None = None
    """VolumeSnapshotClass of the snapshots. Default: the default class of the volumes' CSI driver."""

    @property
    def interval_seconds(self) -> int:
        """The interval in seconds."""
        return parse_duration(self.interval)


def _is_increase(text: str) -> bool:
    if re.fullmatch(_PERCENT, text, re.ASCII):
        return True
    try:
        return parse_quantity(text) > 0
    except ValueError:
        return False


_INCREASE_RULE = Rule(
    f"self.matches('{_PERCENT}') || (isQuantity(self) && quantity(self).isGreaterThan(quantity('0')))",
    _INCREASE_MESSAGE,
    _is_increase,
)


class AutoGrow(Part):
    """Automatic expansion of volumes."""

    used_percent: Annotated[int, Field(ge=50, le=95)] = 80
    """Percentage of used space at which a volume is expanded."""
    increase: Annotated[str, Field(max_length=32), _INCREASE_RULE] = "25%"
    """Size of one expansion: a percentage of the volume's size, or a quantity such as 50Gi. Some storage allows one
    expansion in several hours, so choose a size that lasts for days."""
    max_size: Quantity
    """Maximum size of a volume."""

    def compute_next_size(self, size: Fraction) -> Fraction:
        """Compute the size in bytes that follows on one; the same where it is as large as it may be."""
        if self.increase.endswith("%"):
            larger = size * (100 + int(self.increase.removesuffix("%"))) / 100
        else:
            larger = size + parse_quantity(self.increase)
        return max(size, min(larger, parse_quantity(self.max_size)))
