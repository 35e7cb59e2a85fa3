"""The watches of a soak miss nothing that matters: pods that went while the API server was away, slices, sizes."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from devtools.api.small_api import serve_small_api
from readpool.kubernetes.kinds import ENDPOINT_SLICE, POD, POOL, STATEFUL_SET, Kind, ObjectKey
from tests.soak.notebook import Notebook
from tests.soak.watching import watch_cluster

NAMESPACE = "soaked"
SECONDS = 10.0


def build_pod(
    ordinal: int, address: str, *, port: int = 11628, is_ready: bool = True, **metadata: Any
) -> dict[str, Any]:
    condition = {"type": "Ready", "status": "True" if is_ready else "False"}
    containers = [{"name": "gate", "ports": [{"name": "read", "containerPort": port}]}]
    return {
        "metadata": {"name": f"soak-{ordinal}", "labels": {"stellar.org/pool": "soak"}, **metadata},
        "spec": {"containers": [{"name": "stellar-core"}, *containers]},
        "status": {"podIP": address, "conditions": [condition]},
    }


def build_slice(name: str, service: str, *addresses: str) -> dict[str, Any]:
    endpoints = [{"addresses": [address]} for address in addresses]
    return {"metadata": {"name": name, "labels": {"kubernetes.io/service-name": service}}, "endpoints": endpoints}


def key(kind: Kind, name: str) -> ObjectKey:
    return ObjectKey(kind, NAMESPACE, name)


async def wait_until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not is_so():  # noqa: ASYNC110 - threads note, and set no event of ours
            await asyncio.sleep(0.02)


async def test_what_came_and_went_is_noted_also_while_the_api_server_was_away(tmp_path: Path) -> None:
    notebook = Notebook("soak")
    paths = [
        (POD.build_path(NAMESPACE), notebook.note_pod),
        (ENDPOINT_SLICE.build_path(NAMESPACE), notebook.note_slice),
        (POOL.build_path(NAMESPACE), notebook.note_pool),
        (STATEFUL_SET.build_path(NAMESPACE), notebook.note_stateful_set),
    ]
    async with serve_small_api(tmp_path) as (api, _):
        for kind, replicas in ((POOL, 3), (STATEFUL_SET, 2)):
            api.put(key(kind, "soak"), {"metadata": {"name": "soak"}, "spec": {"replicas": replicas}})
        api.put(key(STATEFUL_SET, "other"), {"metadata": {"name": "other"}, "spec": {"replicas": 9}})
        api.put(key(POD, "soak-0"), build_pod(0, "10.0.0.1"))
        api.put(key(POD, "soak-1"), build_pod(1, "10.0.0.2", is_ready=False))
        api.put(key(POD, "other"), {"metadata": {"name": "other"}, "spec": {"containers": []}})
        api.put(key(ENDPOINT_SLICE, "a"), build_slice("a", "soak", "10.0.0.1"))
        api.put(key(ENDPOINT_SLICE, "x"), build_slice("x", "soak-nodes", "10.0.0.1", "10.0.0.2"))
        with httpx.Client(base_url=api.url) as client, watch_cluster(client, notebook, paths):
            await wait_until(lambda: notebook.wanted and notebook.sizes and notebook.routed and len(notebook.pods) == 2)
            assert notebook.list_targets() == {"soak-0": ("10.0.0.1", 11628), "soak-1": ("10.0.0.2", 11628)}
            assert [one.is_ready for one in notebook.list_pods("replica")] == [True, False]

            api.put(key(POD, "soak-1"), build_pod(1, "10.0.0.2"))
            api.put(key(ENDPOINT_SLICE, "b"), build_slice("b", "soak", "10.0.0.2"))
            api.put(key(STATEFUL_SET, "soak"), {"metadata": {"name": "soak"}, "spec": {"replicas": 3}})
            await wait_until(lambda: len(notebook.sizes) == 2 and len(notebook.routed) == 2 and len(notebook.pods) == 3)

            api.go_away()
            api.drop(key(POD, "soak-0"))
            api.drop(key(ENDPOINT_SLICE, "a"))
            api.put(key(POD, "soak-0"), build_pod(0, "10.0.0.7", port=11630))
            await asyncio.sleep(0.5)  # it is away: nothing can be waited for
            assert len(notebook.pods) == 3
            api.is_away = False
            await wait_until(lambda: len(notebook.routed) == 3 and len(notebook.pods) == 5)
            assert notebook.list_targets() == {"soak-0": ("10.0.0.7", 11630), "soak-1": ("10.0.0.2", 11628)}

            api.put(key(POD, "soak-1"), build_pod(1, "10.0.0.2", deletionTimestamp="2026-01-01T00:00:00Z"))
            await wait_until(lambda: len(notebook.pods) == 6)
            api.drop(key(POD, "soak-1"))
            await wait_until(lambda: len(notebook.list_pods("replica")) == 1)
    assert [one.replicas for one in notebook.sizes] == [2, 3]
    assert [one.replicas for one in notebook.wanted] == [3]
    assert [sorted(one.addresses) for one in notebook.routed] == [["10.0.0.1"], ["10.0.0.1", "10.0.0.2"], ["10.0.0.2"]]
    seen = [(one.name, one.address, one.is_ready, one.is_gone) for one in notebook.pods if one.name == "soak-0"]
    assert seen == [
        ("soak-0", "10.0.0.1", True, False),
        ("soak-0", "10.0.0.1", False, True),
        ("soak-0", "10.0.0.7", True, False),
    ]
    leaving = [(one.is_ready, one.is_gone) for one in notebook.pods if one.name == "soak-1"]
    assert leaving == [(False, False), (True, False), (False, False), (False, True)]
