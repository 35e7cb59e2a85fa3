"""What becomes of the Lease when the work behind it ends by itself: it is let go, and whoever leads is told."""

import asyncio
from typing import Any

import pytest

from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import Kind, Manifest
from readpool.kubernetes.lease import WorkEndedError, lead


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
