"""Stands before each gRPC method: who calls, how many calls that one has, and whether the request ever comes.

gRPC has limits for the process alone, first come, first served. Here a call is counted to its caller from before its
request has been read until its answer has been taken; one whose request does not come is ended, one that is no message
is refused. Who asks too often waits. What a stream may hold beyond that is its service's to say. The caller is read at
once: gRPC crashes when it is asked for the peer of a call that has ended.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import grpc

from readpool.bans import Bans
from readpool.budget import Budget, Limits
from readpool.callers import read_caller
from readpool.pace import Pace, Paces
from readpool.refusals import Refusals
from readpool.unsent import Unsent
from readpool.wrapped_methods import Handler, WrappedMethods

REQUEST_SECONDS = 10.0
"""In which the one request of a call has to come; all clients send it with the call."""
SHORT_BYTES = 4096
"""Of a request that counts once; a longer one takes as much time as many short ones."""
_HELD_BYTES = Limits(process=64 * 1024 * 1024, caller=16 * 1024 * 1024)
"""Of the requests of streams that are open, which are kept as long: half a kilobyte each, if they are KEDA's."""
_Context = grpc.aio.ServicerContext[Any, Any]


class CallGuard(WrappedMethods):
    """Bounds what each caller has of each method.

    Args:
        calls: of what calls are counted to until they are answered; streams, until they have begun.
        streams: by method, of what streams of requests are counted to for as long as they are open.
        pace: of each caller's requests.
        refusals: where refusals are noted.
        bans: likewise, of those that go on.
        request_seconds: how long a request may be on its way.
        short_bytes: how long a request may be that counts once.
    """

    def __init__(
        self,
        calls: Budget,
        streams: Mapping[str, Budget],
        pace: Pace | Paces,
        refusals: Refusals,
        bans: Bans,
        request_seconds: float = REQUEST_SECONDS,
        short_bytes: int = SHORT_BYTES,
    ) -> None:
        super().__init__()
        self._calls = calls
        self._streams = streams
        self._pace = pace
        self._refusals = refusals
        self._bans = bans
        self._request_seconds = request_seconds
        self._short_bytes = short_bytes
        self._unsent = Unsent()
        self._held_bytes = Budget("bytes of streams' requests", _HELD_BYTES)

    def wrap(self, method: str, handler: Any) -> Handler:
        """Read requests as bytes, one by one: the handler of a unary request is called only when it has arrived."""
        if handler.request_streaming:
            budget = self._streams.get(method, self._calls)
            return grpc.stream_stream_rpc_method_handler(self._wrap_talk(handler, budget), None, None)
        if handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(self._wrap_stream(handler), None, None)
        return grpc.stream_unary_rpc_method_handler(self._wrap_call(handler), None, handler.response_serializer)

    def _wrap_call(self, handler: Any) -> Callable[..., Awaitable[Any]]:
        async def guarded(_requests: Any, context: _Context) -> Any:
            caller = read_caller(context.peer())
            held = ExitStack()
            held.enter_context(await self._admit(self._calls, caller, context))
            # Once its answer has been taken, or never will be; the stubs name a class where any callable will do.
            context.add_done_callback(lambda _context: held.close())  # type: ignore[arg-type]
            try:
                return await handler.unary_unary(await self._receive(handler, caller, context), context)
            except grpc.aio.AbortError as error:
                _let_go(error)
                raise

        return guarded

    def _wrap_stream(self, handler: Any) -> Callable[..., AsyncIterator[Any]]:
        async def guarded(_requests: Any, context: _Context) -> AsyncIterator[Any]:
            caller = read_caller(context.peer())
            with await self._admit(self._calls, caller, context):
                body = await self._receive_bytes(caller, context)
                size = len(body)
                request = await _parse(body, handler, context)
                del body
            with await self._admit(self._held_bytes, caller, context, size):
                try:
                    async for body in self._send(handler, handler.unary_stream(request, context), caller):
                        yield body
                except grpc.aio.AbortError as error:
                    del request
                    _let_go(error)
                    raise

        return guarded

    def _wrap_talk(self, handler: Any, budget: Budget) -> Callable[..., AsyncIterator[Any]]:
        async def guarded(requests: AsyncIterator[bytes], context: _Context) -> AsyncIterator[Any]:
            caller = read_caller(context.peer())
            with await self._admit(budget, caller, context):
                parsed = self._parse_all(requests, handler, caller, context)
                async for body in self._send(handler, handler.stream_stream(parsed, context), caller):
                    yield body

        return guarded

    async def _send(self, handler: Any, messages: AsyncIterator[Any], caller: str) -> AsyncIterator[bytes]:
        """Encode messages one by one, each when there is room for it on the way to its caller."""
        async for message in messages:
            size = message.ByteSize()
            await self._unsent.take(caller, size)
            try:
                yield handler.response_serializer(message)
            finally:
                self._unsent.give_back(caller, size)

    async def _admit(
        self, budget: Budget, caller: str, context: _Context, count: int = 1
    ) -> AbstractContextManager[None]:
        refusal = budget.find_refusal(caller, count=count)
        if refusal is not None:
            self._refusals.note(refusal, caller)
            self._bans.note_refusal(caller, asyncio.get_running_loop().time())
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(refusal))
        return budget.hold(caller, count=count)

    async def _receive(self, handler: Any, caller: str, context: _Context) -> Any:
        return await _parse(await self._receive_bytes(caller, context), handler, context)

    async def _receive_bytes(self, caller: str, context: _Context) -> bytes:
        try:
            async with asyncio.timeout(self._request_seconds):
                body: Any = await context.read()
        except TimeoutError:
            what = f"no request came within {self._request_seconds:g} s"
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, what)
        if not isinstance(body, bytes):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the call ended without a request")
        await self._wait_for_turn(caller, body)
        return body

    async def _parse_all(
        self, requests: AsyncIterator[bytes], handler: Any, caller: str, context: _Context
    ) -> AsyncIterator[Any]:
        async for body in requests:
            await self._wait_for_turn(caller, body)
            yield await _parse(body, handler, context)

    async def _wait_for_turn(self, caller: str, body: bytes) -> None:
        """Wait until it is a request's turn; a long one counts as the many short ones that it takes as much time as."""
        now = asyncio.get_running_loop().time()
        self._pace.charge(caller, len(body) // self._short_bytes, now)
        seconds = self._pace.take(caller, now)
        if seconds:
            await asyncio.sleep(seconds)


def _let_go(error: BaseException) -> None:
    """Release what an abort has passed: gRPC keeps it with the call, and the request, until garbage collection."""
    error.__traceback__ = error.__context__ = None


async def _parse(body: bytes, handler: Any, context: _Context) -> Any:
    try:
        return handler.request_deserializer(body)
    except Exception:  # noqa: BLE001 - protobuf's own error, of whichever of its implementations
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the request is not a message of this method")
