"""Is a pool's Stellar Core too old for its network? What the condition Fresh then says. Pure.

By what the scaler says of each replica, or, where none is fresh, by the version in the spec: a Core that cannot follow
its network may answer no one.
"""

from collections.abc import Mapping, Sequence

from controller.core_config.core_config_version import parse_major
from controller.observed.observed import FleetView
from controller.replicas.replicas import Replica
from readpool.networks import NetworkFacts
from readpool.pool.spec import PoolSpec

_TOLD_REPLICAS = 3


def explain_old_core(
    spec: PoolSpec, replicas: Sequence[Replica], fleet: FleetView | None, networks: Mapping[str, NetworkFacts]
) -> str:
    """Explain why no replica of this version can follow the network; empty where it can, or no one knows."""
    told = None if fleet is None else fleet.network_protocol
    old = [one for one in replicas if one.view is not None and one.view.is_core_too_old]
    if old and told is not None:
        newest = max((one.view.core_protocol or 0 for one in old if one.view is not None), default=0)
        more = f" and {len(old) - _TOLD_REPLICAS} more" if len(old) > _TOLD_REPLICAS else ""
        names = ", ".join(one.name for one in old[:_TOLD_REPLICAS])
        return f"Stellar Core of {names}{more} supports Protocol {newest} at most, {_say_needed(spec, told)}"
    if any(one.is_fresh for one in replicas) or not replicas:
        return ""
    supported, facts = parse_major(spec.version), networks.get(spec.network)
    if supported is None or facts is None or facts.protocol is None or supported >= facts.protocol.number:
        return ""
    if told is not None and told <= supported:
        return ""
    needed = _say_needed(spec, facts.protocol.number)
    return f"Stellar Core {spec.version} supports Protocol {supported} at most, {needed}"


def _say_needed(spec: PoolSpec, protocol: int) -> str:
    if spec.workload_ref is not None:
        return f"and {spec.network} is at Protocol {protocol}: upgrade {spec.workload_ref}"
    if (parse_major(spec.version) or 0) >= protocol:
        return f"and {spec.network} is at Protocol {protocol}; resolved when the rollout of {spec.version} completes"
    return f"and {spec.network} is at Protocol {protocol}: set spec.version to {protocol} or newer"
