"""A configuration file of Core, read into the settings of a simulated one, or refused with Core's words. Pure.

Every key that Core 22.4.1 knows is known and its value's kind checked; those that change nothing here are then ignored.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from readpool.simulator.core.config_keys import check
from readpool.simulator.core.config_quorum import Names, home_domains, node_seed, quorum_set, validators
from readpool.simulator.core.errors import CoreFailure
from readpool.simulator.core.keys import account_of
from readpool.simulator.core.quorum import Validator, blocks, describe, generate, tolerated
from readpool.simulator.core.settings import CoreSettings, HistoryArchive, QuorumSet
from readpool.simulator.core.toml_text import parse

_SQLITE = "sqlite3://"
_DEFAULT_LOG = "stellar-core-{datetime:%Y-%m-%d_%H-%M-%S}.log"
_PORTS = 1 << 16
_HISTORY_KEYS = {"get", "put", "mkdir"}
_BE_SURE = "Be sure you know what you are doing!"

Note = Callable[[str, str], None]
"""Is given the level and the text of what Core logs while it reads a configuration."""


@dataclass(slots=True)
class _Trust:
    """Whom the file trusts, as far as it has been read."""

    names: Names = field(default_factory=Names)
    listed: list[Validator] = field(default_factory=list)
    quorum: QuorumSet = field(default_factory=lambda: QuorumSet(0, ()))
    is_majority: bool = False


def read(text: str, name: str, random_seed: str, note: Note) -> CoreSettings:
    """Read a file's text. `random_seed` (S…) makes the identity of a node that has no NODE_SEED.

    Raises CoreFailure where Core would not start.
    """
    try:
        return _read(parse(text), random_seed, note)
    except ValueError as error:
        raise CoreFailure(f"Failed to parse '{name}' :{error}") from error


def _read(values: dict[str, Any], random_seed: str, note: Note) -> CoreSettings:
    check(values)
    trust = _Trust()
    archives = _archives(values.get("HISTORY", {}))
    seed = node_seed(values["NODE_SEED"], trust.names) if "NODE_SEED" in values else None
    account = account_of(seed or random_seed)
    _note_for_testing(values, note)
    _read_trust(values, trust, account, note)
    _judge(values, trust, note)
    archives += [HistoryArchive(one.name, one.history) for one in trust.listed if one.history]
    peers = [one.address for one in trust.listed if one.address]
    alias = trust.names.by_account.get(account, "")
    return CoreSettings(
        passphrase=values.get("NETWORK_PASSPHRASE", ""),
        is_validator=values.get("NODE_IS_VALIDATOR", False),
        account=account,
        quorum=trust.quorum,
        seed=seed,
        alias=alias,
        known_peers=(*values.get("KNOWN_PEERS", ()), *peers),
        archives=tuple(archives),
        **_plain(values),
    )


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that stand in the file as they are."""
    url = values.get("DATABASE", "sqlite3://:memory:")
    return {
        "database": url.removeprefix(_SQLITE),
        "database_url": url,
        "metadata_stream": values.get("METADATA_OUTPUT_STREAM", ""),
        "buckets": values.get("BUCKET_DIR_PATH", "buckets"),
        "log_file": values.get("LOG_FILE_PATH", _DEFAULT_LOG) or None,
        "peer_port": values.get("PEER_PORT", 11625) % _PORTS,
        "http_port": values.get("HTTP_PORT", 11626) % _PORTS,
        "query_port": values.get("HTTP_QUERY_PORT", 0) % _PORTS,
        "query_threads": values.get("QUERY_THREAD_POOL_SIZE", 4),
        "query_snapshot_ledgers": values.get("QUERY_SNAPSHOT_LEDGERS", 5),
        "http_max_client": values.get("HTTP_MAX_CLIENT", 128),
        "is_public": values.get("PUBLIC_HTTP_PORT", False),
        "is_standalone": values.get("RUN_STANDALONE", False),
        "is_accelerated": values.get("ARTIFICIALLY_ACCELERATE_TIME_FOR_TESTING", False),
        "preferred_peers": tuple(values.get("PREFERRED_PEERS", ())),
        "target_peer_connections": values.get("TARGET_PEER_CONNECTIONS", 8),
        "max_additional_peer_connections": values.get("MAX_ADDITIONAL_PEER_CONNECTIONS", -1),
        "slots_remembered": values.get("MAX_SLOTS_TO_REMEMBER", 12),
        "catchup_complete": values.get("CATCHUP_COMPLETE", False),
        "catchup_recent": values.get("CATCHUP_RECENT", 0),
    }


