"""The writes: server-side apply, patches of pods, deletions, replicas, status. What was decided is done, nothing more.

Each answer goes into the stores at once, so that the next plan knows of it before the watch tells.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

import structlog

from controller.observe import is_ours
from controller.observed import ObservedPool
from controller.plan import Plan
from controller.pod_plan import PodPatch
from controller.stats import ControllerStats
from controller.watches import Watches
from readpool.kubernetes.client import KubernetesClient
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import POD, POOL, PVC, Kind, Manifest, ObjectKey, key_of, kind_of
from readpool.pool.spec import ReadOnlyPool

MANAGER = "readpool"
"""Our name as a field manager: what others set stays theirs."""
_UNPROCESSABLE = 422
_LOG = structlog.get_logger()


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

    async def find_occupied(self, plan: Plan, observed: ObservedPool) -> frozenset[ObjectKey]:
        """Look whether somebody else has the names of what is to be made, and of what was found taken before.

        Only what no store has is asked for: objects of others lack the label that ours are watched by.
        """
        wanted = {_key(manifest) for manifest in plan.apply} - observed.children.keys()
        asked = [key for key in sorted(wanted | observed.occupied, key=str) if self._watches.get(key) is None]
        found = await asyncio.gather(*(self._client.get(key.kind, key.namespace, key.name) for key in asked))
        taken = {key for key in observed.occupied if key not in asked}
        for key, live in zip(asked, found, strict=True):
            if live is None:
                continue
            if is_ours(live, observed.pool):
                self._watches.observe(key.kind, dict(live))
            elif key.kind != PVC:  # a claim that somebody has prepared for a replica is what its StatefulSet takes
                taken.add(key)
        return frozenset(taken)

    async def apply_all(self, manifests: Iterable[Manifest], observed: ObservedPool) -> dict[ObjectKey, str]:
        """Apply what differs, in this order; give what the API server refuses for good, and why."""
        refused = {}
        for manifest in manifests:
            kind, key = kind_of(manifest), _key(manifest)
            if kind == PVC and self._watches.get(key) is None and await self._client.get(*key) is not None:
                continue
            try:
                answer = await self._write("apply", kind, partial(self._client.apply, kind, manifest, manager=MANAGER))
            except ApiError as error:
                if not error.is_for_good or error.is_of_ending_namespace:
                    raise
                refused[key] = error.message
                _LOG.warning("refused", kind=kind.name, pool=_name(observed.pool), why=error.message)
                continue
            self._watches.observe(kind, answer)
        return refused

    async def patch_pods(self, namespace: str, patches: Iterable[PodPatch]) -> None:
        """Set annotations of pods; one that is another by now is left alone."""
        for patch in patches:
            body = {"metadata": {"uid": patch.uid, "annotations": dict(patch.annotations)}}
            try:
                answer = await self._write(
                    "patch", POD, partial(self._client.merge, POD, namespace, patch.name, body, manager=MANAGER)
                )
            except ApiError as error:
                if error.is_gone or error.is_conflict or error.status == _UNPROCESSABLE:  # another uid is that
                    _LOG.info("pod has changed", pod=f"{namespace}/{patch.name}", reason=error.reason)
                    continue
                raise
            self._watches.observe(POD, answer)

    async def delete_all(self, plan: Plan) -> None:
        """Delete what is to go, each only while it is the very object that was seen."""
        for key in plan.delete:
            live = self._watches.get(key)
            uid = plan.uids.get(key) or (live or {}).get("metadata", {}).get("uid")
            if live is None or uid is None or live["metadata"].get("deletionTimestamp"):
                continue
            try:
                answer = await self._write("delete", key.kind, partial(self._client.delete, *key, uid=uid))
            except ApiError as error:
                if not error.is_conflict:
                    raise
                _LOG.info("object has changed", kind=key.kind.name, name=f"{key.namespace}/{key.name}")
                continue
            if answer is not None and _takes_its_time(answer):
                self._watches.observe(key.kind, dict(answer))
            else:
                self._watches.observe_deleted(key, uid)

    async def write_replicas(self, pool: ReadOnlyPool, resource_version: str, replicas: int) -> None:
        """Write spec.replicas, unless somebody has changed the pool meanwhile (ApiError, `is_conflict`)."""
        body = {"metadata": {"resourceVersion": resource_version}, "spec": {"replicas": replicas}}
        answer = await self._write(
            "patch", POOL, partial(self._client.merge, POOL, pool.namespace, pool.name, body, manager=MANAGER)
        )
        self._watches.observe(POOL, answer)

    async def write_status(self, pool: ReadOnlyPool, status: Manifest) -> None:
        """Write the whole status; what we said once and no longer say goes."""
        metadata = {"name": pool.name, "namespace": pool.namespace, "uid": pool.uid}
        body = {"apiVersion": POOL.api_version, "kind": POOL.name, "metadata": metadata, "status": dict(status)}
        answer = await self._write(
            "status", POOL, partial(self._client.apply, POOL, body, manager=MANAGER, subresource="status")
        )
        self._watches.observe(POOL, answer)

    async def write_conditions(self, namespace: str, name: str, conditions: list[Any]) -> None:
        """Write the conditions of a pool whose spec is not understood, and leave the rest of its status."""
        body = {"status": {"conditions": conditions}}
        answer = await self._write(
            "status",
            POOL,
            partial(self._client.merge, POOL, namespace, name, body, manager=MANAGER, subresource="status"),
        )
        self._watches.observe(POOL, answer)

    async def _write(self, verb: str, kind: Kind, write: Callable[[], Awaitable[Any]]) -> Any:
        if self.is_stopping:
            raise Stopping
        try:
            answer = await write()
        except ApiError as error:
            self._stats.count_write(verb, kind.name, error.reason)
            raise
        self._stats.count_write(verb, kind.name, "OK")
        return answer


def _key(manifest: Manifest) -> ObjectKey:
    return key_of(kind_of(manifest), manifest)


def _name(pool: ReadOnlyPool) -> str:
    return f"{pool.namespace}/{pool.name}"


def _takes_its_time(answer: Manifest) -> bool:
    """Tell whether what was deleted is still there for a while, by the answer to the deletion."""
    metadata = answer.get("metadata") or {}
    is_graceful = metadata.get("finalizers") or metadata.get("deletionGracePeriodSeconds")
    return bool(metadata.get("deletionTimestamp") and is_graceful)
