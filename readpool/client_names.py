"""Stands before each gRPC method: is the caller's certificate one of those that are let in, by its name?

An authority that signs for others too would let all of them in. What TLS has checked by then is that the certificate is
of that authority and has not ended.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any

import grpc

from readpool.tls_files import TlsFiles
from readpool.wrapped_methods import Handler, WrappedMethods

_Context = grpc.aio.ServicerContext[Any, Any]
_NAMES = ("x509_subject_alternative_name", "x509_common_name")


def is_let_in(told: Mapping[str, Iterable[bytes]], names: Iterable[str]) -> bool:
    """Return whether a name of the certificate, subject alternative or common, equals one of the accepted names."""
    given = {name.decode("utf-8", "replace") for kind in _NAMES for name in told.get(kind, ())}
    return not given.isdisjoint(names)


class ClientNames(WrappedMethods):
    """Refuses callers of other names."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__()
        self._names = frozenset(names)

    def wrap(self, method: str, handler: Any) -> Handler:  # noqa: ARG002 - all methods alike
        """Wrap a handler so that it is for callers of these names alone."""
        coding = (handler.request_deserializer, handler.response_serializer)
        match handler.request_streaming, handler.response_streaming:
            case True, True:
                return grpc.stream_stream_rpc_method_handler(self._wrap_stream(handler.stream_stream), *coding)
            case True, False:
                return grpc.stream_unary_rpc_method_handler(self._wrap_call(handler.stream_unary), *coding)
            case False, True:
                return grpc.unary_stream_rpc_method_handler(self._wrap_stream(handler.unary_stream), *coding)
            case _:
                return grpc.unary_unary_rpc_method_handler(self._wrap_call(handler.unary_unary), *coding)

    def _wrap_call(self, answer: Callable[[Any, _Context], Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def guarded(request: Any, context: _Context) -> Any:
            await self._check(context)
            return await answer(request, context)

        return guarded

    def _wrap_stream(self, answer: Callable[[Any, _Context], AsyncIterator[Any]]) -> Callable[..., AsyncIterator[Any]]:
        async def guarded(request: Any, context: _Context) -> AsyncIterator[Any]:
            await self._check(context)
            async for message in answer(request, context):
                yield message

        return guarded

    async def _check(self, context: _Context) -> None:
        if not is_let_in(context.auth_context(), self._names):
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "clients with this certificate name are not allowed")


def list_guards(tls: TlsFiles | None) -> list[grpc.aio.ServerInterceptor]:
    """List what stands before a server's methods by these settings: a guard where names are given, else nothing."""
    return [ClientNames(tls.client_names)] if tls is not None and tls.client_names else []
