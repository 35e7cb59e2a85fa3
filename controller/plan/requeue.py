"""When is a pool requeued though nothing happens? Where time alone changes what should be.

Under controller.plan.plan; all times are Unix seconds.
"""

from collections.abc import Sequence

from controller.observed.observed import ObservedPool
from controller.observed.plan_settings import PlanSettings
from controller.observed.scaler_clock import compute_stale_seconds, read_scaler_clock
from controller.plan.stages import Stages
from controller.replicas.stuck_replicas import list_stuck_times
from controller.routing.routing import RoutingBasis, find_stale_time
from readpool.replica_class import ReplicaClass

TURN_SECONDS = 15.0
"""How often a pool that waits for its turn to restart replicas is requeued."""


def list_times(
    observed: ObservedPool, disconnected_since: float | None, stages: Stages, settings: PlanSettings, now: float
) -> tuple[float | None, ...]:
    """List the times at which what should be changes by itself; None where one of them does not apply.

    `disconnected_since` is when the scaler disconnected, also where `observed` does not count that yet.
    """
    return (
        _find_numbers_time(observed, stages, now),
        *_list_weight_times(observed, disconnected_since, stages, settings, now),
        *list_stuck_times(stages.replicas, stages.pods.size),
        stages.disruptions.due,
        stages.objects.snapshots.due,
        now + TURN_SECONDS if stages.pods.outdated and not observed.may_restart else None,
    )


def _find_numbers_time(observed: ObservedPool, stages: Stages, now: float) -> float | None:
    """Find when numbers may be written again."""
    fleet = observed.current_fleet
    reported_at = observed.pool.status.observed_at
    if stages.numbers_due or reported_at is None or fleet is None:
        return None
    due = reported_at.timestamp() + observed.pool.spec.load_balancing.update_interval_seconds
    return due + now - read_scaler_clock(fleet, now)


def _list_weight_times(
    observed: ObservedPool, disconnected_since: float | None, stages: Stages, settings: PlanSettings, now: float
) -> list[float]:
    """List when time alone changes weights: a disconnect counts, weights become equal, what is unknown is stale."""
    times = []
    if disconnected_since is not None and observed.fleet_silent_since is None:
        times.append(disconnected_since + compute_stale_seconds(observed.fleet))
    if stages.routing.basis is RoutingBasis.KEPT and observed.fleet_silent_since is not None:
        times.append(observed.fleet_silent_since + settings.neutral_after_seconds)
    fleet = observed.current_fleet
    if fleet is None:
        return times
    ahead = now - read_scaler_clock(fleet, now)
    unknown = [
        one.view for one in stages.replicas if one.view is not None and one.replica_class is ReplicaClass.UNKNOWN
    ]
    return times + [find_stale_time(view, fleet) + ahead for view in unknown]


def choose_delay(times: Sequence[float | None], now: float) -> float | None:
    """Choose in how many seconds to plan again; None where no time is ahead."""
    delays = [at - now for at in times if at is not None and at > now]
    return min(delays, default=None)
