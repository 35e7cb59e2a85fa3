"""Reads objects of a cluster of ours by its API: tests look several times a second, and a kubectl each time costs much.

It names kinds as kubectl does: plural, singular, kind or short name, with the group behind a dot where that is needed.
"""

import base64
import functools
import ssl
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

Manifest = dict[str, Any]
TIMEOUT_SECONDS = 60.0


class ReadError(Exception):
    """The API server could not be reached or refused; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as the API server serves it: `root` is /api/v1 or /apis/GROUP/VERSION."""

    root: str
    plural: str
    kind: str
    is_namespaced: bool

    def path(self, namespace: str | None, name: str = "") -> str:
        """Return the path of an object, or of all of a namespace, or of all."""
        where = f"/namespaces/{namespace}" if self.is_namespaced and namespace else ""
        return f"{self.root}{where}/{self.plural}{f'/{name}' if name else ''}"


class ApiReader:
    """One API server, with the rights and the trust that a kubeconfig holds as data, as those of our clusters do."""

    def __init__(self, kubeconfig: Path) -> None:
        self._client = open_client(kubeconfig)
        self._resources: dict[str, Resource] = {}

    def get(self, kind: str, name: str, namespace: str | None) -> Manifest | None:
        """Return an object, or None where there is none.

        Raises:
            ReadError: the API server says so, or cannot be reached.
        """
        answer = self._ask(self._find(kind).path(namespace or "default", name))
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return _show(_check(answer))

    def list(self, kinds: str, namespace: str | None, selector: str | None) -> list[Manifest]:
        """List the objects of a kind, or of several with commas between them; of all namespaces where none is given.

        Raises:
            ReadError: the API server says so, or cannot be reached.
        """
        chosen = {"labelSelector": selector} if selector else {}
        found: list[Manifest] = []
        for kind in kinds.split(","):
            answer = _check(self._ask(self._find(kind).path(namespace), chosen))
            named = {"apiVersion": answer["apiVersion"], "kind": str(answer["kind"]).removesuffix("List")}
            found += [_show(named | item) for item in answer.get("items") or ()]
        return found

    def fetch(self, path: str) -> str:
        """Fetch what the API server answers at a path, which may have a query.

        Raises:
            ReadError: the API server says so, or cannot be reached.
        """
        return _require(self._ask(path)).text

    def _find(self, name: str) -> Resource:
        if name.lower() not in self._resources:
            self._resources = dict(self._discover())  # kinds come as they are defined
        if name.lower() not in self._resources:
            raise ReadError(f'the server doesn\'t have a resource type "{name}"')
        return self._resources[name.lower()]

    def _discover(self) -> Mapping[str, Resource]:
        groups = _check(self._ask("/apis"))["groups"]
        roots = ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)]
        known: dict[str, Resource] = {}
        for root in roots:
            answer = self._ask(root)
            for one in answer.json().get("resources") or () if answer.is_success else ():
                if "/" not in one["name"]:
                    resource = Resource(root, one["name"], one["kind"], one["namespaced"])
                    words = {one["name"], one["kind"].lower(), one.get("singularName"), *(one.get("shortNames") or ())}
                    group = root.split("/")[2] if root.startswith("/apis/") else ""
                    for word in filter(None, words):
                        known.setdefault(word, resource)
                        known[f"{word}.{group}"] = resource
        return known

    def _ask(self, path: str, query: Mapping[str, str] | None = None) -> httpx.Response:
        """Ask until the server does not put it off, as it does for a moment for a kind that was just defined."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while (answer := self._ask_once(path, query)).status_code == httpx.codes.TOO_MANY_REQUESTS:
            if time.monotonic() >= deadline:
                break
            time.sleep(1.0)
        return answer

    def _ask_once(self, path: str, query: Mapping[str, str] | None) -> httpx.Response:
        for is_again in (False, True):  # a connection that was kept may be one to a server that has been started again
            try:
                return self._client.get(path, params=query)
            except httpx.HTTPError as error:
                if is_again:
                    raise ReadError(f"GET {path}: {error!r}") from error
        raise AssertionError("the second turn returns or raises")


def open_client(kubeconfig: Path) -> httpx.Client:
    """Open a client of the API server of a kubeconfig, with the rights and the trust that it holds as data."""
    content = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
    authority, certificate, key = (
        base64.b64decode(data).decode()
        for data in (
            cluster["certificate-authority-data"],
            user["client-certificate-data"],
            user["client-key-data"],
        )
    )
    trust = ssl.create_default_context(cadata=authority)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # the ssl module reads files alone
        file.write(f"{certificate}\n{key}")
        file.flush()
        trust.load_cert_chain(file.name)
    return httpx.Client(base_url=cluster["server"], verify=trust, timeout=TIMEOUT_SECONDS)


@functools.lru_cache(maxsize=8)
def _open(kubeconfig: Path, _written_at: int) -> ApiReader:
    return ApiReader(kubeconfig)


def open_reader(kubeconfig: Path) -> ApiReader:
    """Return the reader of a kubeconfig, the same one until the file is written again.

    Raises:
        ReadError: there is no such file.
    """
    try:
        return _open(kubeconfig, kubeconfig.stat().st_mtime_ns)
    except OSError as error:
        raise ReadError(f"{kubeconfig}: {error}") from error


def _show(found: Manifest) -> Manifest:
    """Leave out what kubectl shows only when it is asked to."""
    found["metadata"].pop("managedFields", None)
    return found


def _check(answer: httpx.Response) -> Any:
    return _require(answer).json()


def _require(answer: httpx.Response) -> httpx.Response:
    if not answer.is_success:
        raise ReadError(f"GET {answer.request.url.path}: {answer.status_code} {answer.text[:500]}")
    return answer
