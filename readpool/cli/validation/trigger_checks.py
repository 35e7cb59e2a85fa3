"""What is wrong with our triggers in a ScaledObject: all that the scaler refuses, in its own words. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from readpool.cli.validation.findings import Finding, Level
from scaler.triggers.trigger import KEYS, parse_trigger
from scaler.triggers.trigger_values import TriggerError

_TYPES = frozenset({"external", "external-push"})
_FROM_ENV = "FromEnv"
_QUOTE = "'"
_OWN_KEYS = frozenset({"pool", "targetReplicas", "lagThreshold", "sustainSeconds"})
"""Keys by which a trigger is known as ours, whatever its scaler is called."""


def is_scaled_object(manifest: Mapping[str, Any]) -> bool:
    """Return whether a manifest is a ScaledObject of KEDA."""
    return manifest.get("kind") == "ScaledObject" and str(manifest.get("apiVersion", "")).startswith("keda.sh/")


def check_scaled_object(manifest: Mapping[str, Any], *, namespace: str, allow_static_nodes: bool) -> list[Finding]:
    """Find what is wrong with our triggers; those of other scalers are left to them."""
    spec = manifest.get("spec")
    triggers = spec.get("triggers") if isinstance(spec, Mapping) else None
    if not isinstance(triggers, list) or not triggers:
        return [Finding("spec.triggers", "spec.triggers: required, but missing; it must be a list of triggers")]
    metadata = manifest.get("metadata")
    given = metadata.get("namespace") if isinstance(metadata, Mapping) else None
    own = given if isinstance(given, str) and given else namespace
    return [
        finding
        for place, trigger in enumerate(triggers)
        for finding in _check_trigger(trigger, f"spec.triggers[{place}]", own, allow_static_nodes=allow_static_nodes)
    ]


def is_ours(trigger: Any) -> bool:
    """Return whether a trigger is for a scaler of ours."""
    if not isinstance(trigger, Mapping) or trigger.get("type") not in _TYPES:
        return False
    metadata = trigger.get("metadata")
    if not isinstance(metadata, Mapping):
        return True
    names = {str(key).removesuffix(_FROM_ENV) for key in metadata}
    return "readpool" in str(metadata.get("scalerAddress", "")) or bool(names & _OWN_KEYS)


def _check_trigger(trigger: Any, path: str, namespace: str, *, allow_static_nodes: bool) -> Iterator[Finding]:
    if not is_ours(trigger):
        return
    metadata, where = trigger.get("metadata"), f"{path}.metadata"
    if not isinstance(metadata, Mapping):
        yield Finding(where, f"{where}: required, but missing; it must name a pool or a service")
        return
    odd = [key for key, value in metadata.items() if not isinstance(value, str)]
    for key in odd:
        yield Finding(f"{where}.{key}", f"{where}.{key}: {metadata[key]!r} is not allowed; it must be text, in quotes")
    if not metadata.get("scalerAddress") and "scalerAddressFromEnv" not in metadata:
        yield Finding(
            where,
            f"{where}.scalerAddress: required, but missing; it must be HOST:PORT of the scaler's headless Service",
        )
    if not odd:
        yield from _parse(dict(metadata), where, namespace, allow_static_nodes=allow_static_nodes)


def _parse(metadata: Mapping[str, str], where: str, namespace: str, *, allow_static_nodes: bool) -> Iterator[Finding]:
    from_env = {key.removesuffix(_FROM_ENV) for key in metadata if key.endswith(_FROM_ENV)}
    hidden = (from_env - metadata.keys()) & {*KEYS}
    known = {key: value for key, value in metadata.items() if key.removesuffix(_FROM_ENV) not in hidden}
    try:
        parse_trigger(namespace, known, allow_static_nodes=allow_static_nodes)
    except TriggerError as error:
        key, _, _ = str(error).partition(": ")
        if not (hidden & set(key.split(", "))):
            field = f"{where}.{key.strip(_QUOTE)}" if key.strip(_QUOTE) in metadata else where
            yield Finding(field, f"{where}.{error}" if key in KEYS else f"{where}: {error}")
            return
    for key in sorted(hidden):
        message = f"{where}.{key}{_FROM_ENV}: not checked, as the value is in the environment of the workload"
        yield Finding(f"{where}.{key}{_FROM_ENV}", message, Level.WARNING)
