"""Which objects should a pool own? Builders in, manifests by key out, in the order in which they need each other.

Under controller.plan.plan, which applies only those that differ.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from controller.gate.gate import choose_ports, has_gate
from controller.observed.drift import has_drifted, with_applied_hash
from controller.observed.labels import APPLIED_ANNOTATION, checkpoint_name, config_map_name, read_annotations
from controller.observed.observed import CheckpointView, ObservedPool
from controller.observed.plan_settings import PlanSettings
from controller.plan.configurations import Configurations
from controller.plan.snapshot_plan import choose_seeds
from controller.replicas.disruption_budget import build_disruption_budget
from controller.replicas.disruptions import Disruptions
from controller.resources.checkpoint import build_checkpoint
from controller.resources.claims import build_grown_claims, build_new_claims
from controller.resources.config_map import build_config_map
from controller.resources.endpoint_slices import Freshness, build_endpoint_slices, list_slices
from controller.resources.http_route import class_service_name
from controller.resources.network_policy import build_network_policy
from controller.resources.nodes_service import build_nodes_service
from controller.resources.pod_state import read_ports
from controller.resources.prometheus_rule import build_prometheus_rule
from controller.resources.read_service import build_read_service, read_traffic_distribution
from controller.resources.scaled_object import build_scaled_object, lacks_tolerance, leave_out_tolerance
from controller.resources.stateful_set import build_stateful_set
from controller.routing.route_objects import build_route_objects
from controller.routing.routing import Routing
from controller.status.autoscaling import is_scaled_by_us
from readpool.kubernetes.kinds import (
    CONFIG_MAP,
    ENDPOINT_SLICE,
    HTTP_ROUTE,
    NETWORK_POLICY,
    PROMETHEUS_RULE,
    SCALED_OBJECT,
    SERVICE,
    STATEFUL_SET,
    VOLUME_SNAPSHOT,
    Manifest,
    ObjectKey,
    key_of,
    kind_of,
)
from readpool.replica_class import ReplicaClass

_PRUNED = (HTTP_ROUTE, ENDPOINT_SLICE, SERVICE, SCALED_OBJECT, PROMETHEUS_RULE, VOLUME_SNAPSHOT)
"""Kinds of which a pool may own more than it wants, in the order in which they go: a route before its backends."""


@dataclass(frozen=True, slots=True)
class VolumeWrites:
    """What is decided of volumes beyond what storage says.

    Attributes:
        snapshots: those that there are to be.
        sizes: in bytes, by claim, of those that grow by themselves.
        at: Unix seconds when that was decided.
    """

    snapshots: tuple[dict[str, Any], ...] = ()
    sizes: Mapping[str, Fraction] = field(default_factory=dict)
    at: float = 0.0


_AS_STORAGE_SAYS = VolumeWrites()
_ONE_AT_A_TIME = Disruptions()


def build_objects(
    observed: ObservedPool,
    wanted: int,
    configurations: Configurations,
    routing: Routing,
    settings: PlanSettings,
    unhealthy: AbstractSet[int] | None = None,
    disruptions: Disruptions = _ONE_AT_A_TIME,
    volumes: VolumeWrites = _AS_STORAGE_SAYS,
) -> dict[ObjectKey, dict[str, Any]]:
    """Build all that the pool should own, each with its stamp. While there is no configuration, what runs is left."""
    pool = observed.pool
    ports = choose_ports(pool.spec, settings.gate_image)
    in_use = [read_ports(pod) for pod in observed.pods]
    built = [
        build_nodes_service(pool, ports, in_use),
        build_read_service(pool),
        build_network_policy(pool, ports, settings, in_use),
        build_disruption_budget(pool, disruptions),
    ]
    # Before the StatefulSet: whoever goes loses its readers first. None under a Service that is somebody else's.
    if ObjectKey(SERVICE, pool.namespace, pool.name) not in observed.name_conflicts:
        live = list_slices(observed.children, pool.name)
        distribution = read_traffic_distribution(observed.find(SERVICE, pool.name))
        built += build_endpoint_slices(pool, pool.name, ports.read, routing.endpoints, live, distribution)
        built += build_route_objects(observed, ports.read, routing.endpoints, routing.present)
    if configurations.is_complete and not _is_frozen(observed):
        built += _build_replicas(observed, wanted, configurations.texts, settings, unhealthy)
    checkpoint = _find_due_checkpoint(observed, wanted)
    built += [] if checkpoint is None else [build_checkpoint(pool, checkpoint)]
    if is_scaled_by_us(observed):
        built.append(build_scaled_object(pool, settings))
    if pool.spec.alerting and PROMETHEUS_RULE in observed.optional_kinds:
        built.append(build_prometheus_rule(pool, settings))
    built += volumes.snapshots
    # Last, since a StorageClass may refuse to let volumes grow, which is to hold up nothing else.
    built += build_grown_claims(pool, wanted, observed.claims, volumes.sizes, volumes.at)
    return {key_of(kind_of(manifest), manifest): with_applied_hash(manifest) for manifest in built}


def _find_due_checkpoint(observed: ObservedPool, wanted: int) -> CheckpointView | None:
    """Find the checkpoint to tell replicas that start, while one is missing or not fresh; at rest it costs nothing."""
    fleet, name = observed.current_fleet, checkpoint_name(observed.pool.name)
    if fleet is None or fleet.checkpoint is None:
        return None
    fresh = sum(one.replica_class is ReplicaClass.FRESH for one in fleet.replicas)
    staying = sum(not pod["metadata"].get("deletionTimestamp") for pod in observed.pods)
    is_due = min(fresh, staying) < wanted or observed.find(CONFIG_MAP, name) is None
    return fleet.checkpoint if is_due else None


def needs_apply(observed: ObservedPool, key: ObjectKey, wanted: Manifest) -> bool:
    """Return whether an object has to be applied, stamped as it is.

    A ScaledObject that has been applied just so and has no tolerance is as whole as this KEDA lets it be.
    """
    live, rewrite = observed.children.get(key), observed.rewritten.get(key)
    if not has_drifted(wanted, live, rewrite):
        return False
    if key.kind == SCALED_OBJECT and lacks_tolerance(live):
        return has_drifted(leave_out_tolerance(wanted), live, rewrite)
    return True


def is_stateful_set_blocked(observed: ObservedPool, settings: PlanSettings) -> bool:
    """Return whether the StatefulSet cannot be written, or waits for what cannot be."""
    name = observed.pool.name
    needed = ((STATEFUL_SET, name), (CONFIG_MAP, config_map_name(name)))
    held = [key for key in (*observed.refused, *observed.failing) if (key.kind, key.name) in needed]
    return bool(held) or _is_admin_port_open(observed, settings)


def _is_admin_port_open(observed: ObservedPool, settings: PlanSettings) -> bool:
    """Return whether Core's admin port would be open: without a gate, and without a NetworkPolicy of ours."""
    key = ObjectKey(NETWORK_POLICY, observed.pool.namespace, observed.pool.name)
    is_possible = key in observed.children or not (key in observed.name_conflicts or observed.is_held(key))
    return not is_possible and not has_gate(observed.pool.spec, settings.gate_image)