def _archives(tables: object) -> list[HistoryArchive]:
    if not isinstance(tables, dict) or not all(isinstance(one, dict) for one in tables.values()):
        raise ValueError("malformed HISTORY config block")
    for name, table in tables.items():
        for key, command in table.items():
            if key not in _HISTORY_KEYS:
                raise ValueError(f"Unknown HISTORY-table entry: '{key}', within [HISTORY.{name}]")
            if not isinstance(command, str):
                raise ValueError(f"invalid '{key}'")  # noqa: TRY004  # all that is wrong with a file is a ValueError
    return [HistoryArchive(name, **table) for name, table in tables.items()]


def _note_for_testing(values: dict[str, Any], note: Note) -> None:
    for key, value in values.items():
        if value and (key.startswith("ARTIFICIALLY_") or key == "ALLOW_LOCALHOST_FOR_TESTING"):
            word = "will" if key.startswith("ARTIFICIALLY_") else "may"
            note(
                "INFO", f"'{key}' enabled in configuration file - node {word} not function properly with most networks"
            )


def _read_trust(values: dict[str, Any], trust: _Trust, account: str, note: Note) -> None:
    for entry in values.get("NODE_NAMES", ()):
        trust.names.node(str(entry))
    qualities = home_domains(values.get("HOME_DOMAINS", []))
    trust.listed = validators(values.get("VALIDATORS", []), qualities, trust.names)
    if "QUORUM_SET" in values:
        trust.quorum = quorum_set(values["QUORUM_SET"], trust.names)
        note("INFO", f"Using QUORUM_SET: {describe(trust.quorum, trust.names.by_account)}\n")
        return
    members = trust.listed + _self_as_validator(values, qualities, account)
    trust.is_majority = len({one.home_domain for one in members}) == 1
    trust.quorum = generate(members)
    note("INFO", f"Generated QUORUM_SET: {describe(trust.quorum, trust.names.by_account)}\n")
    if not blocks(trust.quorum, {one.account for one in trust.listed if one.history}):
        note("WARNING", "Quorum can be reached without validators with an archive")
        if not values.get("UNSAFE_QUORUM", False):
            note(
                "ERROR",
                "Potentially unsafe configuration: validators with known archives should be included in all quorums. "
                f"If this is really what you want, set UNSAFE_QUORUM=true. {_BE_SURE}",
            )
            raise ValueError("SCP unsafe")


def _self_as_validator(values: dict[str, Any], qualities: dict[str, str], account: str) -> list[Validator]:
    """Return the node itself, which is part of a quorum set that is generated for a validator."""
    if not values.get("NODE_IS_VALIDATOR", False):
        return []
    domain = values.get("NODE_HOME_DOMAIN", "")
    if not domain:
        raise ValueError("Validator is part of the quorum, NODE_HOME_DOMAIN must be set")
    if domain not in qualities:
        raise ValueError(f"NODE_HOME_DOMAIN {domain} has no quality in HOME_DOMAINS")
    return [Validator("self", account, domain, qualities[domain])]


def _judge(values: dict[str, Any], trust: _Trust, note: Note) -> None:
    """Refuse a quorum set that is not safe, unless the file says that it may be so."""
    size = len(trust.quorum.validators) + len(trust.quorum.inner)
    if not size:
        raise ValueError("no validators defined in VALIDATORS/QUORUM_SET")
    calculated = tolerated(size, is_majority=trust.is_majority)
    safety = values.get("FAILURE_SAFETY", -1)
    if safety == -1:
        safety = calculated
        note("INFO", f"Assigning calculated value of {safety} to FAILURE_SAFETY")
    if fault := _fault_of(safety, size, trust, is_unsafe=values.get("UNSAFE_QUORUM", False)):
        note("ERROR", fault)
        note("INFO", f" Current QUORUM_SET breaks with {size - trust.quorum.threshold + 1} failures")
        raise ValueError("SCP unsafe")


def _fault_of(safety: int, size: int, trust: _Trust, *, is_unsafe: bool) -> str:
    if safety >= size:
        return f"Not enough nodes ({size}) in your Quorum set to ensure your desired level of FAILURE_SAFETY={safety}."
    if is_unsafe:
        return ""
    if safety == 0:
        return f"Can't have FAILURE_SAFETY=0 unless you also set UNSAFE_QUORUM=true. {_BE_SURE}"
    if trust.quorum.threshold < size - tolerated(size, is_majority=trust.is_majority):
        return f"Your THRESHOLD_PERCENTAGE is too low. If you really want this set UNSAFE_QUORUM=true. {_BE_SURE}"
    return ""
