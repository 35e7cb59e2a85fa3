"""Sets a stage of routes for a test, or skips it where a program of the stage can be had neither built nor cached."""

import contextlib
from collections.abc import AsyncIterator

from devtools.api.routes_stage import RoutesStage
from devtools.envoy.envoy_binary import EnvoyMissingError
from devtools.machine.needs import UnmetNeedError
from devtools.strictness import skip_or_fail


@contextlib.asynccontextmanager
async def set_or_skip(setting: contextlib.AbstractAsyncContextManager[RoutesStage]) -> AsyncIterator[RoutesStage]:
    """Set a stage during the block."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            staged = await stack.enter_async_context(setting)
        except (UnmetNeedError, EnvoyMissingError) as error:
            skip_or_fail(str(error))
        yield staged
