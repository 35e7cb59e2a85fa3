"""What KEDA's scalerMetadata asks for. The door: whatever is not understood is refused here.

Nothing is defaulted in silence. Parsing one value at a time is the part of scaler.triggers.trigger_values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from scaler.policy.hold_reasons import HoldReason
from scaler.policy.policy import Bounds
from scaler.policy.remembered import Remembered
from scaler.probes.fields import clean
from scaler.probes.kinds import REFERENCE_KINDS, ProbeKind
from scaler.triggers.network_names import ALLOWED, PASSPHRASES, find_passphrase
from scaler.triggers.trigger_values import Metadata, TriggerError, check_name, refuse

__all__ = [
    "PASSPHRASES",
    "FleetSpec",
    "Metric",
    "NodesSource",
    "PoolSource",
    "Reference",
    "ServiceSource",
    "Trigger",
    "TriggerError",
    "build_pool_target",
    "parse_trigger",
]

MAX_REPLICAS = 5000
"""As many as a fleet may have members."""
MAX_LAG_THRESHOLD = 1_000_000
MIN_SUSTAIN_SECONDS = 0.001
MAX_SUSTAIN_SECONDS = 86_400.0
MIN_TARGET_VALUE = 0.001
"""KEDA passes targets on in whole thousandths, and the API server refuses an HPA with a target of 0."""
MAX_TARGET_VALUE = 1e9
MAX_NODES = 5000
MAX_REFERENCES = 8


class Metric(StrEnum):
    """The metrics that a trigger can name."""

    DESIRED_REPLICAS = "desiredReplicas"
    FRESH_REPLICAS = "freshReplicas"
    LAGGING_REPLICAS = "laggingReplicas"
    LAGGING_PERCENT = "laggingPercent"
    MAX_LAG = "maxLag"
    P90_LAG = "p90Lag"
    AVERAGE_LAG = "averageLag"
    REQUESTS_PER_SECOND = "requestsPerSecond"
    REQUEST_LATENCY_P90 = "requestLatencyP90Milliseconds"
    REQUEST_ERROR_PERCENT = "requestErrorPercent"


REQUEST_METRICS = frozenset((Metric.REQUESTS_PER_SECOND, Metric.REQUEST_LATENCY_P90, Metric.REQUEST_ERROR_PERCENT))
"""What only gates report."""


@dataclass(frozen=True, slots=True)
class ServiceSource:
    """A headless Service in the ScaledObject's own namespace, found by DNS; `port` is a number or a name (SRV)."""

    name: str
    port: int | str


@dataclass(frozen=True, slots=True)
class NodesSource:
    """Fixed URLs, such as http://10.0.0.1:11626."""

    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PoolSource:
    """A ReadOnlyPool in the ScaledObject's own namespace."""

    name: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A node whose word counts as evidence of the tip: asked like a node, never scaled."""

    kind: ProbeKind
    url: str


@dataclass(frozen=True, slots=True)
class FleetSpec:
    """The nodes of a fleet, and its bounds and thresholds. Triggers with equal specs share one observation.

    `network` is the passphrase, None to use what the nodes agree on. `hold_reason` is why nothing is decided, whatever
    is observed. A trigger with `pool` only names the pool; triggers.pool_fleet derives the rest from it, such as
    `learned_requests_per_replica`, and `remembered`, which a fleet only reads when it starts, so that specs that differ
    in nothing else are equal. `stats_port` is the port on which the gate beside each node reports its readers: a
    number, or the name of the Service's port; None without gates. `unready` is why the pool's controller says that its
    pods are not ready; empty if it does not. `out_of_service` are replicas taken out of service by a person: they get
    no readers, and each has a substitute. `keeps_volumes`: the volume of a replica that is removed stays, or may.
    """

    namespace: str
    source: ServiceSource | NodesSource | PoolSource
    bounds: Bounds
    probe: ProbeKind = ProbeKind.CORE
    network: str | None = None
    references: tuple[Reference, ...] = ()
    lag_threshold: int = 1000
    sustain_seconds: float = 60.0
    hold_reason: HoldReason | None = None
    learned_requests_per_replica: float | None = None
    stats_port: int | str | None = None
    unready: str = ""
    out_of_service: frozenset[str] = frozenset()
    keeps_volumes: bool = True
    remembered: Remembered | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger: a fleet, the metric that is asked of it, and the value per replica that the HPA aims at."""

    fleet: FleetSpec
    metric: Metric = Metric.DESIRED_REPLICAS
    target_value: float = 1.0


def build_pool_target(namespace: str, name: str) -> FleetSpec:
    """Build what a trigger by pool names: the pool's name, and no bounds of its own."""
    return FleetSpec(namespace, PoolSource(name), Bounds(0, 0, 0))


