"""The writes: server-side apply, patches of pods, deletions, replicas, status. Each is one object; nothing is decided.

Each answer goes into the stores at once, so that the next plan knows of it before the watch tells.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import structlog

from controller.cluster.observe import is_ours
from controller.cluster.watches import Watches
from controller.plan.pod_plan import PodPatch
from controller.resources.scaled_object import leave_out_tolerance
from controller.telemetry.stats import ControllerStats
from readpool.kubernetes.client import KubernetesClient
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import POD, POOL, PVC, SCALED_OBJECT, Kind, Manifest, ObjectKey, key_of, kind_of
from readpool.pool.labels import MANAGER
from readpool.pool.spec import ReadOnlyPool

TIMEOUT = "Timeout"
"""The reason of an ApiError for want of an answer in the time that a caller has."""
_LOOK_SECONDS = 5.0
_log = structlog.get_logger()


class Stopping(Exception):  # noqa: N818 - no error
    """This process is about to end, or leads no longer: no further write is begun."""


class Applier:
    """Writes to the API server. `stop` lets a write that has begun end, and begins none: then `is_stopping`.

    Every call may raise ApiError, and Stopping.
    """

    def __init__(self, client: KubernetesClient, watches: Watches, stats: ControllerStats) -> None:
        self._client = client
        self._watches = watches
        self._stats = stats
        self.is_stopping = False

    def stop(self) -> None:
        """Begin no further write."""
        self.is_stopping = True

    async def is_taken(self, key: ObjectKey, pool: ReadOnlyPool) -> bool:
        """Return whether somebody else has a name that the pool needs.

        The API server is asked only for what no store has: objects of others lack the label that ours are watched by.
        A claim that somebody has prepared for a replica is what its StatefulSet takes, and needs no other.
        """
        known = self._watches.get(key)
        if known is not None:
            return key.kind != PVC and not is_ours(known, pool)
        live = await _within(_LOOK_SECONDS, self._client.get(key.kind, key.namespace, key.name))
        if live is None:
            return False
        if not is_ours(live, pool):
            return True
        if key.kind != PVC:
            self._watches.observe(key.kind, dict(live))
        return False

    async def apply(self, manifest: Manifest, seconds: float | None = None) -> Manifest:
        """Apply an object, and return what the API server made of it; `seconds` may be less than a request may take.

        A ScaledObject whose tolerance this KEDA does not know is applied without it.
        """
        kind = kind_of(manifest)
        with self._watches.writing(key_of(kind, manifest)):
            try:
                answer = await self._apply(kind, manifest, seconds)
            except ApiError as error:
                if kind != SCALED_OBJECT or not error.is_untyped:
                    raise
                _log.info("appliedWithoutTolerance", name=manifest["metadata"]["name"], message=error.message)
                answer = await self._apply(kind, leave_out_tolerance(manifest), seconds)
            self._watches.observe(kind, answer)
        return answer

    async def _apply(self, kind: Kind, manifest: Manifest, seconds: float | None) -> dict[str, Any]:
        return dict(
            await self._write("apply", kind, partial(self._client.apply, kind, manifest, manager=MANAGER), seconds)
        )

    async def patch_pod(self, namespace: str, patch: PodPatch) -> Manifest:
        """Set annotations of a pod, and return it as it is then; another of its name is left alone (ApiError)."""
        body = {"metadata": {"uid": patch.uid, "annotations": dict(patch.annotations)}}
        write = partial(self._client.merge, POD, namespace, patch.name, body, manager=MANAGER)
        answer = dict(await self._write("patch", POD, write))
        self._watches.observe(POD, answer)
        return answer

    async def delete(self, key: ObjectKey, uid: str | None, seconds: float | None = None) -> None:
        """Delete what is to go; without `uid`, what is in the store. Another of its name is left alone (ApiError)."""
        live = self._watches.get(key)
        uid = uid or (live or {}).get("metadata", {}).get("uid")
        if live is None or uid is None or live["metadata"].get("deletionTimestamp"):
            return
        answer = await self._write("delete", key.kind, partial(self._client.delete, *key, uid=uid), seconds)
        if answer is not None and _takes_its_time(answer):
            self._watches.observe(key.kind, dict(answer))
        else:
            self._watches.observe_deleted(key, uid)

    async def write_replicas(self, pool: ReadOnlyPool, resource_version: str, replicas: int) -> None:
        """Write spec.replicas, unless somebody has changed the pool meanwhile (ApiError, `is_conflict`)."""
        body = {"metadata": {"resourceVersion": resource_version}, "spec": {"replicas": replicas}}
        with self._watches.writing(ObjectKey(POOL, pool.namespace, pool.name)):
            answer = await self._write(
                "patch", POOL, partial(self._client.merge, POOL, pool.namespace, pool.name, body, manager=MANAGER)
            )
            self._watches.observe(POOL, answer)

    async def write_status(self, pool: ReadOnlyPool, status: Manifest) -> Manifest:
        """Write the whole status, and return the pool as it is then; what we said once and no longer say goes."""
        metadata = {"name": pool.name, "namespace": pool.namespace, "uid": pool.uid}
        body = {"apiVersion": POOL.api_version, "kind": POOL.name, "metadata": metadata, "status": dict(status)}
        with self._watches.writing(ObjectKey(POOL, pool.namespace, pool.name)):
            answer = await self._write(
                "status", POOL, partial(self._client.apply, POOL, body, manager=MANAGER, subresource="status")
            )
            kept = dict(answer)
            self._watches.observe(POOL, answer)
        return kept

    async def write_conditions(self, namespace: str, name: str, conditions: list[Any]) -> None:
        """Write the conditions of a pool whose spec is not understood, and leave the rest of its status."""
        body = {"status": {"conditions": conditions}}
        with self._watches.writing(ObjectKey(POOL, namespace, name)):
            answer = await self._write(
                "status",
                POOL,
                partial(self._client.merge, POOL, namespace, name, body, manager=MANAGER, subresource="status"),
            )
            self._watches.observe(POOL, answer)

    async def _write(
        self, verb: str, kind: Kind, write: Callable[[], Awaitable[Any]], seconds: float | None = None
    ) -> Any:
        if self.is_stopping:
            raise Stopping
        try:
            answer = await _within(seconds, write())
        except ApiError as error:
            self._stats.count_write(verb, kind.name, error.reason)
            raise
        self._stats.count_write(verb, kind.name, "OK")
        return answer


async def _within(seconds: float | None, request: Awaitable[Any]) -> Any:
    """Await an answer for so long; what comes later counts as none."""
    try:
        async with asyncio.timeout(seconds):
            return await request
    except TimeoutError as error:
        raise ApiError(0, TIMEOUT, f"no response within {seconds} s") from error


def _takes_its_time(answer: Manifest) -> bool:
    """Return whether what was deleted is still there for a while, by the answer to the deletion."""
    metadata = answer.get("metadata") or {}
    is_graceful = metadata.get("finalizers") or metadata.get("deletionGracePeriodSeconds")
    return bool(metadata.get("deletionTimestamp") and is_graceful)
