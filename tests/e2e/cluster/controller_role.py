"""What a service account may ask of the API server, by its roles, and what it has asked, by the audit log."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from devtools.cluster.access import Access

_DECISION = "authorization.k8s.io/decision"
CREATED = 201


class Right(NamedTuple):
    """A verb on a resource; `resource` with its subresource, as in roles."""

    verb: str
    group: str
    resource: str


def list_asked(audit_log: Path, account: str) -> tuple[set[Right], list[Right]]:
    """List what the account asked for, and which of that its roles did not allow.

    What else may be forbidden, such as to make anything in a namespace that is going, is not counted.
    """
    asked, refused = set(), []
    for line in audit_log.read_text().splitlines():
        event = json.loads(line)
        if not event["user"]["username"].endswith(f":{account}") or "objectRef" not in event:
            continue
        code = event.get("responseStatus", {}).get("code")
        asked |= (needed := _read_rights(event["verb"], event["objectRef"], code))
        refused += sorted(needed) if event.get("annotations", {}).get(_DECISION) == "forbid" else []
    return asked, refused


def _read_rights(verb: str, what: dict[str, Any], code: int | None) -> set[Right]:
    """Read which rights a request needed: to apply what is not there yet is to create it too."""
    sub = what.get("subresource")
    resource = f"{what['resource']}/{sub}" if sub else str(what["resource"])
    verbs = {verb} | ({"create"} if code == CREATED else set())
    return {Right(one, what.get("apiGroup", ""), resource) for one in verbs}


def list_granted(access: Access, namespace: str, account: str) -> set[Right]:
    """List what the roles of the account grant, wherever they do."""
    granted: set[Right] = set()
    for kind, bindings in (("clusterrole", "clusterrolebindings"), ("role", "rolebindings")):
        for binding in access.list(bindings):
            if binding["roleRef"]["kind"].lower() != kind or not _is_bound(binding, namespace, account):
                continue
            role = access.get(kind, binding["roleRef"]["name"], binding["metadata"].get("namespace")) or {}
            granted |= {
                Right(verb, group, resource)
                for rule in role.get("rules") or ()
                for group in rule.get("apiGroups") or ()
                for resource in rule.get("resources") or ()
                for verb in rule["verbs"]
            }
    return granted


def _is_bound(binding: dict[str, Any], namespace: str, account: str) -> bool:
    subjects = binding.get("subjects") or ()
    return any(one.get("name") == account and one.get("namespace") == namespace for one in subjects)
