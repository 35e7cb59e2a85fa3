"""Fills the notebook while a block runs: watches of the API server that outlive it, and the process of our eyes."""

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Protocol

import httpx

from devtools.cluster.access import Access
from tests.soak.history import Serving
from tests.soak.notebook import Notebook
from tests.soak.truth import VALIDATOR

AGAIN_SECONDS = 0.3
WATCH_SECONDS = 120
SERVING_EVERY_SECONDS = 1.0
SERVING_SECONDS = 3.0
TOLD_EVERY_SECONDS = 0.25
ROOT = Path(__file__).parents[2]
Manifest = dict[str, Any]


class Note(Protocol):
    """Notes an object of a kind."""

    def __call__(self, manifest: Manifest, *, is_gone: bool = False) -> None:
        """Note it as it is, or as it was last where it is gone."""


@contextlib.contextmanager
def watch_cluster(client: httpx.Client, notebook: Notebook, paths: list[tuple[str, Note]]) -> Iterator[None]:
    """Record all objects at these paths while the block runs, and whether the API server answers."""
    is_over = threading.Event()
    threads = [threading.Thread(target=_follow, args=(client, path, note, is_over)) for path, note in paths]
    threads.append(threading.Thread(target=_follow_serving, args=(client, notebook, is_over)))
    for thread in threads:
        thread.daemon = True  # one may wait for a watch to end by itself
        thread.start()
    try:
        yield
    finally:
        is_over.set()


def _follow(client: httpx.Client, path: str, note: Note, is_over: threading.Event) -> None:
    """List and watch a path again and again."""
    known: dict[str, Manifest] = {}
    while not is_over.is_set():
        with contextlib.suppress(httpx.HTTPError, httpx.StreamError, ValueError, KeyError, RuntimeError):
            _follow_once(client, path, note, known, is_over)
        is_over.wait(AGAIN_SECONDS)


def _follow_once(
    client: httpx.Client, path: str, note: Note, known: dict[str, Manifest], is_over: threading.Event
) -> None:
    listed = client.get(path, timeout=10).raise_for_status().json()
    there = {one["metadata"]["uid"]: one for one in listed["items"]}
    for uid in known.keys() - there.keys():
        note(known.pop(uid), is_gone=True)
    for uid, manifest in there.items():
        known[uid] = manifest
        note(manifest)
    query = {"watch": "true", "resourceVersion": listed["metadata"]["resourceVersion"], "timeoutSeconds": WATCH_SECONDS}
    with client.stream("GET", path, params=query, timeout=WATCH_SECONDS + 30) as answer:
        for line in answer.raise_for_status().iter_lines():
            event = json.loads(line)
            if is_over.is_set() or event["type"] not in {"ADDED", "MODIFIED", "DELETED"}:
                return
            manifest, is_gone = event["object"], event["type"] == "DELETED"
            known[manifest["metadata"]["uid"]] = manifest
            if is_gone:
                del known[manifest["metadata"]["uid"]]
            note(manifest, is_gone=is_gone)


def _follow_serving(client: httpx.Client, notebook: Notebook, is_over: threading.Event) -> None:
    while not is_over.wait(SERVING_EVERY_SECONDS):
        try:
            is_serving = client.get("/readyz", timeout=SERVING_SECONDS).is_success
        except (httpx.HTTPError, RuntimeError):
            is_serving = False
        if not notebook.serving or notebook.serving[-1].is_serving is not is_serving:
            notebook.serving.append(Serving(time.monotonic(), is_serving))


@contextlib.contextmanager
def open_eyes(access: Access, notebook: Notebook, router: str, validator: tuple[str, int]) -> Iterator[None]:
    """Read from the routers and probe each replica while the block runs; what is under way at its end is waited for."""
    assert access.namespaces is not None, "the soak runs in the network of a cluster of ours"
    command = access.namespaces.enter_network(sys.executable, "-m", "tests.soak.eyes", router)
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        assert process.stdin
        assert process.stdout
        is_over = threading.Event()
        threads = [
            threading.Thread(target=_note_lines, args=(process.stdout, notebook.note_seen)),
            threading.Thread(target=_tell_targets, args=(process.stdin, notebook, validator, is_over)),
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            is_over.set()
            for thread in reversed(threads):
                thread.join()
    if process.returncode:
        raise RuntimeError(f"the readers ended with {process.returncode}; what they said stands above")


def _note_lines(lines: IO[str], note: Callable[..., None]) -> None:
    for line in lines:
        note(*json.loads(line))


def _tell_targets(stdin: IO[str], notebook: Notebook, validator: tuple[str, int], is_over: threading.Event) -> None:
    told: dict[str, tuple[str, int]] = {}
    with contextlib.suppress(BrokenPipeError), stdin:
        while not is_over.wait(TOLD_EVERY_SECONDS):
            targets = {**notebook.list_targets(), VALIDATOR: validator}
            if targets != told:
                told = targets
                stdin.write(f"{json.dumps(told)}\n")
                stdin.flush()
