"""What is the same of all that stands before gRPC methods: each handler is wrapped once, when it is first called."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


class WrappedMethods(grpc.aio.ServerInterceptor):
    """Keeps what `wrap` made of each method's handler."""

    def __init__(self) -> None:
        self._wrapped: dict[str, Handler] = {}

    def wrap(self, method: str, handler: Any) -> Handler:
        """Wrap the handler of a method, /PACKAGE.SERVICE/NAME."""
        raise NotImplementedError

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable["Handler | None"]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "Handler | None":
        """Return the wrapped handler of the called method."""
        method = handler_call_details.method
        wrapped = self._wrapped.get(method)
        if wrapped is None:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None  # there is no such method, and no end to their names
            wrapped = self._wrapped[method] = self.wrap(method, handler)
        return wrapped
