"""What is wrong with the manifest of a pool: all that the API server refuses, and all that stalls the controller. Pure.

The sentences are theirs: parse_pool's, the schema's, and those of Core's configuration.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from controller.core_config.core_config import ConfigError, CoreSettings, build_core_config
from controller.core_config.core_config_version import FIRST_WITH_QUERY_SERVER, has_query_server, parse_major
from readpool.cli.validation.findings import Finding, Level
from readpool.cli.validation.schema_walk import walk_schema
from readpool.networks import NetworkFacts
from readpool.pool.crd import build_crd
from readpool.pool.network import Network
from readpool.pool.spec import GROUP, KIND, VERSION, ReadOnlyPool, list_problems, parse_pool
from readpool.public_networks import load_public_networks

API_VERSION = f"{GROUP}/{VERSION}"


def is_pool(manifest: Mapping[str, Any]) -> bool:
    """Return whether a manifest is, or was meant to be, a pool."""
    group = str(manifest.get("apiVersion", "")).partition("/")[0]
    return group == GROUP or str(manifest.get("kind", "")).casefold() in {KIND.casefold(), f"{KIND}s".casefold()}


def check_pool(manifest: Mapping[str, Any]) -> list[Finding]:
    """Find all that is wrong with a pool, in the order in which an API server would look."""
    findings = list(_check_type(manifest))
    if findings:
        return findings
    for part in ("metadata", "spec"):
        if manifest.get(part) is not None and not isinstance(manifest[part], Mapping):
            return [Finding(part, f"{part}: must be a mapping")]
    findings = list(walk_schema(_find_schema(), manifest, ""))
    findings += [Finding(error.field, str(error)) for error in list_problems(manifest)]
    if findings:
        return findings
    pool = parse_pool(manifest)
    return [] if pool.spec.workload_ref is not None else list(_check_configuration(pool))


def _check_type(manifest: Mapping[str, Any]) -> Iterator[Finding]:
    for field, allowed in (("apiVersion", API_VERSION), ("kind", KIND)):
        if manifest.get(field) != allowed:
            yield Finding(field, f"{field}: {manifest.get(field)!r} is invalid; it must be {allowed}")


@cache
def _find_schema() -> Mapping[str, Any]:
    (version,) = build_crd()["spec"]["versions"]
    schema: Mapping[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def _check_configuration(pool: ReadOnlyPool) -> Iterator[Finding]:
    """Check what the controller writes for Core: it stalls where that cannot be written."""
    spec = pool.spec
    is_custom = spec.network is Network.CUSTOM
    network = NetworkFacts(spec.network_passphrase or "") if is_custom else load_public_networks()[str(spec.network)]
    settings = CoreSettings(
        archives=spec.history_archive_urls,
        override=spec.core_config_override,
        has_gate=spec.gate.enabled,
        version=spec.version,
        pool=pool.name,
        namespace=pool.namespace,
    )
    try:
        build_core_config(settings, 0, None, network)
    except ConfigError as error:
        field = str(error).partition(":")[0]
        yield Finding(f"spec.{field}", f"spec.{error}")
    major, protocol = parse_major(spec.version), network.protocol
    if major is not None and protocol is not None and major < protocol.number:
        needed = f"{spec.network} is at Protocol {protocol.number}: set spec.version to {protocol.number} or newer"
        words = f"Stellar Core {spec.version} supports Protocol {major} at most, and {needed}"
        yield Finding("spec.version", f"spec.version: {words}", Level.WARNING)
    if not has_query_server(spec.version):
        first = f"readers need {FIRST_WITH_QUERY_SERVER}.0 or later: this Core has no query server"
        yield Finding("spec.version", f"spec.version: {spec.version!r} serves GET /info alone; {first}", Level.WARNING)