def _is_frozen(observed: ObservedPool) -> bool:
    """Return whether a pause freezes the objects that pods are created from, so that recreated pods do not change."""
    name = observed.pool.name
    is_whole = observed.find(STATEFUL_SET, name) and observed.find(CONFIG_MAP, config_map_name(name))
    return observed.pool.spec.paused and bool(is_whole)


def find_unwanted(observed: ObservedPool, wanted: Mapping[ObjectKey, Manifest]) -> list[ObjectKey]:
    """Find objects of the pool that it no longer needs: those with our annotation, and slices with our label."""
    classes = {class_service_name(observed.pool.name, freshness) for freshness in Freshness}
    made = (
        key
        for key, live in observed.children.items()
        if key.kind == ENDPOINT_SLICE or APPLIED_ANNOTATION in read_annotations(live)
    )
    owned = (key for key in made if key.kind != SERVICE or key.name in classes)
    unwanted = (key for key in owned if key.kind in _PRUNED and key not in wanted)
    return sorted(unwanted, key=lambda key: (_PRUNED.index(key.kind), str(key)))


def _build_replicas(
    observed: ObservedPool,
    wanted: int,
    texts: Mapping[str, str],
    settings: PlanSettings,
    unhealthy: AbstractSet[int] | None,
) -> Sequence[dict[str, Any]]:
    """Build what replicas are made of: their configurations, volumes that have to be there before, the StatefulSet."""
    pool = observed.pool
    stateful_set = build_stateful_set(pool, wanted, settings, observed.find(STATEFUL_SET, pool.name), unhealthy)
    template = stateful_set["spec"]["volumeClaimTemplates"][0]
    claims = build_new_claims(pool, template, wanted, observed.claims, choose_seeds(observed, wanted))
    return [
        build_config_map(pool, texts),
        *claims,
        *(() if _is_admin_port_open(observed, settings) else (stateful_set,)),
    ]
