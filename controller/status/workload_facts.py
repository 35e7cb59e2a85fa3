"""What keeps a pool from the workload that it stands before: for the conditions Stalled and Autoscaling. Pure."""

from collections.abc import Sequence

from controller.observed import reasons
from controller.observed.observed import ObservedPool
from controller.replicas.replicas import Replica
from controller.replicas.stuck_replicas import find_stuck_replicas
from controller.replicas.workload_pods import choose_read_port
from controller.resources.nodes_service import PROBE_PORT_NAME
from controller.resources.read_service import PORT_NAME

_TOLD_PODS = 3


def find_workload_problem(observed: ObservedPool) -> tuple[str, str] | None:
    """Find why a pool has not got its workload, as reason and message; None if it has, or needs none."""
    ref, view = observed.pool.spec.workload_ref, observed.workload
    if ref is None or view is None:
        return None
    name = str(ref)
    if view.unseen:
        return reasons.WORKLOAD_NOT_VISIBLE, f"The controller cannot see {name}: it {view.unseen}"
    if view.taken_by:
        message = f"{name} belongs to ReadOnlyPool {view.taken_by}; delete one of the two pools"
        return reasons.WORKLOAD_TAKEN, message
    if view.manifest is None:
        return (
            reasons.WORKLOAD_NOT_FOUND,
            f"{name} does not exist in namespace {observed.pool.namespace}; create it, or delete this pool",
        )
    return None


def find_missing_port(observed: ObservedPool, replicas: Sequence[Replica]) -> tuple[str, str] | None:
    """Find pods without a port that the pool names, as reason and message; None if all have both."""
    spec = observed.pool.spec
    if spec.probe is None:
        return None
    probe = ("probe.port", PROBE_PORT_NAME, spec.probe.port)
    for field, name, port in (probe, ("loadBalancing.port", PORT_NAME, choose_read_port(spec))):
        lacking = [one.name for one in replicas if name not in one.ports and not one.is_terminating]
        if lacking:
            more = f" and {len(lacking) - _TOLD_PODS} more" if len(lacking) > _TOLD_PODS else ""
            message = f"{field}: no container of {', '.join(lacking[:_TOLD_PODS])}{more} has a port named {port}"
            return reasons.PORT_NOT_FOUND, message
    return None


def find_workload_stall(observed: ObservedPool, replicas: Sequence[Replica], now: float) -> tuple[str, str] | None:
    """Find what blocks reconciliation with a workload, as reason and message; None if nothing does.

    A pod that is not ready for no reason of its own may just be behind: Horizon and RPC say so by their readiness.
    """
    troubled = [one for one in replicas if one.trouble is not None]
    return (
        find_workload_problem(observed)
        or find_missing_port(observed, replicas)
        or find_stuck_replicas(troubled, len(replicas), now, observed.pool.status.conditions)
    )
