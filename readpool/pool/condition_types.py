"""The conditions of a pool, and which status of each is the good one. docs/readonlypool.md describes them."""

from enum import StrEnum

from readpool.pool.status import Condition, ConditionStatus


class ConditionType(StrEnum):
    """The type of a condition of a pool."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    FRESH = "Fresh"
    AUTOSCALING = "Autoscaling"
    ROUTING = "Routing"
    SHARDED = "Sharded"
    ALERTING = "Alerting"
    SNAPSHOTS = "Snapshots"
    VOLUME_SPACE = "VolumeSpace"
    RESOURCES = "Resources"

    @property
    def good(self) -> ConditionStatus:
        """Its status while nothing needs attention."""
        is_negative = self in (ConditionType.RECONCILING, ConditionType.STALLED)
        return ConditionStatus.FALSE if is_negative else ConditionStatus.TRUE


def is_good(condition: Condition) -> bool:
    """Return whether a condition needs no attention; one of a type that we do not know is good when True."""
    known = condition.type in list(ConditionType)
    return condition.status is (ConditionType(condition.type).good if known else ConditionStatus.TRUE)
