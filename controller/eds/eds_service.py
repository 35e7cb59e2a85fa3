"""Envoy's EndpointDiscoveryService v3 over the store: both variants, each stream told what changed as it changes.

What is owed to whom is decided in controller.eds.eds_subscription; here requests are read and answers written.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import structlog
from envoy.service.discovery.v3 import discovery_pb2

from controller.eds.eds_messages import TYPE_URL
from controller.eds.eds_store import EdsStore
from controller.eds.eds_subscription import Answer, NotANameError, Subscription, TooManyNames, check_names
from controller.telemetry.stats import EdsStats
from readpool.budget import Budget, OverBudget, Scope
from readpool.callers import read_caller
from readpool.refusals import Refusals

_log = structlog.get_logger(__name__)
_MOST_TOLD = 1000
_MOST_WORDS = 500
"""Characters that are kept of what an Envoy says of itself or of an answer."""
_Take = Callable[[Subscription, Any], None]
_Encode = Callable[[Answer], Any]


class EdsService:
    """The servicer. Streams wait until the store is ready: until then their Envoys go on as they are.

    They end when the store is no longer current: their Envoys keep what they have, and turn to another controller.
    """

    def __init__(self, store: EdsStore, stats: EdsStats, names: Budget, refusals: Refusals) -> None:
        self._store = store
        self._stats = stats
        self._names = names
        self._refusals = refusals
        self._told: set[tuple[str, str]] = set()
        self._wakes: set[asyncio.Event] = set()
        self._is_ending = False
        store.on_current(self._wake_all)

    def end_all(self) -> None:
        """End all streams, as one that is done does; later ones end at once."""
        self._is_ending = True
        self._wake_all()

    def _wake_all(self) -> None:
        for wake in self._wakes:
            wake.set()

    async def StreamEndpoints(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        """Serve the state-of-the-world variant."""
        async for answer in self._serve(requests, context, self._take_whole, self._encode_whole):
            self._stats.pushes["StateOfTheWorld"] += 1
            yield answer

    async def DeltaEndpoints(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        """Serve the delta variant."""
        async for answer in self._serve(requests, context, self._take_delta, self._encode_delta):
            self._stats.pushes["Delta"] += 1
            yield answer

    async def FetchEndpoints(self, request: Any, context: Any) -> Any:
        """Answer once, for clients that poll."""
        await _check_type(request, context)
        await self._check_current(context)
        caller = read_caller(context.peer())
        try:
            check_names(request.resource_names)
        except (TooManyNames, NotANameError) as error:
            await self._refuse_names(error, caller, context)
        await self._store.ready.wait()
        self._stats.pushes["Fetch"] += 1
        names = tuple(request.resource_names) or tuple(sorted(self._store.names()))
        return self._encode_whole(Answer("", names))

    async def _serve(
        self, requests: AsyncIterator[Any], context: Any, take: _Take, encode: _Encode
    ) -> AsyncIterator[Any]:
        caller = read_caller(context.peer())  # now: gRPC crashes when it is asked at the end
        await self._check_current(context)
        subscription, wake = Subscription(), asyncio.Event()

        async def take_request(request: Any) -> None:
            try:
                take(subscription, request)
                self._charge(subscription, caller)
            except (OverBudget, TooManyNames, NotANameError) as error:
                await self._refuse_names(error, caller, context)

        def note(name: str) -> None:
            if subscription.note_change(name):
                wake.set()

        reading = asyncio.create_task(self._read(requests, context, take_request, wake))
        reading.add_done_callback(lambda _: wake.set())
        self._wakes.add(wake)
        self._stats.streams += 1
        try:
            with self._store.watching(note):
                while not reading.done() and not self._is_ending and self._store.is_current:
                    await wake.wait()
                    wake.clear()
                    while subscription.is_behind:
                        answer = subscription.build_answer(self._store.version_of)
                        if answer is not None:
                            yield encode(answer)
            if reading.done():
                await reading
        finally:
            self._wakes.discard(wake)
            self._stats.streams -= 1
            reading.cancel()
            self._names.give_back(caller, count=subscription.charged)

    async def _read(
        self, requests: AsyncIterator[Any], context: Any, take: Callable[[Any], Awaitable[None]], wake: asyncio.Event
    ) -> None:
        await self._store.ready.wait()
        node = ""
        async for request in requests:
            await _check_type(request, context)
            node = request.node.id[:_MOST_WORDS] or node
            self._tell_refusal(node, request)
            await take(request)
            wake.set()

    def _charge(self, subscription: Subscription, caller: str) -> None:
        """Count what a stream names to its caller.

        Raises:
            OverBudget: the caller's streams together name too many.
        """
        more = subscription.named - subscription.charged
        if more > 0:
            self._names.take(caller, count=more)
        else:
            self._names.give_back(caller, count=-more)
        subscription.charged = subscription.named

    async def _refuse_names(self, error: Exception, caller: str, context: Any) -> None:
        """End a stream or a call with the reason why it may not have what it names."""
        if isinstance(error, NotANameError):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        refusal = error if isinstance(error, OverBudget) else OverBudget("names", Scope.STREAM, str(error))
        self._refusals.note(refusal, caller)
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(refusal))

    async def _check_current(self, context: Any) -> None:
        """Refuse clients while this controller has lost the API server, so that they connect to another one."""
        if not self._store.is_current:
            await context.abort(
                grpc.StatusCode.UNAVAILABLE, "this controller has lost its connection to the API server"
            )

    def _take_whole(self, subscription: Subscription, request: Any) -> None:
        subscription.take_whole_request(request.resource_names, request.response_nonce, self._store.names())

    def _take_delta(self, subscription: Subscription, request: Any) -> None:
        subscription.take_delta_request(
            request.resource_names_subscribe,
            request.resource_names_unsubscribe,
            request.initial_resource_versions,
            self._store.names(),
        )

    def _encode_whole(self, answer: Answer) -> Any:
        resources = [self._store.get(name) for name in answer.names]
        versions = ",".join(resource.version for resource in resources)
        return discovery_pb2.DiscoveryResponse(
            version_info=hashlib.sha256(versions.encode()).hexdigest()[:16],
            resources=[resource.message for resource in resources],
            type_url=TYPE_URL,
            nonce=answer.nonce,
        )

    def _encode_delta(self, answer: Answer) -> Any:
        resources = [(name, self._store.get(name)) for name in answer.names]
        return discovery_pb2.DeltaDiscoveryResponse(
            resources=[
                discovery_pb2.Resource(name=name, version=one.version, resource=one.message) for name, one in resources
            ],
            removed_resources=answer.removed,
            type_url=TYPE_URL,
            nonce=answer.nonce,
        )

    def _tell_refusal(self, node: str, request: Any) -> None:
        """Log once that an Envoy rejects a response; it keeps its last endpoints."""
        if not request.HasField("error_detail"):
            return
        self._stats.refusals += 1
        refusal = (node, request.error_detail.message[:_MOST_WORDS])
        if refusal not in self._told:
            if len(self._told) >= _MOST_TOLD:
                self._told.clear()
            self._told.add(refusal)
            _log.warning("edsRefused", node=node, message=refusal[1])


async def _check_type(request: Any, context: Any) -> None:
    if request.type_url not in {"", TYPE_URL}:
        what = f"type_url is {request.type_url[:_MOST_WORDS]!r}; this service serves only {TYPE_URL}"
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, what)
