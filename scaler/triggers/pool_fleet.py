"""What does a trigger by pool stand for? From the ReadOnlyPool, as the API server has it, to what its fleet is held to.

Whatever the pool is, the answer is a FleetSpec: where nothing is to be decided, its `hold` says why. On the path
between scaler.fleets.pools, which knows the pools, and scaler.fleets.fleets.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from readpool.pool.condition_types import ConditionType
from readpool.pool.errors import PoolError
from readpool.pool.network import Network
from readpool.pool.spec import PoolSpec, ReadOnlyPool, parse_pool
from readpool.pool.status import ConditionStatus, ScalingMemory
from readpool.pool.workload import RetentionPolicy
from readpool.text import make_printable, shorten
from scaler.policy.hold_reasons import HoldReason
from scaler.policy.policy import Bounds
from scaler.policy.remembered import Remembered
from scaler.probes.fields import clean
from scaler.probes.kinds import ProbeKind
from scaler.triggers.fleet_spec import FleetSpec, PoolSource, Reference, ServiceSource
from scaler.triggers.network_names import PASSPHRASES
from scaler.triggers.node_urls import ALLOWED_URL, is_node_url
from scaler.triggers.pool_hold_reasons import (
    PAUSED,
    POOL_DELETED,
    POOL_INVALID,
    POOL_NOT_FOUND,
    POOL_TERMINATING,
    POOLS_NOT_SYNCED,
    REFERENCES_NOT_ALLOWED,
    was_deleted,
)

_NODES_PORT = "info"
"""The port of the pool's headless Service at which its replicas tell of themselves."""
_STATS_PORT = "stats"
"""That at which their gates tell of readers: not in the Service if no image is configured for the gate."""
_MOST_CHARACTERS = 400
"""Of what the controller says of a pool's pods."""


@dataclass(frozen=True, slots=True)
class ReferenceRules:
    """Which references a pool may name: any, or those alone that the operator has named as well."""

    allow_any: bool = False
    trusted: tuple[Reference, ...] = ()


def build_unread(asked: FleetSpec) -> FleetSpec:
    """Build the spec of a pool of which nothing can be known yet."""
    return _hold(asked, POOLS_NOT_SYNCED, "The ReadOnlyPools have not been listed from the API server yet.")


def derive_fleet(
    asked: FleetSpec, manifest: Mapping[str, Any] | None, rules: ReferenceRules, before: FleetSpec | None = None
) -> FleetSpec:
    """Derive what the fleet of a trigger by pool is held to.

    Args:
        asked: what the trigger names.
        manifest: the pool as the API server has it; None where it has none.
        rules: of references.
        before: what the fleet was held to until now. A pool that is no longer understood stays observed as it was.
    """
    if manifest is None:
        return _derive_absent(asked, before)
    try:
        pool = parse_pool(manifest)
    except PoolError as error:
        return _hold(before or asked, POOL_INVALID, f"The ReadOnlyPool is invalid: {error}.")
    return _build_fleet(pool, rules)


def _derive_absent(asked: FleetSpec, before: FleetSpec | None) -> FleetSpec:
    if before is not None and (was_deleted(before) or not isinstance(before.source, PoolSource)):
        return _hold(asked, POOL_DELETED, "The ReadOnlyPool was deleted.")
    return _hold(asked, POOL_NOT_FOUND, f"ReadOnlyPool {_name(asked)} does not exist.")


def _build_fleet(pool: ReadOnlyPool, rules: ReferenceRules) -> FleetSpec:
    spec = pool.spec
    references = tuple(Reference(ProbeKind(one.type), one.url) for one in spec.references)
    refused = _find_refusal(references, rules)
    return FleetSpec(
        namespace=pool.namespace,
        source=ServiceSource(f"{pool.name}-nodes", _NODES_PORT),
        bounds=Bounds(spec.min_replicas, spec.target_replicas, spec.max_replicas),
        probe=ProbeKind.CORE if spec.probe is None else ProbeKind(spec.probe.type),
        network=_find_passphrase(spec),
        references=() if refused else references,
        lag_threshold=spec.load_balancing.lag_threshold,
        sustain_seconds=float(spec.autoscaling.sustain_seconds),
        hold_reason=_find_hold(pool) or refused,
        learned_requests_per_replica=pool.status.learned_requests_per_replica,
        stats_port=_STATS_PORT if spec.gate.enabled and spec.workload_ref is None else None,
        unready=_find_unready(pool),
        out_of_service=frozenset(one.replica_name for one in pool.status.replica_weights if one.out_of_service),
        remembered=_read_memory(pool.status.scaling_memory),
        keeps_volumes=spec.workload_ref is not None or spec.storage.retention_policy is RetentionPolicy.RETAIN,
    )


def _find_unready(pool: ReadOnlyPool) -> str:
    """Find what keeps pods from being ready, in the controller's words, cut short: they go out in headers of gRPC."""
    ready = next((one for one in pool.status.conditions if one.type == ConditionType.READY), None)
    if ready is None or ready.status is not ConditionStatus.FALSE:
        return ""
    return make_printable(shorten(ready.message, _MOST_CHARACTERS), " ")


def _read_memory(memory: ScalingMemory | None) -> Remembered | None:
    """Read what status keeps for the scaler; what is to be believed of it is for scaler.policy.policy_recall to say."""
    if memory is None:
        return None
    return Remembered(
        reported_at=memory.reported_at.timestamp(),
        asked=memory.desired_replicas,
        network=None if memory.network_passphrase is None else clean(memory.network_passphrase),
        surplus_since=_read_time(memory.surplus_since),
        surplus_peak=memory.surplus_peak,
        premature_scale_ins=memory.premature_scale_ins,
        scaled_in_at=_read_time(memory.scaled_in_at),
        overloaded_at=_read_time(memory.overloaded_at),
        warm_up_seconds=memory.warm_up_seconds,
        warm_ups=memory.warm_ups,
        average_unhealthy=memory.average_unhealthy,
        request_rate_known=memory.request_rate_known,
    )


def _read_time(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _find_passphrase(spec: PoolSpec) -> str | None:
    if spec.network is not Network.CUSTOM:
        return PASSPHRASES[spec.network]
    return None if spec.network_passphrase is None else clean(spec.network_passphrase)  # as what a node says


def _find_hold(pool: ReadOnlyPool) -> HoldReason | None:
    if pool.deletion_timestamp is not None:
        return HoldReason(POOL_TERMINATING, "The ReadOnlyPool is being deleted.")
    if pool.spec.paused:
        return HoldReason(PAUSED, "spec.paused is true, so the pool keeps its size.")
    return None


def _find_refusal(references: tuple[Reference, ...], rules: ReferenceRules) -> HoldReason | None:
    """Find the first reference that this scaler may not or cannot ask."""
    for number, reference in enumerate(references):
        field = f"spec.references[{number}]"
        if not is_node_url(reference.url):
            return HoldReason(POOL_INVALID, f"{field}.url: {reference.url!r} is not {ALLOWED_URL}.")
        if not rules.allow_any and reference not in rules.trusted:
            return HoldReason(
                REFERENCES_NOT_ALLOWED,
                f"{field}: {reference.kind}={reference.url} is not allowed, because a tenant could make the"
                " scaler fetch any address; start the scaler with this --reference or with --allow-static-nodes.",
            )
    return None


def _hold(spec: FleetSpec, reason: str, message: str) -> FleetSpec:
    return replace(spec, hold_reason=HoldReason(reason, message))


def _name(asked: FleetSpec) -> str:
    name = asked.source.name if isinstance(asked.source, PoolSource) else ""
    return f"{asked.namespace}/{name}"
