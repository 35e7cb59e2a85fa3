"""How a gRPC call ends: the codes that tests expect, and the first thing that a call answers."""

import asyncio
from typing import Any

import grpc

EXHAUSTED, INVALID = grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INVALID_ARGUMENT
ANSWER_SECONDS = 20.0


async def find_code(call: Any) -> grpc.StatusCode:
    """Return how a call answers first: OK for a message."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await (call.read() if hasattr(call, "read") else call)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK
