"""What becomes of the Lease when the work behind it ends by itself: it is let go, and whoever leads is told."""

import asyncio
from typing import Any

import pytest

from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import Kind, Manifest
from readpool.kubernetes.lease import RETRY_SECONDS, WorkEndedError, lead


class OneLease:
    """An API server that has one Lease and nothing else."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None

    async def get(self, _kind: Kind, _namespace: str, _name: str) -> Manifest | None:
        return self.lease

    async def create(self, _kind: Kind, manifest: Manifest) -> Manifest:
        if self.lease is not None:
            raise ApiError(409, "AlreadyExists", "")
        self.lease = dict(manifest)
        return self.lease

    async def replace(self, _kind: Kind, manifest: Manifest) -> Manifest:
        self.lease = dict(manifest)
        return self.lease


async def fail() -> None:
    raise ValueError("broken")


async def finish() -> None:
    pass


async def be_cancelled() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize(("work", "cause"), [(fail, ValueError), (finish, type(None)), (be_cancelled, type(None))])
async def test_work_that_ends_by_itself_ends_the_leading_too(work: Any, cause: type) -> None:
    api = OneLease()
    with pytest.raises(WorkEndedError) as ended:
        await asyncio.wait_for(lead(api, "n", "lease", "me", work), 10)  # type: ignore[arg-type]
    assert isinstance(ended.value.__cause__, cause)
    assert api.lease is not None
    assert api.lease["spec"]["holderIdentity"] == ""


class SlowFor(OneLease):
    """The same API server by another way, on which writes do not come through while it is slow."""

    def __init__(self, shared: OneLease) -> None:
        super().__init__()
        self._shared = shared
        self.is_slow = False
        self.is_cut = False

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        if self.is_cut:
            raise ApiError(0, "ClientConnectorError", "no route to host")
        if self.is_slow:
            await asyncio.sleep(2.9)
        return await self._shared.get(kind, namespace, name)

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        return await self._shared.create(kind, manifest)

    async def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        if self.is_slow:
            await asyncio.sleep(60)
        return await self._shared.replace(kind, manifest)


@pytest.mark.timeout(90)
@pytest.mark.parametrize("way", ["slow", "cut"])
async def test_two_never_lead_at_once_whatever_becomes_of_the_first_ones_way_to_the_server(way: str) -> None:
    shared = OneLease()
    first, leading, most = SlowFor(shared), set[str](), 0
    begun = {name: asyncio.Event() for name in ("first", "second")}

    def work(name: str) -> Any:
        async def run() -> None:
            nonlocal most
            leading.add(name)
            most = max(most, len(leading))
            begun[name].set()
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(3.0)  # the last writes
                leading.discard(name)

        return run

    tasks = [asyncio.create_task(lead(first, "n", "lease", "first", work("first")))]  # type: ignore[arg-type]
    await asyncio.wait_for(begun["first"].wait(), 5)
    tasks.append(asyncio.create_task(lead(shared, "n", "lease", "second", work("second"))))  # type: ignore[arg-type]
    await asyncio.sleep(1.0)
    first.is_slow, first.is_cut = way == "slow", way == "cut"
    await asyncio.wait_for(begun["second"].wait(), 60)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert most == 1


async def test_a_leader_that_reads_that_another_one_holds_the_lease_stops_at_once() -> None:
    api, begun, ended = OneLease(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    leading = asyncio.create_task(lead(api, "n", "lease", "me", work))  # type: ignore[arg-type]
    await asyncio.wait_for(begun.wait(), 5)
    assert api.lease is not None
    api.lease = {**api.lease, "spec": {**api.lease["spec"], "holderIdentity": "another"}}
    await asyncio.wait_for(ended.wait(), 2 * RETRY_SECONDS)
    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)
    assert api.lease["spec"]["holderIdentity"] == "another"
