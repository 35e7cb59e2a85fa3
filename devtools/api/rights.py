"""Which right does a request need? From its method and path to a verb on a resource, as roles grant it."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

CREATED = 201
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Right(NamedTuple):
    """A verb on a resource; `resource` with its subresource, as in roles."""

    verb: str
    group: str
    resource: str


def read_rights(method: str, path: str, query: Mapping[str, str], status: int) -> set[Right]:
    """Read the rights that a request needs, none for discovery: to apply what is not there yet is to create it too."""
    parts = path.strip("/").split("/")
    group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1] if len(parts) > 1 else "", parts[3:])
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        rest = rest[2:]
    if not rest or parts[0] not in ("api", "apis"):
        return set()
    resource, name, subresource = (*rest, None, None)[:3]
    verb = _VERBS.get(method) or _read_verb(name, query)
    verbs = {verb} | ({"create"} if status == CREATED else set())
    return {Right(one, group, f"{resource}/{subresource}" if subresource else str(resource)) for one in verbs}


def list_rights(rules: Iterable[Mapping[str, Any]]) -> set[Right]:
    """List what the rules of a role grant."""
    return {
        Right(verb, group, resource)
        for rule in rules
        for group in rule.get("apiGroups") or ()
        for resource in rule.get("resources") or ()
        for verb in rule["verbs"]
    }


def _read_verb(name: str | None, query: Mapping[str, str]) -> str:
    if name is not None:
        return "get"
    return "watch" if query.get("watch") == "true" else "list"