def parse_trigger(namespace: str, metadata: Mapping[str, str], *, allow_static_nodes: bool) -> Trigger:
    """Parse scalerMetadata.

    Raises:
        TriggerError: for a namespace that none can have, and for unknown, missing, doubled or malformed keys; the
            message names key, value and what is allowed.
    """
    check_name("namespace", namespace)
    keys = Metadata(metadata, KEYS)
    metric = keys.take_choice("metric", Metric, Metric.DESIRED_REPLICAS)
    target_value = keys.take_number("targetValue", 1.0, minimum=MIN_TARGET_VALUE, maximum=MAX_TARGET_VALUE)
    if metric is Metric.DESIRED_REPLICAS and target_value != 1.0:
        raise TriggerError(
            f"targetValue: {target_value:g} is not allowed with metric {metric}, which is the number of replicas;"
            " omit targetValue or use another metric"
        )
    source = _take_source(keys, allow_static_nodes=allow_static_nodes)
    if isinstance(source, PoolSource):
        keys.refuse_rest("with pool, which defines bounds and thresholds itself", _POOL_KEYS)
        return Trigger(build_pool_target(namespace, source.name), metric, target_value)
    fleet = FleetSpec(
        namespace=namespace,
        source=source,
        bounds=_take_bounds(keys),
        probe=keys.take_choice("probe", _FLEET_PROBES, ProbeKind.CORE),
        network=_take_network(keys),
        references=_take_references(keys, allow_static_nodes=allow_static_nodes),
        lag_threshold=keys.take_whole("lagThreshold", 1000, minimum=1, maximum=MAX_LAG_THRESHOLD),
        sustain_seconds=keys.take_number(
            "sustainSeconds", 60.0, minimum=MIN_SUSTAIN_SECONDS, maximum=MAX_SUSTAIN_SECONDS
        ),
        stats_port=_take_stats_port(keys, source, metric),
    )
    keys.refuse_rest("with nodes", _NODES_KEYS)
    return Trigger(fleet, metric, target_value)


_POOL_KEYS = ("pool", "metric", "targetValue")
KEYS = (
    *("service", "nodes", "port", "statsPort", "probe", "network", "references", "lagThreshold", "sustainSeconds"),
    *("targetReplicas", "minReplicas", "maxReplicas"),
    *_POOL_KEYS,
)
_NODES_KEYS = tuple(key for key in KEYS if key not in ("service", "pool", "port"))
_MAX_TO_TARGET = 4
"""maxReplicas to targetReplicas where the former is not given: as in the defaults of a ReadOnlyPool, 20 to 5."""
_FLEET_PROBES = (ProbeKind.CORE, ProbeKind.RPC, ProbeKind.HORIZON)


def _take_source(keys: Metadata, *, allow_static_nodes: bool) -> ServiceSource | NodesSource | PoolSource:
    named = keys.take_one_of("service", "nodes", "pool")
    if named == "pool":
        return PoolSource(keys.take_name("pool"))
    if named == "service":
        return ServiceSource(keys.take_name("service"), keys.take_port("port"))
    if not allow_static_nodes:
        raise TriggerError(
            "nodes: not allowed, because a tenant could make the scaler fetch any address;"
            " use service, or start the scaler with --allow-static-nodes"
        )
    return NodesSource(keys.take_urls("nodes", MAX_NODES))


def _take_stats_port(keys: Metadata, source: ServiceSource | NodesSource, metric: Metric) -> int | str | None:
    port = keys.find_port("statsPort")
    if port is None and metric in REQUEST_METRICS:
        raise TriggerError(f"statsPort: required for metric {metric}, which the gates report on that port")
    if isinstance(port, str) and isinstance(source, NodesSource):
        raise TriggerError(f"statsPort: {port!r} is not allowed with nodes, whose ports have no names; use a number")
    return port


def _take_bounds(keys: Metadata) -> Bounds:
    target = keys.take_whole("targetReplicas", None, minimum=0, maximum=MAX_REPLICAS)
    minimum = keys.take_whole("minReplicas", target, minimum=0, maximum=MAX_REPLICAS)
    most = min(_MAX_TO_TARGET * target, MAX_REPLICAS)
    maximum = keys.take_whole("maxReplicas", most, minimum=0, maximum=MAX_REPLICAS)
    if not minimum <= target <= maximum:
        raise TriggerError(
            f"targetReplicas: {target} must be between minReplicas ({minimum}) and maxReplicas ({maximum})"
        )
    return Bounds(minimum, target, maximum)


def _take_network(keys: Metadata) -> str | None:
    words = keys.take_words("network", None)
    if words is None:
        return None
    passphrase = find_passphrase(words)
    if passphrase is None:
        raise refuse("network", words, ALLOWED)
    return clean(passphrase)  # as the probes clean what a node says


def _take_references(keys: Metadata, *, allow_static_nodes: bool) -> tuple[Reference, ...]:
    pairs = keys.take_pairs("references", MAX_REFERENCES, kinds=REFERENCE_KINDS)
    if pairs and not allow_static_nodes:
        raise TriggerError(
            "references: not allowed, because a tenant could make the scaler fetch any address;"
            " start the scaler with --reference or --allow-static-nodes"
        )
    return tuple(Reference(ProbeKind(kind), url) for kind, url in pairs)
