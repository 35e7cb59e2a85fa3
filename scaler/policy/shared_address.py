"""Do several nodes answer at one replica's address? Then it is a load balancer's or a Service's, and no replica. Pure.

A node that restarts reports a later start than before. A node that reports an earlier one, and does so again within
minutes, is another node each time: which one lags cannot be determined, nor how many there are.
"""

from collections.abc import Mapping

from scaler.policy.hold_reasons import HoldReason
from scaler.probes.report import NodeReport

SHARED_ADDRESS = "SharedAddress"
"""Answers at one address come from nodes that started at different times, in turn."""
_ROUNDING_SECONDS = 1.0
_STEPS = 2
"""Once may be a pod that took over the address of one that is gone."""
_REMEMBERED_SECONDS = 600.0


def is_step_back(before: NodeReport | None, report: NodeReport) -> bool:
    """Return whether a node reports an earlier start than the one that responded before."""
    if before is None or before.started_on is None or report.started_on is None:
        return False
    return report.started_on < before.started_on - _ROUNDING_SECONDS


def note_step_back(steps: tuple[float, ...], now: float) -> tuple[float, ...]:
    """Remember one more step back, in seconds, and no more than count."""
    return (*steps, now)[-_STEPS:]


def find_shared_address(
    steps: Mapping[str, tuple[float, ...]], addresses: Mapping[str, str], now: float
) -> HoldReason | None:
    """Find an address at which several nodes answer, by the steps back of each member."""
    oldest = now - _REMEMBERED_SECONDS
    shared = sorted(name for name, times in steps.items() if len(times) == _STEPS and times[0] >= oldest)
    if not shared:
        return None
    return HoldReason(
        SHARED_ADDRESS,
        f"Several nodes answer at {addresses.get(shared[0], shared[0])} in turn, so it belongs to a Service or a"
        " load balancer. Use a headless Service (clusterIP: None, publishNotReadyAddresses: true), or list each node.",
    )
