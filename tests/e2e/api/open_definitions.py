"""Definitions of optional kinds that take anything: installed and removed while a controller runs."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from readpool.kubernetes.client import KubernetesClient
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import Kind

_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_SECONDS = 30.0
_ANY = ("scaleTargetRef",)


async def install(client: KubernetesClient, kind: Kind, spec: Mapping[str, Any] | None = None) -> None:
    """Define a kind, and return when it is served; `spec` are the fields of its spec that are declared, if not any."""
    declared = _OPEN if spec is None else {"type": "object", "properties": {**dict.fromkeys(_ANY, _OPEN), **spec}}
    version = {
        "name": kind.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": declared, "status": _OPEN}}},
        "subresources": {"status": {}},
    }
    names = {
        "kind": kind.name,
        "listKind": f"{kind.name}List",
        "plural": kind.plural,
        "singular": kind.name.lower(),
    }
    metadata = {"name": _name(kind), "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"}}
    body = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": {"group": kind.group, "names": names, "scope": "Namespaced", "versions": [version]},
    }
    await client.request("POST", _PATH, body=body)
    await _until_served(client, kind, is_served=True)


async def remove(client: KubernetesClient, kind: Kind) -> None:
    """Remove a kind, with all objects of it; it need not be there."""
    try:
        await client.request("DELETE", f"{_PATH}/{_name(kind)}")
    except ApiError as error:
        if not error.is_not_found:
            raise
    await _until_served(client, kind, is_served=False)


@contextlib.asynccontextmanager
async def defined(client: KubernetesClient, *kinds: Kind, spec: Mapping[str, Any] | None = None) -> AsyncIterator[None]:
    """Serve kinds during the block; `spec` as for install."""
    try:
        for kind in kinds:
            await install(client, kind, spec)
        yield
    finally:
        for kind in kinds:
            await remove(client, kind)


async def _until_served(client: KubernetesClient, kind: Kind, *, is_served: bool) -> None:
    deadline = time.monotonic() + _SECONDS
    while await client.serves(kind) is not is_served:
        assert time.monotonic() < deadline, f"{kind.name} is served otherwise for too long"
        await asyncio.sleep(0.05)


def _name(kind: Kind) -> str:
    return f"{kind.plural}.{kind.group}"
