"""When is a pool to be planned again though nothing happens? Where time alone changes what should be.

Under controller.plan.plan; all times are Unix seconds.
"""

from collections.abc import Sequence

from controller.observed.observed import ObservedPool
from controller.observed.plan_settings import PlanSettings
from controller.observed.scaler_clock import compute_stale_seconds, read_scaler_clock
from controller.replicas.replicas import Replica
from controller.routing.routing import Routing, RoutingBasis, find_stale_time
from readpool.replica_class import ReplicaClass


def find_numbers_time(observed: ObservedPool, now: float, *, numbers_due: bool) -> float | None:
    """Find when numbers may be told again."""
    fleet = observed.current_fleet
    reported_at = observed.pool.status.observed_at
    if numbers_due or reported_at is None or fleet is None:
        return None
    due = reported_at.timestamp() + observed.pool.spec.load_balancing.update_interval_seconds
    return due + now - read_scaler_clock(fleet, now)


def find_requeue_times(
    observed: ObservedPool,
    silent_since: float | None,
    replicas: Sequence[Replica],
    routing: Routing,
    settings: PlanSettings,
    now: float,
) -> list[float]:
    """Find when time alone changes weights: a silence counts, weights become equal, what is not known is stale."""
    times = []
    if silent_since is not None and observed.fleet_silent_since is None:
        times.append(silent_since + compute_stale_seconds(observed.fleet))
    if routing.basis is RoutingBasis.KEPT and observed.fleet_silent_since is not None:
        times.append(observed.fleet_silent_since + settings.neutral_after_seconds)
    fleet = observed.current_fleet
    if fleet is None:
        return times
    ahead = now - read_scaler_clock(fleet, now)
    unknown = [one.view for one in replicas if one.view is not None and one.replica_class is ReplicaClass.UNKNOWN]
    return times + [find_stale_time(view, fleet) + ahead for view in unknown]


def choose_delay(times: Sequence[float | None], now: float) -> float | None:
    """Choose in how many seconds to plan again; None where no time is ahead."""
    delays = [at - now for at in times if at is not None and at > now]
    return min(delays, default=None)
