"""What may a pool's coreConfigOverride say, and how does it go over what we write? Under core_config.core_config.

Tables are merged key by key, everything else is replaced. Keys that the pool itself stands on are refused, by name.
"""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

FIELD = "coreConfigOverride"
_QUORUM = ("QUORUM_SET", "VALIDATORS")
_RESERVED: Mapping[str, str] = {
    "HTTP_PORT": "the pool chooses the port, which the gate and the scaler use",
    "HTTP_QUERY_PORT": "the pool chooses the port, which its Service uses",
    "PEER_PORT": "the pool chooses the port, which its peers use",
    "PUBLIC_HTTP_PORT": "it opens the command port, an admin port, to the network; use gate.enabled",
    "DATABASE": "it is on each replica's volume",
    "BUCKET_DIR_PATH": "it is on each replica's volume",
    "NETWORK_PASSPHRASE": "use network and networkPassphrase",
    "NODE_SEED": "all replicas would have one identity, and the network drops all but one; it is also a secret",
}
_ONLY_FALSE: Mapping[str, str] = {
    "NODE_IS_VALIDATOR": "the replicas of a read-only pool do not vote",
    "RUN_STANDALONE": "a replica follows its network",
    "MANUAL_CLOSE": "a replica follows its network",
}
DATA_FOLDER = "/var/lib/stellar"
"""Where a replica's volume is, and the only place that it can write to."""
_OF_FILES: Mapping[str, str] = {
    "LOG_FILE_PATH": "the rest of the container is read-only; Core logs to standard output",
    "METADATA_OUTPUT_STREAM": "the rest of the container is read-only",
}
_LEAST_SLOTS = 12
_ARCHIVE_KEYS: Mapping[str, str] = {
    "put": "the replicas of a read-only pool do not publish",
    "mkdir": "the replicas of a read-only pool do not publish",
}


class ConfigError(ValueError):
    """A configuration that Core must not be given. The message names the field, and the key where there is one."""


def parse_override(override: str) -> dict[str, Any]:
    """Parse and check coreConfigOverride; empty is nothing.

    Raises:
        ConfigError: for what is not TOML, and for keys and values that are not left to it.
    """
    try:
        parsed = tomllib.loads(override)
    except ValueError as error:
        raise ConfigError(f"{FIELD}: invalid TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{FIELD}: nested too deeply") from None
    told = [*_list_refused(parsed), *_check_history(parsed.get("HISTORY", {}))]
    told += _check_validators(parsed.get("VALIDATORS", []))
    if not isinstance(parsed.get("QUORUM_SET", {}), dict):
        told.append("QUORUM_SET must be a table, [QUORUM_SET]")
    if "HOME_DOMAINS" in parsed and "VALIDATORS" not in parsed:
        told.append("HOME_DOMAINS requires VALIDATORS, since both are replaced together")
    if told:
        raise ConfigError(f"{FIELD}: {'; '.join(told)}")
    return parsed


def _list_refused(parsed: Mapping[str, Any]) -> Iterator[str]:
    """List the keys and values that are not left to an override, all of them: people bring whole files."""
    for key, why in _RESERVED.items():
        if key in parsed:
            yield f"{key} cannot be set: {why}"
    for key, why in _ONLY_FALSE.items():
        if parsed.get(key, False) is not False:
            yield f"{key} must be false: {why}"
    for key, why in _OF_FILES.items():
        if key in parsed and not _is_bearable(parsed[key]):
            yield f'{key} must be "" or a path in {DATA_FOLDER}: {why}'
    yield from _check_peers(parsed)


def _check_peers(parsed: Mapping[str, Any]) -> Iterator[str]:
    """Refuse what would leave a replica with its pool alone to hear of, or with nothing to tell those that restart."""
    slots = parsed.get("MAX_SLOTS_TO_REMEMBER", _LEAST_SLOTS)
    if not isinstance(slots, int) or isinstance(slots, bool) or slots < _LEAST_SLOTS:
        yield (
            f"MAX_SLOTS_TO_REMEMBER is {slots!r} and must be at least {_LEAST_SLOTS}: replicas that restart get the"
            " ledgers that they missed from the others"
        )
    target = parsed.get("TARGET_PEER_CONNECTIONS", 1)
    if not isinstance(target, int) or isinstance(target, bool) or target < 1:
        yield f"TARGET_PEER_CONNECTIONS is {target!r} and must be at least 1: a replica follows its network"
    if parsed.get("PREFERRED_PEERS_ONLY", False) is not False and not parsed.get("PREFERRED_PEERS"):
        yield (
            "PREFERRED_PEERS_ONLY requires PREFERRED_PEERS: otherwise a replica would connect only to its own pool, and"
            " never to the network"
        )


def _is_bearable(path: Any) -> bool:
    """Return whether a pod has a place for this file: its volume, which is also the folder that Core runs in."""
    if not isinstance(path, str) or ".." in path.split("/"):
        return False
    return path.startswith((f"{DATA_FOLDER}/", "fd:1")) if path.startswith("/") or ":" in path else True


def replaces_quorum(config: Mapping[str, Any]) -> bool:
    """Return whether this brings a quorum set; where an override does, all of ours goes."""
    return any(key in config for key in _QUORUM)


def merge_override(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """Merge a parsed override over a configuration: deep, tables key by key, arrays and values replaced.

    Raises:
        ConfigError: where one has a table and the other has none.
    """
    kept = {key: value for key, value in base.items() if key not in (*_QUORUM, "HOME_DOMAINS")}
    return _merge(kept if replaces_quorum(override) else base, override, "")


def _merge(base: Mapping[str, Any], override: Mapping[str, Any], within: str) -> dict[str, Any]:
    merged = dict(base)
    for key, value in override.items():
        name, ours = f"{within}{key}", base.get(key)
        if key in base and isinstance(ours, dict) is not isinstance(value, dict):
            raise ConfigError(
                f"{FIELD}: {name} must be {'a table' if isinstance(ours, dict) else 'a value, not a table'}"
            )
        merged[key] = _merge(ours, value, f"{name}.") if isinstance(ours, dict) else value
    return merged


def _check_history(history: Any) -> Iterator[str]:
    if not isinstance(history, dict) or not all(isinstance(archive, dict) for archive in history.values()):
        yield "HISTORY must be one table for each archive, such as [HISTORY.mine]"
        return
    for name, archive in history.items():
        for key, why in _ARCHIVE_KEYS.items():
            if archive.get(key):
                yield f"HISTORY.{name}.{key} cannot be set: {why}"
        yield from _check_command(f"HISTORY.{name}.get", archive.get("get"))


def _check_validators(validators: Any) -> Iterator[str]:
    if not isinstance(validators, list) or not all(isinstance(validator, dict) for validator in validators):
        yield "VALIDATORS must be one table for each validator, [[VALIDATORS]]"
        return
    for index, validator in enumerate(validators):
        if "HISTORY" in validator:
            yield from _check_command(f"VALIDATORS[{index}].HISTORY", validator["HISTORY"])


def _check_command(key: str, command: Any) -> Iterator[str]:
    if not isinstance(command, str) or "{0}" not in command or "{1}" not in command:
        yield f"{key} must be a command with {{0}} and {{1}}, such as curl -sf URL/{{0}} -o {{1}}"
