"""How are fleets named, so that two scalers name those alike that both observe? Pure; asked by the set of fleets."""

import hashlib
from collections.abc import Iterable

from scaler.triggers.fleet_spec import FleetSpec, NodesSource, PoolSource


def name_source(spec: FleetSpec) -> str:
    """Name what a fleet is found by: NAMESPACE/SOURCE."""
    if isinstance(spec.source, NodesSource):
        return f"{spec.namespace}/nodes-{_digest(spec.source.urls)}"
    return f"{spec.namespace}/{spec.source.name}"


def name_fleets(source: str, specs: Iterable[FleetSpec]) -> dict[FleetSpec, str]:
    """Name the fleets of one source: the first by their digests has its name alone, a pool before all others.

    Who asked first says nothing: scalers are asked in turn.
    """
    digests = {spec: _digest(spec) for spec in specs}
    ordered = sorted(digests, key=lambda spec: (not isinstance(spec.source, PoolSource), digests[spec]))
    return {spec: f"{source}~{digests[spec]}" if place else source for place, spec in enumerate(ordered)}


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:8]
