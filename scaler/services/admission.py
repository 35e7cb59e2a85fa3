"""Which triggers get in: parsed once, remembered while they are asked for, refused with the status that fits.

KEDA sends the whole scalerMetadata with every call, so the answer must not cost a parse each time, and thousands of
triggers that are never asked for again must not stay.
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import Any

import grpc
import structlog

from readpool.callers import read_caller
from readpool.clock import Clock, steady_clock
from readpool.line_budget import LineBudget
from scaler.triggers.fleet_spec import PoolSource
from scaler.triggers.trigger import Trigger, parse_trigger
from scaler.triggers.trigger_values import TriggerError

_log = structlog.get_logger(__name__)
_REMEMBERED_CHARACTERS = 16 * 1024 * 1024
_OVERHEAD_CHARACTERS = 2048
"""What one remembered trigger costs beside its own text, roughly."""
_MOST_NAME = 253
"""Characters of the name of a Kubernetes object."""
_Key = tuple[str, frozenset[tuple[str, str]]]


class PoolTriggerError(TriggerError):
    """A trigger by pool, of a pool that this scaler does not read."""


class Admission:
    """Parses triggers and remembers both kinds of answers; the least recently asked for is forgotten first.

    Args:
        allow_static_nodes: let in triggers that name nodes or references by URL.
        pool_namespaces: let in triggers by pool of these namespaces, of any if it is empty; None lets in none.
        remembered_characters: how much is remembered.
        clock: gives `now`, by which lines of the log are rationed.
    """

    def __init__(
        self,
        *,
        allow_static_nodes: bool,
        pool_namespaces: Collection[str] | None = None,
        remembered_characters: int = _REMEMBERED_CHARACTERS,
        clock: Clock | None = None,
    ) -> None:
        self._allow_static_nodes = allow_static_nodes
        self._pool_namespaces = pool_namespaces
        self._limit = remembered_characters
        self._clock = clock or steady_clock()
        self._caller_lines = LineBudget(burst=100, per_second=0.2)
        self._namespace_lines = LineBudget(burst=20, per_second=1 / 30, overall=64)
        self._size = 0
        self._remembered: OrderedDict[_Key, Trigger | TriggerError] = OrderedDict()

    def __len__(self) -> int:
        """Count the remembered triggers."""
        return len(self._remembered)

    def parse(self, namespace: str, name: str, metadata: Mapping[str, str], caller: str = "") -> Trigger:
        """Parse one trigger of the ScaledObject `namespace`/`name`; a refusal is logged once while it is remembered.

        Of refusals without end, of one caller or of one namespace of it, some are logged, and how many are not.

        Raises:
            TriggerError: as `parse_trigger`; PoolTriggerError for a pool that this scaler does not read.
        """
        key = (namespace, frozenset(metadata.items()))
        known = self._remembered.get(key)
        if known is None:
            known = self._parse(namespace, name, metadata, caller)
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
            return self.parse(namespace, name, metadata, read_caller(context.peer()))
        except PoolTriggerError as error:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, str(error))
        except TriggerError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

    def _parse(self, namespace: str, name: str, metadata: Mapping[str, str], caller: str) -> Trigger | TriggerError:
        try:
            trigger = parse_trigger(namespace, dict(metadata), allow_static_nodes=self._allow_static_nodes)
            if isinstance(trigger.fleet.source, PoolSource):
                self._check_pool(namespace, trigger.fleet.source.name)
        except TriggerError as error:
            self._log_refusal(namespace[:_MOST_NAME], name[:_MOST_NAME], caller, str(error))
            return error.with_traceback(None)
        return trigger

    def _log_refusal(self, namespace: str, name: str, caller: str, why: str) -> None:
        now = self._clock()
        withheld = self._caller_lines.take(caller, now)
        if withheld is not None:
            withheld = self._namespace_lines.take((caller, namespace), now)
        if withheld is not None:
            _log.warning("triggerRefused", namespace=namespace, scaledObject=name, message=why, suppressed=withheld)

    def _check_pool(self, namespace: str, name: str) -> None:
        namespaces = self._pool_namespaces
        if namespaces is None:
            raise PoolTriggerError(
                f"pool: {name!r} cannot be read, because this scaler runs without --pools; start it with --pools,"
                " or use service and port with the pool's headless Service"
            )
        if namespaces and namespace not in namespaces:
            read = ", ".join(sorted(namespaces))
            raise PoolTriggerError(
                f"pool: {name!r} is in namespace {namespace}, but this scaler reads ReadOnlyPools in {read} only"
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
