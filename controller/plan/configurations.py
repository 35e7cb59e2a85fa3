"""Each replica's configuration as text, and which replicas run another one. From the pool to controller.core_config."""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from controller.core_config.core_config import ConfigError, CoreSettings, build_core_config
from controller.gate.gate import CORE_PORTS, has_gate
from controller.observed import reasons
from controller.observed.drift import compute_hash
from controller.observed.labels import config_map_name, pod_name
from controller.observed.observed import ObservedPool
from controller.observed.plan_settings import PlanSettings
from controller.plan.shard_plan import find_archived_ledgers
from controller.replicas.replicas import Replica
from controller.resources.config_map import MAX_BYTES, config_key, count_bytes
from controller.shards.shards import ShardAssignment
from readpool.kubernetes.kinds import CONFIG_MAP, ObjectKey
from readpool.networks import NetworkFacts
from readpool.pool.spec import Network, ReadOnlyPool


@dataclass(frozen=True, slots=True)
class Configurations:
    """Texts by pod name; where there can be none, `stalled` says why: reason and message.

    `most`: so many replicas have one, where fewer fit than are wanted; None where all do.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    stalled: tuple[str, str] | None = None
    most: int | None = None

    @property
    def is_complete(self) -> bool:
        """Whether all replicas that there can be have one, so that what they are made of can be written."""
        return self.stalled is None or self.most is not None


def build_configurations(
    observed: ObservedPool,
    wanted: int,
    assignments: Mapping[str, ShardAssignment],
    settings: PlanSettings,
    running: int = 0,
) -> Configurations:
    """Build the configuration of each replica that is wanted, or of as many as fit, but no fewer than are `running`."""
    pool = observed.pool
    archived = find_archived_ledgers(observed)
    core = CoreSettings(
        archives=pool.spec.history_archive_urls,
        override=pool.spec.core_config_override,
        has_gate=has_gate(pool.spec, settings.gate_image),
        version=pool.spec.version,
        archived_ledger=archived[1] if archived is not None else None,
        ports=CORE_PORTS,
        pool=pool.name,
        namespace=pool.namespace,
    )
    try:
        network = _find_network(pool, settings)
        texts: dict[str, str] = {}
        size = 0
        for ordinal in range(wanted):
            name = pod_name(pool.name, ordinal)
            text = build_core_config(core, ordinal, assignments.get(name), network)
            size += count_bytes({name: text})
            if size > MAX_BYTES:
                return _truncate(texts, wanted, running)
            texts[name] = text
    except ConfigError as error:
        return Configurations(stalled=(reasons.INVALID_CONFIGURATION, str(error)))
    return Configurations(texts)


def _truncate(texts: Mapping[str, str], wanted: int, running: int) -> Configurations:
    """Return the configurations that fit; none if running replicas would lose theirs."""
    message = (
        f"A ConfigMap has room for the configurations of only {len(texts)} of {wanted} replicas; lower maxReplicas,"
        " shorten coreConfigOverride, or create several smaller pools"
    )
    stalled = (reasons.CONFIGURATION_TOO_LARGE, message)
    if not texts or len(texts) < running:
        return Configurations(stalled=stalled)
    return Configurations(texts, stalled, len(texts))


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


def runs_another(replica: Replica, texts: Mapping[str, str]) -> bool:
    """Return whether a replica runs another configuration than it should, whether it can be written yet or not."""
    text = texts.get(replica.name)
    return text is not None and replica.config_hash is not None and not _is_hash_of(replica.config_hash, text)


def is_configuration_written(observed: ObservedPool, name: str, texts: Mapping[str, str]) -> bool:
    """Return whether a replica would start with what it should, as the ConfigMap is already."""
    return name not in texts or _read_live(observed).get(config_key(name)) == texts[name]


def choose_texts(
    observed: ObservedPool, replicas: Iterable[Replica], texts: Mapping[str, str], turn: str | None
) -> Mapping[str, str]:
    """Choose what the ConfigMap is to hold now: of a replica that runs what it was started with, that.

    Whatever restarts it by itself, such as a crash or its node, then changes nothing. It gets the new text when it is
    its `turn` to be restarted, and before it is.
    """
    live = _read_live(observed)
    kept = {
        one.name: live[config_key(one.name)]
        for one in replicas
        if config_key(one.name) in live and one.name in texts and one.name != turn and not one.is_terminating
        if _keeps(one, live[config_key(one.name)], texts[one.name])
    }
    return {name: kept.get(name, text) for name, text in texts.items()}


def _keeps(replica: Replica, live: str, text: str) -> bool:
    """Return whether a replica's file stays as it is: it is what it runs, or no one has noted yet what it does."""
    noted = replica.config_hash
    return noted is None or (_is_hash_of(noted, live) and not _is_hash_of(noted, text))


def _is_hash_of(noted: str, text: str) -> bool:
    """Return whether a hash that a pod has noted is of this text."""
    return noted == (hash_configuration(text) if noted.startswith(_MARK) else _hash_text(text))


def is_config_map_missing(observed: ObservedPool) -> bool:
    """Return whether there is no ConfigMap yet, and can be one."""
    key = ObjectKey(CONFIG_MAP, observed.pool.namespace, config_map_name(observed.pool.name))
    return key not in observed.children and not observed.is_held(key)


def _read_live(observed: ObservedPool) -> Mapping[str, str]:
    live = observed.find(CONFIG_MAP, config_map_name(observed.pool.name))
    data: Mapping[str, str] = (live or {}).get("data") or {}
    return data


def _find_network(pool: ReadOnlyPool, settings: PlanSettings) -> NetworkFacts:
    if pool.spec.network is Network.CUSTOM:
        return NetworkFacts(pool.spec.network_passphrase or "")
    network = settings.networks.get(str(pool.spec.network))
    if network is None:
        raise ConfigError(f"network: {pool.spec.network} is not a network that this controller knows")
    return network
