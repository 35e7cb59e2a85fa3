"""What does one replica's Stellar Core read as its configuration? Facts in, TOML out. ConfigMaps carry it.

A replica is a watcher: it follows its network, reads archives, answers queries, and neither votes nor publishes. What
the pool's coreConfigOverride says is merged over it by controller.core_config.core_config_override.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import tomli_w

from controller.core_config.core_config_archives import (
    build_get_command,
    build_history,
    check_archive_url,
    order_archives,
)
from controller.core_config.core_config_override import (
    DATA_FOLDER,
    ConfigError,
    merge_override,
    parse_override,
    replaces_quorum,
)
from controller.core_config.core_config_version import has_query_server
from controller.core_config.neighbours import build_peering
from controller.shards.checkpoints import LedgerRange
from controller.shards.shards import ShardAssignment
from readpool.history_archives import CHECKPOINT_LEDGERS, FIRST_LEDGER
from readpool.networks import NetworkFacts

__all__ = ["ConfigError", "CorePorts", "CoreSettings", "build_core_config"]

QUERY_THREADS = 4
QUERY_SNAPSHOTS = 5
"""The newest ledgers that a query may ask for: two requests within half a minute can see the same one."""
COUNTED_BITS = 4
"""CATCHUP_RECENT is rounded up to this many binary digits, so that a configuration stands while ledgers close."""
ROOM_LEDGERS = 2 * CHECKPOINT_LEDGERS
"""So far the network may have gone on from what the archives are known to hold."""


@dataclass(frozen=True, slots=True)
class CorePorts:
    """Where Core listens. `command` is an admin port; behind the gate both it and `query` are on localhost alone."""

    peer: int = 11625
    command: int = 11626
    query: int = 11630


_KEPT = 512
"""Configurations: while a pool comes up or changes it is planned several times with the same ones. They have a few KiB
each as a rule; with the longest overrides that tenants may write, all of them take 35 MiB."""


@dataclass(frozen=True, slots=True)
class CoreSettings:
    """What the pool says that matters to Core.

    Attributes:
        archives: historyArchiveUrls; the network's own are read where there are none.
        override: coreConfigOverride, TOML.
        has_gate: the gate stands before Core's ports; without it Core opens them itself.
        version: the image's tag; older Cores refuse keys that they do not know.
        archived_ledger: the newest one that the archives hold, for ledger ranges; None while not known.
        data_folder: where the replica's volume is.
        pool, namespace: of the pool, by which its replicas find each other.
    """

    archives: tuple[str, ...] = ()
    override: str = ""
    has_gate: bool = True
    version: str = ""
    archived_ledger: int | None = None
    data_folder: str = DATA_FOLDER
    ports: CorePorts = CorePorts()
    pool: str = "pool"
    namespace: str = "default"


@lru_cache(maxsize=_KEPT)
def build_core_config(
    settings: CoreSettings, ordinal: int, assignment: ShardAssignment | None, network: NetworkFacts
) -> str:
    """Build the TOML of the replica with this ordinal; `assignment` is its shard, None where there are no shards.

    Raises:
        ConfigError: for an archive's URL or an override that is not accepted, and where no quorum set or no archive is
            given at all; the message names the field or key.
    """
    override = parse_override(settings.override)
    chains = _order_archives(settings, ordinal, assignment)
    config = _build_node(settings, network) | _build_catch_up(settings, assignment)
    config |= build_peering(settings.pool, settings.namespace, ordinal, settings.ports.peer, override)
    config |= {"HISTORY": build_history(chains, is_sharded=assignment is not None)} if chains else {}
    if replaces_quorum(override):
        config |= _build_rest_of_network(network, override, has_archives=bool(chains))
    else:
        config |= _build_quorum(network, chains)
    merged = merge_override(config, override)
    _check_whole(merged)
    return _describe(ordinal, assignment, has_stand_ins=any(len(chain) > 1 for chain in chains)) + _write(merged)


def _build_node(settings: CoreSettings, network: NetworkFacts) -> dict[str, Any]:
    node = {
        "NETWORK_PASSPHRASE": network.passphrase,
        "NODE_IS_VALIDATOR": False,
        "PEER_PORT": settings.ports.peer,
        "HTTP_PORT": settings.ports.command,
        "PUBLIC_HTTP_PORT": not settings.has_gate,
        "DATABASE": f"sqlite3://{settings.data_folder}/stellar.db",
        "BUCKET_DIR_PATH": f"{settings.data_folder}/buckets",
        "LOG_FILE_PATH": "",  # to the container's output alone
        "METADATA_DEBUG_LEDGERS": 0,  # Core would keep what each ledger changed, and run gzip over it every 256 ledgers
    }
    if has_query_server(settings.version):
        node |= {
            "HTTP_QUERY_PORT": settings.ports.query,
            "QUERY_THREAD_POOL_SIZE": QUERY_THREADS,
            "QUERY_SNAPSHOT_LEDGERS": QUERY_SNAPSHOTS,
        }
    return node


def _build_catch_up(settings: CoreSettings, assignment: ShardAssignment | None) -> dict[str, Any]:
    """Build the keys for how much history a new replica replays: from the start of its range, else none."""
    if assignment is None or assignment.ledger_range is None:
        return {"CATCHUP_COMPLETE": False, "CATCHUP_RECENT": 0}
    if assignment.ledger_range.start <= FIRST_LEDGER:
        return {"CATCHUP_COMPLETE": True}
    recent = compute_catchup_recent(assignment.ledger_range, settings.archived_ledger)
    return {"CATCHUP_COMPLETE": False, "CATCHUP_RECENT": recent}


def compute_catchup_recent(ledger_range: LedgerRange, archived_ledger: int | None) -> int:
    """Compute how many ledgers to replay so that the range is among them; 0 for none, while nothing is known.

    Core counts back from the network's newest ledger, which moves on: hence some room. Rounded up by an eighth at most.
    """
    if archived_ledger is None or archived_ledger < ledger_range.start:
        return 0
    ledgers = archived_ledger - ledger_range.start + 1 + ROOM_LEDGERS
    step = 1 << max(0, ledgers.bit_length() - COUNTED_BITS)
    return -(-ledgers // step) * step


def _order_archives(
    settings: CoreSettings, ordinal: int, assignment: ShardAssignment | None
) -> tuple[tuple[str, ...], ...]:
    archives = [check_archive_url(f"historyArchiveUrls[{i}]", url) for i, url in enumerate(settings.archives)]
    own = None if assignment is None else check_archive_url("archive of the shard", assignment.archive_url)
    return order_archives(archives, own, ordinal)


def _build_quorum(network: NetworkFacts, chains: tuple[tuple[str, ...], ...]) -> dict[str, Any]:
    """Build the quorum set of the network's validators.

    Core wants an archive of each validator of high quality, and reads that as readily as any other. So the pool's own
    archives stand there in turn, where it has some.
    """
    if not network.validators:
        return {}
    return {
        "HOME_DOMAINS": [{"HOME_DOMAIN": one.name, "QUALITY": str(one.quality)} for one in network.home_domains],
        "VALIDATORS": [
            {
                "NAME": validator.name,
                "HOME_DOMAIN": validator.home_domain.name,
                "PUBLIC_KEY": validator.public_key,
                "ADDRESS": validator.address,
                "HISTORY": build_get_command(chains[index % len(chains)] if chains else (validator.archive,)),
            }
            for index, validator in enumerate(network.validators)
        ],
    }


def _build_rest_of_network(network: NetworkFacts, override: Mapping[str, Any], *, has_archives: bool) -> dict[str, Any]:
    """Keep what a replaced quorum set would take away with it: peers to begin with, archives to read."""
    rest: dict[str, Any] = {}
    if "VALIDATORS" not in override and network.validators:
        rest["KNOWN_PEERS"] = [validator.address for validator in network.validators]
    if not has_archives and not _has_archives(override) and network.archives:
        rest["HISTORY"] = build_history([(archive,) for archive in network.archives], is_sharded=False)
    return rest


def _has_archives(config: Mapping[str, Any]) -> bool:
    return bool(config.get("HISTORY")) or any("HISTORY" in validator for validator in config.get("VALIDATORS", ()))


def _check_whole(config: Mapping[str, Any]) -> None:
    """Refuse what Core would refuse at its start, where no one looks."""
    if not replaces_quorum(config):
        raise ConfigError(
            "coreConfigOverride: [QUORUM_SET] or [[VALIDATORS]] is required for network: Custom, whose validators are"
            " not known"
        )
    if not _has_archives(config):
        raise ConfigError(
            "historyArchiveUrls: required, since coreConfigOverride has no HISTORY either; Core needs an archive"
        )


def _describe(ordinal: int, assignment: ShardAssignment | None, *, has_stand_ins: bool) -> str:
    """Build the comment above the configuration; only from validated values, since comments are not escaped."""
    shard = "" if assignment is None else f", shard {assignment.shard_id}"
    ledgers = f", ledgers {assignment.ledger_range}" if assignment and assignment.ledger_range else ""
    lines = [
        "# Written by readpool; changes here are overwritten. Set the pool's coreConfigOverride instead.",
        f"# Replica {ordinal}{shard}{ledgers}.",
    ]
    if has_stand_ins:
        lines.append(
            "# Archives are tried in the order of their command; ${{IFS}} is a space, at which Core would split it."
        )
    return "\n".join(lines) + "\n\n"


def _write(config: Mapping[str, Any]) -> str:
    try:
        return tomli_w.dumps(config)
    except RecursionError:
        raise ConfigError("coreConfigOverride: nested too deeply") from None
