"""Which triggers get in: parsed once, remembered while they are asked for, refused with the status that fits.

KEDA sends the whole scalerMetadata with every call, so the answer must not cost a parse each time, and thousands of
triggers that nobody asks for again must not stay.
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import Any

import grpc
import structlog

from scaler.trigger import PoolSource, Trigger, TriggerError, parse_trigger

_log = structlog.get_logger(__name__)
_REMEMBERED_CHARACTERS = 16 * 1024 * 1024
_OVERHEAD_CHARACTERS = 2048
"""What one remembered trigger costs beside its own text, roughly."""
_Key = tuple[str, frozenset[tuple[str, str]]]


class PoolTriggerError(TriggerError):
    """A trigger by pool, of a pool that this scaler does not read."""


class Admission:
    """Parses triggers and remembers both kinds of answers; the least recently asked for is forgotten first.

    Args:
        allow_static_nodes: let in triggers that name nodes or references by URL.
        pool_namespaces: let in triggers by pool of these namespaces, of any if it is empty; None lets in none.
        remembered_characters: how much is remembered.
    """

    def __init__(
        self,
        *,
        allow_static_nodes: bool,
        pool_namespaces: Collection[str] | None = None,
        remembered_characters: int = _REMEMBERED_CHARACTERS,
    ) -> None:
        self._allow_static_nodes = allow_static_nodes
        self._pool_namespaces = pool_namespaces
        self._limit = remembered_characters
        self._size = 0
        self._remembered: OrderedDict[_Key, Trigger | TriggerError] = OrderedDict()

    def __len__(self) -> int:
        """Count the remembered triggers."""
        return len(self._remembered)

    def parse(self, namespace: str, name: str, metadata: Mapping[str, str]) -> Trigger:
        """Parse one trigger of the ScaledObject `namespace`/`name`; a refusal is logged once while it is remembered.

        Raises:
            TriggerError: as `parse_trigger`; PoolTriggerError for a pool that this scaler does not read.
        """
        key = (namespace, frozenset(metadata.items()))
        known = self._remembered.get(key)
        if known is None:
            known = self._parse(namespace, name, metadata)
            self._remember(key, known)
        else:
            self._remembered.move_to_end(key)
        if isinstance(known, TriggerError):
            # A new one each time: its traceback holds the call, which the remembered one must not keep.
            raise type(known)(*known.args)
        return known

    async def admit(
        self, namespace: str, name: str, metadata: Mapping[str, str], context: grpc.aio.ServicerContext[Any, Any]
    ) -> Trigger:
        """Parse one trigger, or end the call: INVALID_ARGUMENT with the reason, UNIMPLEMENTED for a pool not read."""
        try:
            return self.parse(namespace, name, metadata)
        except PoolTriggerError as error:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, str(error))
        except TriggerError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

    def _parse(self, namespace: str, name: str, metadata: Mapping[str, str]) -> Trigger | TriggerError:
        try:
            trigger = parse_trigger(namespace, dict(metadata), allow_static_nodes=self._allow_static_nodes)
            if isinstance(trigger.fleet.source, PoolSource):
                self._check_pool(namespace, trigger.fleet.source.name)
        except TriggerError as error:
            _log.warning("triggerRefused", namespace=namespace, scaledObject=name, why=str(error))
            return error.with_traceback(None)
        return trigger

    def _check_pool(self, namespace: str, name: str) -> None:
        namespaces = self._pool_namespaces
        if namespaces is None:
            raise PoolTriggerError(
                f"pool: {name!r} cannot be looked up, since this scaler reads no ReadOnlyPools; start it with --pools,"
                " or name the pool's headless Service with service and port"
            )
        if namespaces and namespace not in namespaces:
            read = ", ".join(sorted(namespaces))
            raise PoolTriggerError(
                f"pool: {name!r} is in namespace {namespace}, and this scaler reads the ReadOnlyPools of {read} only"
                " (--namespaces)"
            )

    def _remember(self, key: _Key, trigger: Trigger | TriggerError) -> None:
        self._remembered[key] = trigger
        self._size += _cost(key)
        while self._size > self._limit:
            forgotten, _ = self._remembered.popitem(last=False)
            self._size -= _cost(forgotten)


def _cost(key: _Key) -> int:
    namespace, items = key
    return _OVERHEAD_CHARACTERS + len(namespace) + sum(len(name) + len(value) for name, value in items)
