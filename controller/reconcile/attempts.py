"""One pass over the objects of a pool: each write by itself, and what fails remembered. Errors are raised at the end.

Under reconcile.pool_writer. Only what concerns all of them ends a pass at once: a namespace that is being deleted, a
server that asks to be left alone, our own end.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import structlog

from controller.cluster.observe import PoolMemory
from controller.observed.failures import note_failure
from controller.observed.pool_keys import PoolKey
from readpool.clock import Clock
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import POD, PVC, ObjectKey

_TOO_MANY_REQUESTS = 429
_UNPROCESSABLE = 422
_log = structlog.get_logger()


class Attempts:
    """The requests of one pass.

    Attributes:
        failed: objects that could not be written, or looked for, and why.
        done: how many writes the API server took.
    """

    def __init__(self, pool: PoolKey, memory: PoolMemory, clock: Clock) -> None:
        self.failed: dict[ObjectKey, ApiError] = {}
        self.done = 0
        self._has_news = False
        self._pool = pool
        self._memory = memory
        self._clock = clock
        self._errors: list[ApiError] = []

    async def write(self, key: ObjectKey, write: Callable[[], Awaitable[Any]]) -> Any:
        """Make one write and return its answer, which may be None; where it fails, `failed` has the key.

        Raises:
            ApiError: where all others would fail as well.
        """
        answer = await self.ask(key, write)
        if key not in self.failed:
            self._memory.failures.pop(key, None)
            self.done += 1
            self._has_news = True
        return answer

    async def ask(self, key: ObjectKey, request: Callable[[], Awaitable[Any]]) -> Any:
        """Make one request of an object that changes nothing; else as `write`."""
        try:
            return await request()
        except ApiError as error:
            self._note(key, error)
            if error.is_of_ending_namespace or error.status == _TOO_MANY_REQUESTS:
                raise
            return None

    def take_news(self) -> bool:
        """Return whether something was written, or could not be, since this was asked last."""
        has_news, self._has_news = self._has_news, False
        return has_news

    def raise_first(self) -> None:
        """Raise what may succeed another time, for the back-off: of several, the one that asks for the longest."""
        if self._errors:
            raise max(self._errors, key=lambda error: error.retry_after_seconds or 0.0)

    def _note(self, key: ObjectKey, error: ApiError) -> None:
        self.failed[key] = error
        self._has_news = True
        if error.is_of_ending_namespace:
            return
        before = self._memory.failures.get(key)
        failure = note_failure(before, error, self._clock())
        if before is None and _may_be_another(key, error):
            self._memory.failures[key] = replace(failure, is_permanent=False)
            _log.info("objectChanged", kind=key.kind.name, name=key.name, pool=str(self._pool), reason=error.reason)
            return
        self._memory.failures[key] = failure
        if not failure.is_permanent:
            self._errors.append(error)
        elif before is None or before.message != failure.message:
            _log.warning("writeRefused", kind=key.kind.name, name=key.name, pool=str(self._pool), message=error.message)


def _may_be_another(key: ObjectKey, error: ApiError) -> bool:
    """Return whether a pod or claim may just be gone, or recreated: the next look knows it."""
    return key.kind in (POD, PVC) and (error.is_not_found or error.is_conflict or error.status == _UNPROCESSABLE)
