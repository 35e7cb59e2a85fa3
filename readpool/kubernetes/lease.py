"""Who leads: a Lease that one of several replicas holds, by the election of `kubernetes.aio`.

The library's own LeaseLock writes local time as if it were UTC and pulls in the typed models; this one keeps the Lease
as plain JSON, and lets go of it at the end, so that a rolling update waits for nobody.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any, cast

import structlog
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.aio.leaderelection.resourcelock.baselock import BaseLock

from readpool.kubernetes.client import KubernetesClient
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import LEASE, Manifest

LEASE_SECONDS = 15
"""A leader that was killed is followed after this and one retry at most."""
RENEW_SECONDS = 9
RETRY_SECONDS = 2
_ANSWER_SECONDS = 3.0
"""An answer that takes longer counts as none: a leader has to see that its time is up before another one leads."""
_LOG = structlog.get_logger()


class WorkEndedError(Exception):
    """Who leads has stopped working, though the Lease is held; the cause is what it failed with."""


async def lead(
    client: KubernetesClient, namespace: str, name: str, identity: str, work: Callable[[], Awaitable[None]]
) -> None:
    """Run `work` whenever this process holds the Lease; cancel it when the Lease is lost, and stand again.

    Runs until cancelled, and then lets go of the Lease. `identity` names this process among the others.

    Raises:
        WorkEndedError: when `work` ends by itself or fails; the Lease is let go, since nobody works behind it.
    """
    lock = JsonLeaseLock(client, namespace, name, identity)
    working: set[asyncio.Task[None]] = set()
    ended = asyncio.Event()

    async def started() -> None:
        _LOG.info("leading", lease=name, identity=identity)
        working.add(cast("asyncio.Task[None]", asyncio.current_task()))
        try:
            await work()
        finally:
            ended.set()

    async def stopped() -> None:
        _LOG.warning("no longer leading", lease=name, identity=identity)

    try:
        while True:
            election = LeaderElection(Config(lock, LEASE_SECONDS, RENEW_SECONDS, RETRY_SECONDS, started, stopped))
            await _run_election(election, ended, working)
            await _end(working)  # what a lost Lease has cancelled may still be at its last write
            working.clear()
            ended.clear()
    finally:
        await _end(working)  # the library leaves them running when it is cancelled itself
        with contextlib.suppress(ApiError, TimeoutError):
            async with asyncio.timeout(RETRY_SECONDS):
                await lock.release()


async def _run_election(election: LeaderElection, ended: asyncio.Event, working: set["asyncio.Task[None]"]) -> None:
    """Run an election until its term is over, which ends the work; if the work ends first, raise WorkEndedError."""
    running = asyncio.create_task(election.run())
    ending = asyncio.create_task(ended.wait())
    try:
        await asyncio.wait({running, ending}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({running}, timeout=_ANSWER_SECONDS)
        if not running.done():
            raise WorkEndedError from next((_find_fault(work) for work in working), None)
        await running
    finally:
        await _end({running, ending})


def _find_fault(work: "asyncio.Task[None]") -> BaseException | None:
    return work.exception() if work.done() and not work.cancelled() else None


async def _end(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    ended = tuple(tasks)
    for task in ended:
        task.cancel()
    await asyncio.gather(*ended, return_exceptions=True)


class JsonLeaseLock(BaseLock):
    """A Lease as the lock of an election; times are UTC, as the API wants them."""

    def __init__(self, client: KubernetesClient, namespace: str, name: str, identity: str) -> None:
        super().__init__(name, namespace, identity)
        self._client = client
        self._lease: Manifest | None = None

    async def get(self, name: str, namespace: str) -> tuple[bool, Any]:
        """Fetch the record; (False, ApiException) where there is none or nobody answers, as the library expects it."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                self._lease = await self._client.get(LEASE, namespace, name)
        except ApiError as error:
            return False, _as_library_error(error)
        except TimeoutError:
            return False, _as_library_error(ApiError(0, "Timeout", f"no answer within {_ANSWER_SECONDS} s"))
        if self._lease is None:
            return False, _as_library_error(ApiError(404, "NotFound", f"no Lease {namespace}/{name} yet"))
        return True, _read_record(self._lease["spec"])

    async def create(self, name: str, namespace: str, election_record: LeaderElectionRecord) -> bool:
        """Create the Lease; False where another was first."""
        metadata = {"name": name, "namespace": namespace}
        manifest = {"apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": metadata}
        return await self._write(self._client.create, manifest, election_record)

    async def update(self, name: str, namespace: str, updated_record: LeaderElectionRecord) -> bool:
        """Replace the Lease that was fetched last; False where another was first."""
        del name, namespace
        if self._lease is None:
            return False
        return await self._write(self._client.replace, self._lease, updated_record)

    async def release(self) -> None:
        """Let go, if it is ours, so that another need not wait until it has run out."""
        lease = await self._client.get(LEASE, self.namespace, self.name)
        if lease is not None and lease["spec"].get("holderIdentity") == self.identity:
            await self._client.replace(LEASE, {**lease, "spec": {**lease["spec"], "holderIdentity": ""}})

    async def _write(
        self,
        write: Callable[..., Awaitable[Manifest]],
        manifest: Manifest,
        record: LeaderElectionRecord,
    ) -> bool:
        spec = {
            **manifest.get("spec", {}),
            "holderIdentity": record.holder_identity,
            "leaseDurationSeconds": int(float(record.lease_duration or LEASE_SECONDS)),
            "acquireTime": _to_utc(record.acquire_time),
            "renewTime": _to_utc(record.renew_time),
        }
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                self._lease = await write(LEASE, {**manifest, "spec": spec})
        except TimeoutError:
            _LOG.warning("cannot hold the lease", lease=self.name, reason="Timeout")
            return False
        except ApiError as error:
            log = _LOG.debug if error.is_conflict else _LOG.warning
            log("cannot hold the lease", lease=self.name, reason=error.reason, message=error.message)
            return False
        return True


def _read_record(spec: Manifest) -> LeaderElectionRecord:
    duration = spec.get("leaseDurationSeconds")
    return LeaderElectionRecord(
        spec.get("holderIdentity") or None,
        None if duration is None else str(duration),
        spec.get("acquireTime"),
        spec.get("renewTime"),
    )


def _to_utc(text: str | None) -> str:
    """Turn the library's local time, or the API's UTC, into what the API takes: RFC 3339 with microseconds."""
    moment = datetime.fromisoformat(text) if text else datetime.now(UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _as_library_error(error: ApiError) -> ApiException:
    exception = ApiException(status=error.status, reason=str(error))
    exception.body = json.dumps({"code": error.status})
    return exception
