"""Who leads: a Lease that one of several replicas holds, as client-go's election has it, by clocks that never jump.

A leader stops so long after it began to renew last that its work has ended before another one may begin, whatever the
API server or the wall clock does meanwhile. It lets go at the end, so that a rolling update waits for no one.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import structlog

from readpool.kubernetes.client import KubernetesClient
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import LEASE, Manifest
from readpool.timestamps import format_micro_time

LEASE_SECONDS = 15
"""A leader that was killed is followed after this and one retry at most."""
RENEW_SECONDS = 10.0
"""A leader whose last renewal began so long ago stops; it has the rest of LEASE_SECONDS for its last writes."""
RETRY_SECONDS = 2
_ANSWER_SECONDS = 3.0
"""An answer that takes longer counts as none."""
_log = structlog.get_logger()


class WorkEndedError(Exception):
    """Who leads has stopped working, though the Lease is held; the cause is what it failed with."""


async def lead(
    client: KubernetesClient, namespace: str, name: str, identity: str, work: Callable[[], Awaitable[None]]
) -> None:
    """Run `work` whenever this process holds the Lease; cancel it when the Lease may be lost, and stand again.

    Runs until cancelled, and then lets go of the Lease. `identity` names this process among the others.

    Raises:
        WorkEndedError: when `work` ends by itself or fails; the Lease is let go, since no one works behind it.
    """
    lease = _Lease(client, namespace, name, identity)
    try:
        while True:
            began = await lease.take()
            if began is None:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            _log.info("leaseAcquired", lease=name, identity=identity)
            await _work_while_held(lease, began, work)
            _log.warning("leaseLost", lease=name, identity=identity)
    finally:
        with contextlib.suppress(ApiError, TimeoutError):
            async with asyncio.timeout(RETRY_SECONDS):
                await lease.release()


async def _work_while_held(lease: "_Lease", began: float, work: Callable[[], Awaitable[None]]) -> None:
    """Work until the Lease may be lost; what is under way then is ended before this returns."""
    working = asyncio.create_task(_run(work))
    holding = asyncio.create_task(_hold(lease, began))
    try:
        await asyncio.wait({working, holding}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            raise WorkEndedError from (None if working.cancelled() else working.exception())
        await holding
    finally:
        await _end({working, holding})


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    await work()


async def _hold(lease: "_Lease", began: float) -> None:
    """Renew until another one holds the Lease, or the last renewal that succeeded began too long ago."""
    while not lease.is_of_another:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(began + RENEW_SECONDS):
                await asyncio.sleep(RETRY_SECONDS)
                began = await lease.take() or began
                continue
        return


async def _end(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    ended = tuple(tasks)
    for task in ended:
        task.cancel()
    await asyncio.gather(*ended, return_exceptions=True)


class _Lease:
    """The Lease as this process has seen it; all times by the loop's clock.

    Attributes:
        is_of_another: when it was read last, another one held it.
    """

    def __init__(self, client: KubernetesClient, namespace: str, name: str, identity: str) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._seen: tuple[Any, ...] | None = None
        self._seen_at = 0.0
        self.is_of_another = False

    async def take(self) -> float | None:
        """Acquire or renew the Lease; return when that began, None if another process holds it or the request fails."""
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                live = await self._client.get(LEASE, self._namespace, self._name)
            if not self._is_free(live):
                return None
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._write(live)
        except TimeoutError:
            _log.warning("leaseRenewFailed", lease=self._name, reason="Timeout")
            return None
        except ApiError as error:
            log = _log.debug if error.is_conflict else _log.warning
            log("leaseRenewFailed", lease=self._name, reason=error.reason, message=error.message)
            return None
        return began

    async def release(self) -> None:
        """Release the Lease if we hold it, so that another process need not wait until it expires."""
        live = await self._client.get(LEASE, self._namespace, self._name)
        spec = (live or {}).get("spec") or {}
        if live is not None and spec.get("holderIdentity") == self._identity:
            await self._client.replace(LEASE, {**live, "spec": {**spec, "holderIdentity": ""}})

    def _is_free(self, live: Manifest | None) -> bool:
        """Return whether it can be ours: it is, no one's, or its holder has not renewed it for as long as he said."""
        spec = (live or {}).get("spec") or {}
        holder = spec.get("holderIdentity")
        self.is_of_another = bool(holder) and holder != self._identity
        seen = (holder, spec.get("renewTime"), ((live or {}).get("metadata") or {}).get("resourceVersion"))
        now = asyncio.get_running_loop().time()
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
        return not self.is_of_another or now >= self._seen_at + float(spec.get("leaseDurationSeconds") or LEASE_SECONDS)

    async def _write(self, live: Manifest | None) -> None:
        now = format_micro_time(datetime.now(UTC).timestamp())
        known = (live or {}).get("spec") or {}
        is_ours = known.get("holderIdentity") == self._identity
        spec = {
            **known,
            "holderIdentity": self._identity,
            "leaseDurationSeconds": LEASE_SECONDS,
            "acquireTime": (known.get("acquireTime") if is_ours else None) or now,
            "renewTime": now,
        }
        if live is not None:
            await self._client.replace(LEASE, {**live, "spec": spec})
        else:
            metadata = {"name": self._name, "namespace": self._namespace}
            manifest = {"apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": metadata, "spec": spec}
            await self._client.create(LEASE, manifest)
        self.is_of_another = False
