"""Counts gRPC requests, beside the services and without their knowledge: those in flight, and how each one ended."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from readpool.wrapped_methods import Handler, WrappedMethods
from scaler.telemetry.stats import ScalerStats

_Context = grpc.aio.ServicerContext[Any, Any]
_CODES = {code.value[0]: code.name for code in grpc.StatusCode}


class RequestCounts(WrappedMethods):
    """Counts each method's requests."""

    def __init__(self, stats: ScalerStats) -> None:
        super().__init__()
        self._stats = stats
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def until_idle(self) -> None:
        """Wait until no request is in flight."""
        await self._idle.wait()

    def wrap(self, method: str, handler: Any) -> Handler:
        """Wrap a handler so that its requests are counted."""
        name = method.rpartition("/")[2]
        coding = (handler.request_deserializer, handler.response_serializer)
        if handler.request_streaming:
            return grpc.stream_stream_rpc_method_handler(self._wrap_stream(name, handler.stream_stream), *coding)
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(self._wrap_stream(name, handler.unary_stream), *coding)
        return grpc.unary_unary_rpc_method_handler(self._wrap_call(name, handler.unary_unary), *coding)

    def _wrap_call(self, name: str, answer: Callable[[Any, _Context], Awaitable[Any]]) -> Callable[..., Any]:
        async def counted(request: Any, context: _Context) -> Any:
            self._begin(name, context)
            try:
                return await answer(request, context)
            finally:
                self._end()

        return counted

    def _wrap_stream(self, name: str, answer: Callable[[Any, _Context], AsyncIterator[Any]]) -> Callable[..., Any]:
        async def counted(request: Any, context: _Context) -> AsyncIterator[Any]:
            self._begin(name, context)
            try:
                async for message in answer(request, context):
                    yield message
            finally:
                self._end()

        return counted

    def _begin(self, name: str, context: _Context) -> None:
        self._in_flight += 1
        self._idle.clear()
        self._stats.begin_grpc_request(name)

        def count(ended: Any) -> None:
            code = "CANCELLED" if ended.cancelled() else _CODES.get(_number(ended.code()), "UNKNOWN")
            self._stats.count_grpc_request(name, code)

        context.add_done_callback(count)  # type: ignore[arg-type]  # a class in the stubs, any callable in fact

    def _end(self) -> None:
        self._in_flight -= 1
        if not self._in_flight:
            self._idle.set()


def _number(code: Any) -> int:
    """Return the number of a status code, which the context has as a number, an enum member or, for OK, nothing."""
    return code.value[0] if isinstance(code, grpc.StatusCode) else int(code or 0)
