"""Counts every finished gRPC request by method and status code, beside the services and without their knowledge."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import grpc

from scaler.stats import ScalerStats

_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
_Context = grpc.aio.ServicerContext[Any, Any]
_CODES = {code.value[0]: code.name for code in grpc.StatusCode}


class RequestCounts(grpc.aio.ServerInterceptor):
    """Wraps each method's handler once and keeps the wrapped one."""

    def __init__(self, stats: ScalerStats) -> None:
        self._stats = stats
        self._counted: dict[str, _Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable["_Handler | None"]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "_Handler | None":
        """Give the counting handler of the method that is called."""
        method = handler_call_details.method
        counted = self._counted.get(method)
        if counted is not None:
            return counted
        handler = await continuation(handler_call_details)
        if handler is None or handler.request_streaming:
            return handler  # unknown methods would fill the memory; reflection is not worth counting
        counted = self._counted[method] = self._count(method.rpartition("/")[2], handler)
        return counted

    def _count(self, name: str, handler: Any) -> _Handler:
        def count(context: _Context) -> None:
            code = "CANCELLED" if context.cancelled() else _CODES.get(_number(context.code()), "UNKNOWN")
            self._stats.count_grpc_request(name, code)

        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                _count_stream(handler.unary_stream, count), handler.request_deserializer, handler.response_serializer
            )
        return grpc.unary_unary_rpc_method_handler(
            _count_unary(handler.unary_unary, count), handler.request_deserializer, handler.response_serializer
        )


_Count = Callable[[Any], None]


def _count_unary(
    answer: Callable[[Any, _Context], Awaitable[Any]], count: _Count
) -> Callable[[Any, _Context], Awaitable[Any]]:
    async def counted(request: Any, context: _Context) -> Any:
        context.add_done_callback(count)  # type: ignore[arg-type]  # a class in the stubs, any callable in fact
        return await answer(request, context)

    return counted


def _count_stream(
    answer: Callable[[Any, _Context], AsyncIterator[Any]], count: _Count
) -> Callable[[Any, _Context], AsyncIterator[Any]]:
    async def counted(request: Any, context: _Context) -> AsyncIterator[Any]:
        context.add_done_callback(count)  # type: ignore[arg-type]  # a class in the stubs, any callable in fact
        async for message in answer(request, context):
            yield message

    return counted


def _number(code: Any) -> int:
    """Give the number of a status code, which the context tells as a number, an enum member or, for OK, nothing."""
    return code.value[0] if isinstance(code, grpc.StatusCode) else int(code or 0)
