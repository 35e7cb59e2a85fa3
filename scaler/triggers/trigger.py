"""What KEDA's scalerMetadata asks for. The door: whatever is not understood is refused here.

Nothing is defaulted in silence. Parsing one value at a time is the part of scaler.triggers.trigger_values.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from scaler.policy.policy import Bounds
from scaler.probes.fields import clean
from scaler.probes.kinds import FLEET_KINDS, REFERENCE_KINDS, ProbeKind
from scaler.triggers.fleet_spec import FleetSpec, NodesSource, PoolSource, Reference, ServiceSource, build_pool_target
from scaler.triggers.metric import REQUEST_METRICS, Metric
from scaler.triggers.network_names import ALLOWED, find_passphrase
from scaler.triggers.trigger_values import Metadata, TriggerError, check_name, refuse

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


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger: a fleet, the metric that is asked of it, and the value per replica that the HPA aims at."""

    fleet: FleetSpec
    metric: Metric = Metric.DESIRED_REPLICAS
    target_value: float = 1.0


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
        probe=keys.take_choice("probe", FLEET_KINDS, ProbeKind.CORE),
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
