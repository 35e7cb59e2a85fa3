"""Each replica's configuration as text, and which replicas run another one. From the pool to controller.core_config."""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from controller import reasons
from controller.core_config import ConfigError, CoreSettings, build_core_config
from controller.differs import compute_hash
from controller.gate import CORE_PORTS, has_gate
from controller.labels import config_map_name, pod_name
from controller.observed import ObservedPool
from controller.plan_settings import PlanSettings
from controller.replicas import Replica
from controller.resources.config_map import MAX_BYTES, config_key, count_bytes
from controller.shard_plan import find_archived_ledgers
from controller.shards import ShardAssignment
from readpool.kubernetes.kinds import CONFIG_MAP, ObjectKey
from readpool.networks import NetworkFacts
from readpool.pool.spec import Network, ReadOnlyPool


@dataclass(frozen=True, slots=True)
class Configurations:
    """Texts by pod name; where there can be none, `stalled` says why: reason and message."""

    texts: Mapping[str, str] = field(default_factory=dict)
    stalled: tuple[str, str] | None = None


def build_configurations(
    observed: ObservedPool, wanted: int, assignments: Mapping[str, ShardAssignment], settings: PlanSettings
) -> Configurations:
    """Build the configuration of each replica that is wanted."""
    pool = observed.pool
    archived = find_archived_ledgers(observed)
    core = CoreSettings(
        archives=pool.spec.history_archive_urls,
        override=pool.spec.core_config_override,
        has_gate=has_gate(pool.spec, settings.gate_image),
        version=pool.spec.version,
        archived_ledger=archived[1] if archived is not None else None,
        ports=CORE_PORTS,
    )
    names = {ordinal: pod_name(pool.name, ordinal) for ordinal in range(wanted)}
    try:
        network = _find_network(pool, settings)
        texts = {name: build_core_config(core, i, assignments.get(name), network) for i, name in names.items()}
    except ConfigError as error:
        return Configurations(stalled=(reasons.CONFIGURATION_REFUSED, str(error)))
    size = count_bytes(texts)
    if size > MAX_BYTES:
        message = f"{size} bytes for {wanted} replicas, {MAX_BYTES} fit into a ConfigMap; make several smaller pools"
        return Configurations(stalled=(reasons.CONFIGURATION_TOO_LARGE, message))
    return Configurations(texts)


def choose_config_hash(observed: ObservedPool, replica: Replica) -> str | None:
    """Choose what to note as the configuration that a replica started with: once, as the ConfigMap is by then."""
    if replica.config_hash is not None:
        return replica.config_hash
    text = _read_live(observed).get(config_key(replica.name))
    return hash_configuration(text) if text is not None else None


def hash_configuration(text: str) -> str:
    """Hash what a restart would bring into effect: what Core reads, but for how much history a new volume replays."""
    try:
        read = tomllib.loads(text)
    except ValueError:  # what somebody else has written there: Core reads nothing of it either
        return _MARK + compute_hash(text)
    kept = {key: part for key, part in read.items() if key not in _OF_NEW_VOLUMES}
    return _MARK + compute_hash(json.loads(json.dumps(kept, default=str)))  # TOML has dates, JSON has none


_MARK = "core-"
"""Before a hash of what Core reads; one without it was noted by an older controller, of the text as it stood."""
_OF_NEW_VOLUMES = ("CATCHUP_COMPLETE", "CATCHUP_RECENT")


def _hash_text(text: str) -> str:
    """Hash a configuration as older controllers did, so that their replicas are not restarted for another hash."""
    return compute_hash(re.sub(r"^CATCHUP_RECENT = [0-9]+\n", "", text, flags=re.MULTILINE))


def runs_another(observed: ObservedPool, replica: Replica, texts: Mapping[str, str]) -> bool:
    """Tell whether a replica would start with another configuration than it has, as the ConfigMap is already."""
    text = texts.get(replica.name)
    if text is None or replica.config_hash is None or _read_live(observed).get(config_key(replica.name)) != text:
        return False
    is_older = not replica.config_hash.startswith(_MARK)
    return replica.config_hash != (_hash_text(text) if is_older else hash_configuration(text))


def is_to_be_written(observed: ObservedPool, replicas: Iterable[Replica], texts: Mapping[str, str]) -> bool:
    """Tell whether the ConfigMap is about to say something else of a replica that is there, as far as it can be."""
    live, key = _read_live(observed), config_map_name(observed.pool.name)
    if ObjectKey(CONFIG_MAP, observed.pool.namespace, key) in observed.refused:
        return False
    return any(live.get(config_key(one.name)) != texts[one.name] for one in replicas if one.name in texts)


def _read_live(observed: ObservedPool) -> Mapping[str, str]:
    live = observed.find(CONFIG_MAP, config_map_name(observed.pool.name))
    data: Mapping[str, str] = (live or {}).get("data") or {}
    return data


def _find_network(pool: ReadOnlyPool, settings: PlanSettings) -> NetworkFacts:
    if pool.spec.network is Network.CUSTOM:
        return NetworkFacts(pool.spec.network_passphrase or "")
    network = settings.networks.get(str(pool.spec.network))
    if network is None:
        raise ConfigError(f"network: nothing is known of {pool.spec.network}")
    return network
