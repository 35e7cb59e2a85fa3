"""Requests to the API server in plain JSON, over the transport and the configuration of `kubernetes.aio`.

The library's typed models stay out: decoding each object into them costs more than all the controller does
(docs/performance.md). What comes back is the server's own JSON.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from pathlib import Path
from typing import Any, cast

import aiohttp
import yaml
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_incluster_config, load_kube_config
from kubernetes.aio.config.config_exception import ConfigException

from readpool.kubernetes.answers import parse_answer, parse_event, read_page, read_resources, read_stored
from readpool.kubernetes.errors import ApiError, parse_error
from readpool.kubernetes.kinds import Kind, Manifest
from readpool.kubernetes.transport import build_transport

REQUEST_SECONDS = 30.0
PAGE = 500
"""Objects a page of a list, as kubectl asks for them."""
WATCH_SECONDS = 300
"""After this the server ends a watch, and it is opened again where it stood."""
_SILENCE_SECONDS = 30.0
"""Over WATCH_SECONDS: a watch that its server does not end, though it is there (readpool.kubernetes.transport)."""
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"


# The library reads a kubeconfig as if it were one, and trips over any other file in all these ways.
CONFIG_ERRORS = (ConfigException, OSError, yaml.YAMLError, TypeError, AttributeError, ValueError, LookupError)


def say_config_error(error: Exception) -> str:
    """Return why a kubeconfig cannot be used, in words; what the library trips over means that it is none."""
    if isinstance(error, (ConfigException, OSError)):
        return str(error).rstrip(".")
    return "it is not a kubeconfig"


class NoKubernetes(Exception):  # noqa: N818 - a state of the surroundings
    """There is no cluster to talk to: not within a pod, and no kubeconfig."""


@contextlib.asynccontextmanager
async def connect(kubeconfig: Path | None = None, *, context: str | None = None) -> AsyncIterator["KubernetesClient"]:
    """Connect as the kubeconfig says, in its current context if none is named, or as the pod that this runs in.

    Raises:
        NoKubernetes: where neither is there.
    """
    configuration = Configuration()
    configuration.connection_pool_maxsize = 0  # no bound: each watch holds a connection, and each namespace has its own
    try:
        if kubeconfig is not None:
            if not _is_there(kubeconfig):
                raise NoKubernetes(f"{kubeconfig}: there is no such file")
            await load_kube_config(str(kubeconfig), context, configuration)  # type: ignore[no-untyped-call]
        else:
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except CONFIG_ERRORS as error:
        raise NoKubernetes(f"{kubeconfig or 'the service account of this pod'}: {say_config_error(error)}") from error
    async with build_transport(configuration) as transport:
        yield KubernetesClient(transport)


def _is_there(kubeconfig: Path) -> bool:
    """Return whether any of the files is there; like kubectl, several may be given with colons between them."""
    return any(Path(path).is_file() for path in str(kubeconfig).split(os.pathsep))


class KubernetesClient:
    """What readpool asks of an API server. Every call may raise ApiError; status 0 where no answer came."""

    def __init__(self, transport: ApiClient) -> None:
        self._transport = transport

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """Fetch one object; None where it is not there."""
        try:
            return read_stored(await self.request("GET", kind.build_path(namespace, name)))
        except ApiError as error:
            if error.is_not_found:
                return None
            raise

    async def list(
        self, kind: Kind, namespace: str | None = None, *, selector: str | None = None, fields: str | None = None
    ) -> tuple[list[dict[str, Any]], str]:
        """Fetch all objects, page by page, and the resource version to watch from.

        `selector` is of labels, `fields` of fields, such as metadata.name=core.
        """
        found: list[dict[str, Any]] = []
        query = {"limit": str(PAGE), **_build_selectors(selector, fields)}
        while True:
            items, follow, version = read_page(await self.request("GET", kind.build_path(namespace), query))
            found += items
            if not follow:
                return found, version
            query["continue"] = follow

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Create an object; ApiError `is_conflict` where there is one."""
        return read_stored(
            await self.request("POST", kind.build_path(manifest["metadata"]["namespace"]), body=manifest)
        )

    async def apply(
        self, kind: Kind, manifest: Manifest, *, manager: str, subresource: str | None = None, force: bool = True
    ) -> Manifest:
        """Apply what `manager` wants of an object (server-side apply): it owns these fields and no other."""
        metadata = manifest["metadata"]
        path = kind.build_path(metadata["namespace"], metadata["name"], subresource)
        query = {"fieldManager": manager, "force": "true" if force else "false"}
        return read_stored(await self.request("PATCH", path, query, manifest, content_type=_APPLY))

    async def merge(
        self, kind: Kind, namespace: str, name: str, patch: Manifest, *, manager: str, subresource: str | None = None
    ) -> Manifest:
        """Merge `patch` into an object (RFC 7386): None takes a field away."""
        path = kind.build_path(namespace, name, subresource)
        return read_stored(await self.request("PATCH", path, {"fieldManager": manager}, patch, content_type=_MERGE))

    async def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Replace an object as a whole; ApiError `is_conflict` where it is no longer of its resourceVersion."""
        metadata = manifest["metadata"]
        path = kind.build_path(metadata["namespace"], metadata["name"])
        return read_stored(await self.request("PUT", path, body=manifest))

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str | None = None) -> Manifest | None:
        """Delete an object, in the background for what it owns; None where it was not there.

        The answer is the object where it takes its time to go, as a pod does, else a metav1.Status.

        With `uid`, only the very object: another of the same name stays (ApiError `is_conflict`).
        """
        body: dict[str, Any] = {"propagationPolicy": "Background"}
        if uid is not None:
            body["preconditions"] = {"uid": uid}
        try:
            return await self.request("DELETE", kind.build_path(namespace, name), body=body)
        except ApiError as error:
            if error.is_not_found:
                return None
            raise

    async def serves(self, kind: Kind) -> bool:
        """Ask whether the cluster knows this kind now."""
        try:
            known = await self.request("GET", kind.build_path().removesuffix(f"/{kind.plural}"))
        except ApiError as error:
            if error.is_not_found:
                return False
            raise
        return kind.plural in read_resources(known)

    async def watch(
        self,
        kind: Kind,
        namespace: str | None,
        version: str,
        *,
        selector: str | None = None,
        fields: str | None = None,
    ) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        """Stream what changes after `version`: ADDED, MODIFIED, DELETED or BOOKMARK, and the object.

        Raises:
            ApiError: `is_expired` where the server no longer remembers `version`.
        """
        query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
            **_build_selectors(selector, fields),
        }
        answer = await self._open("GET", kind.build_path(namespace), query, seconds=WATCH_SECONDS + _SILENCE_SECONDS)
        try:
            async for line in _read_lines(answer):
                if line.strip():
                    yield parse_event(line)
        finally:
            _abort(answer)

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        *,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        """Make one request and return the JSON of its answer."""
        answer = await self._open(method, path, query or {}, body, content_type=content_type)
        async with answer:
            return parse_answer(await _read(answer))

    async def read_text(self, path: str, query: Mapping[str, str] | None = None, *, most_bytes: int) -> str:
        """Read what is no object: a log, or what a pod answers through the API server; its end may be cut off."""
        answer = await self._open("GET", path, query or {}, accept="*/*")
        text = bytearray()
        try:
            async for piece in answer.content.iter_any():
                text += piece
                if len(text) >= most_bytes:
                    break
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _no_answer(error) from error
        finally:
            answer.close()
        return text[:most_bytes].decode(errors="replace")

    async def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Manifest | None = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        seconds: float = REQUEST_SECONDS,
    ) -> aiohttp.ClientResponse:
        """Send a request and return its answer as soon as the status is there."""
        prepared = await self._transport.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params={"Accept": accept, "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            answer = await self._transport.call_api(*prepared, _request_timeout=seconds)
            response = cast("aiohttp.ClientResponse", answer.response)
            if response.status >= 400:  # noqa: PLR2004 - errors begin here
                async with response:
                    raise parse_error(response.status, await response.read(), response.headers.get("Retry-After"))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _no_answer(error) from error
        return response


def _build_selectors(labels: str | None, fields: str | None) -> dict[str, str]:
    told = {"labelSelector": labels, "fieldSelector": fields}
    return {name: text for name, text in told.items() if text}


def _abort(answer: aiohttp.ClientResponse) -> None:
    """Abort an endless response: closing TLS waits for the server, and the event loop may end before."""
    transport = answer.connection.transport if answer.connection is not None else None
    answer.close()
    if transport is not None:
        transport.abort()


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    try:
        return await answer.read()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise _no_answer(error) from error


async def _read_lines(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Read line by line, however long a line is."""
    begun = bytearray()
    try:
        async for piece in answer.content.iter_any():
            begun += piece
            *whole, rest = begun.split(b"\n")
            for line in whole:
                yield bytes(line)
            begun = rest
    except (aiohttp.ClientError, asyncio.IncompleteReadError, TimeoutError, OSError) as error:
        raise _no_answer(error) from error


def _no_answer(error: Exception) -> ApiError:
    return ApiError(0, type(error).__name__, str(error) or "the API server does not answer")
