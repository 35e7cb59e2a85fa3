"""An API server in memory over real HTTP: as much of it as the controller needs, and as unhelpful as a test wants it.

Applying keeps metadata that others have set and replaces all else; a fault is what a test makes of a write.
"""

import asyncio
import contextlib
import copy
import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web

from readpool.kubernetes.client import KubernetesClient, connect
from readpool.kubernetes.kinds import (
    HTTP_ROUTE,
    KINDS,
    PROMETHEUS_RULE,
    PVC,
    SCALED_OBJECT,
    Kind,
    ObjectKey,
)
from readpool.timestamps import format_time

OPTIONAL = (SCALED_OBJECT, HTTP_ROUTE, PROMETHEUS_RULE)


class Write(NamedTuple):
    """A request that changes something: `verb` is apply, merge, create, replace or delete."""

    verb: str
    key: ObjectKey
    subresource: str
    body: Mapping[str, Any]


class Refusal(Exception):  # noqa: N818 - an answer
    """An answer that is no success."""

    def __init__(self, status: int, message: str, reason: str = "Refused") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason


Meddle = Callable[[Write], Awaitable[None]]


@dataclass
class SmallApi:
    """The server's objects, and what a test does to requests.

    Attributes:
        meddle: called before each write; may wait, and raise a Refusal.
        admit: may change what is written before it is stored, as mutating admission does, and a definition that prunes.
        hidden: namespaces that may not be listed, or NAMESPACE/PLURAL for one kind there.
        is_away: every request is cut.
        writes: all that were asked for.
    """

    url: str = ""
    objects: dict[ObjectKey, dict[str, Any]] = field(default_factory=dict)
    meddle: Meddle | None = None
    admit: Callable[[ObjectKey, dict[str, Any]], None] | None = None
    hidden: set[str] = field(default_factory=set)
    is_away: bool = False
    writes: list[Write] = field(default_factory=list)
    _watchers: list[tuple[Kind, str | None, str, asyncio.Queue[Any]]] = field(default_factory=list)
    _streams: dict[int, web.Request] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def put(self, key: ObjectKey, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Store an object as it is, and tell those who watch."""
        made = copy.deepcopy(dict(manifest))
        before = self.objects.get(key)
        metadata = made["metadata"]
        metadata.setdefault("namespace", key.namespace)
        if before is not None:
            old = before["metadata"]
            metadata |= {name: old[name] for name in ("uid", "resourceVersion", "generation", "creationTimestamp")}
            if made == before:
                return before
        else:
            metadata.setdefault("uid", f"uid-{next(self._numbers)}")
            metadata.setdefault("creationTimestamp", format_time(time.time()))
        is_same_spec = before is not None and before.get("spec") == made.get("spec")
        metadata["generation"] = metadata.get("generation", 0) + (not is_same_spec)
        metadata["resourceVersion"] = str(next(self._numbers))
        self.objects[key] = made
        self._tell("ADDED" if before is None else "MODIFIED", key, made)
        return made

    def drop(self, key: ObjectKey) -> None:
        """Delete an object at once."""
        gone = self.objects.pop(key)
        gone["metadata"]["resourceVersion"] = str(next(self._numbers))
        self._tell("DELETED", key, gone)

    def go_away(self) -> None:
        """Cut all that is open, and answer no request until `is_away` is False again."""
        self.is_away = True
        for stream in tuple(self._streams.values()):
            if stream.transport is not None:
                stream.transport.abort()

    def find(self, kind: Kind, namespace: str | None = None) -> dict[str, dict[str, Any]]:
        """Find all objects of a kind, by name."""
        return {key.name: one for key, one in self.objects.items() if key.kind == kind and namespace in (None, key[1])}

    def _tell(self, change: str, key: ObjectKey, manifest: dict[str, Any]) -> None:
        for kind, namespace, selector, queue in self._watchers:
            if kind == key.kind and namespace in (None, key.namespace) and _is_selected(manifest, selector):
                queue.put_nowait({"type": change, "object": copy.deepcopy(manifest)})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        if self.is_away:
            assert request.transport is not None
            request.transport.abort()
        parts = request.path.strip("/").split("/")
        is_core = parts[0] == "api"
        group, version, rest = ("", parts[1], parts[2:]) if is_core else (parts[1], parts[2], parts[3:])
        if not rest:
            kinds = [one for one in KINDS if (one.group, one.version) == (group, version)]
            return web.json_response({"resources": [{"name": one.plural} for one in kinds]})
        namespace = rest[1] if rest[0] == "namespaces" and len(rest) > 2 else None
        plural, name, subresource = (*(rest[2:] if namespace else rest), "", "")[:3]
        kind = next(one for one in KINDS if (one.group, one.plural) == (group, plural))
        try:
            if request.method == "GET" and not name:
                return await self._list(request, kind, namespace)
            key = ObjectKey(kind, namespace or "", name)
            if request.method == "GET":
                return web.json_response(self._read(key))
            return web.json_response(await self._write(request, key, subresource))
        except Refusal as error:
            body = {"kind": "Status", "reason": error.reason, "message": error.message, "code": error.status}
            return web.json_response(body, status=error.status)

    async def _list(self, request: web.Request, kind: Kind, namespace: str | None) -> web.StreamResponse:
        if self.hidden & {namespace, f"{namespace}/{kind.plural}"}:
            raise Refusal(403, f"cannot list {kind.plural} in the namespace {namespace}", "Forbidden")
        selector = request.query.get("labelSelector", "")
        if request.query.get("watch") == "true":
            return await self._watch(request, kind, namespace, selector)
        found = [one for one in self.find(kind, namespace).values() if _is_selected(one, selector)]
        return web.json_response({"metadata": {"resourceVersion": str(next(self._numbers))}, "items": found})

    async def _watch(
        self, request: web.Request, kind: Kind, namespace: str | None, selector: str
    ) -> web.StreamResponse:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        since = int(request.query["resourceVersion"])
        for one in self.find(kind, namespace).values():  # what came between the list and this
            if int(one["metadata"]["resourceVersion"]) > since and _is_selected(one, selector):
                queue.put_nowait({"type": "MODIFIED", "object": one})
        watcher = (kind, namespace, selector, queue)
        self._watchers.append(watcher)
        self._streams[id(request)] = request
        answer = web.StreamResponse()
        await answer.prepare(request)
        try:
            while True:
                await answer.write(json.dumps(await queue.get()).encode() + b"\n")
        finally:
            self._watchers.remove(watcher)
            del self._streams[id(request)]

    def _read(self, key: ObjectKey) -> dict[str, Any]:
        if key not in self.objects:
            raise Refusal(404, f"{key.kind.plural} {key.name} not found", "NotFound")
        return self.objects[key]

    async def _write(self, request: web.Request, key: ObjectKey, subresource: str) -> dict[str, Any]:
        body = json.loads(await request.read() or b"{}")
        verb = {"POST": "create", "PUT": "replace", "DELETE": "delete"}.get(request.method, "merge")
        if "apply-patch" in request.content_type:
            verb = "apply"
        key = key._replace(name=key.name or body["metadata"]["name"])
        write = Write(verb, key, subresource, body)
        self.writes.append(write)
        if self.meddle is not None:
            await self.meddle(write)
        before = self.objects.get(key)
        if verb in ("create", "replace"):
            return self.put(key, body)
        if verb == "apply" and not subresource:
            return self._admit(key, _apply(key, copy.deepcopy(before), body))
        live = copy.deepcopy(self._read(key))
        if verb == "delete":
            if body.get("preconditions", {}).get("uid") not in (None, live["metadata"]["uid"]):
                raise Refusal(409, "another uid", "Conflict")
            self.drop(key)
            return {"kind": "Status", "status": "Success"}
        if body["metadata"].get("uid") not in (None, live["metadata"]["uid"]) if "metadata" in body else False:
            raise Refusal(409, "another uid", "Conflict")
        return self._admit(key, {**live, "status": body["status"]} if verb == "apply" else _merge(live, body))

    def _admit(self, key: ObjectKey, manifest: Mapping[str, Any]) -> dict[str, Any]:
        made = copy.deepcopy(dict(manifest))
        if self.admit is not None:
            self.admit(key, made)
        return self.put(key, made)


def _apply(key: ObjectKey, before: dict[str, Any] | None, manifest: dict[str, Any]) -> dict[str, Any]:
    if before is None:
        return manifest
    ours, theirs = manifest["metadata"], before["metadata"]
    owners = {one["uid"]: one for one in (*theirs.get("ownerReferences", ()), *ours.get("ownerReferences", ()))}
    if sum(bool(one.get("controller")) for one in owners.values()) > 1:
        raise Refusal(422, "metadata.ownerReferences: Only one reference can have Controller set to true", "Invalid")
    kept = {part: {**theirs.get(part, {}), **ours.get(part, {})} for part in ("labels", "annotations")}
    made = {**before, **manifest, "metadata": {**theirs, **ours, **kept, "ownerReferences": [*owners.values()]}}
    return made | ({"spec": {**before["spec"], **manifest["spec"]}} if key.kind == PVC else {})


def _merge(live: dict[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(live)
    for name, part in patch.items():
        if part is None:
            merged.pop(name, None)
        elif isinstance(part, dict):
            merged[name] = _merge(merged.get(name) or {}, part)
        elif name not in ("resourceVersion", "uid"):
            merged[name] = part
    return merged


def _is_selected(manifest: Mapping[str, Any], selector: str) -> bool:
    labels = manifest["metadata"].get("labels") or {}
    parts = [part.partition("=") for part in selector.split(",") if part]
    return all(name in labels and (not equals or labels[name] == value) for name, equals, value in parts)


@contextlib.asynccontextmanager
async def serve_small_api(folder: Path) -> AsyncIterator[tuple[SmallApi, KubernetesClient]]:
    """Serve on a loopback port during the block; the client is what a controller has."""
    api = SmallApi()
    app = web.Application(client_max_size=16 * 2**20)
    app.router.add_route("*", "/{path:.*}", api.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, users: [],"
        f"clusters: [{{name: c, cluster: {{server: '{api.url}'}}}}], contexts: [{{name: c, context: {{cluster: c}}}}]}}"
    )
    try:
        async with connect(kubeconfig) as client:
            yield api, client
    finally:
        await runner.cleanup()
