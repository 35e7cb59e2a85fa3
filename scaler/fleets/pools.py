"""The ReadOnlyPools as the API server has them, for triggers by pool. The one part of the scaler that reads the API.

Only a scaler with --pools imports this. The API server may come and go: the pools that are known stay known.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import structlog

from readpool.host_port import StartError
from readpool.kubernetes.client import NoKubernetes, connect
from readpool.kubernetes.informer import Informer
from readpool.kubernetes.kinds import POOL, Manifest, ObjectKey
from readpool.pool.condition_types import ConditionType
from scaler.triggers.fleet_spec import FleetSpec, PoolSource
from scaler.triggers.pool_fleet import ReferenceRules, build_unread, derive_fleet

_AFTER_FAULT_SECONDS = 30.0
_KEPT_METADATA = ("name", "namespace", "uid", "generation", "resourceVersion", "deletionTimestamp")
_KEPT_STATUS = ("learnedRequestsPerReplica", "scalingMemory")
_KEPT_OUT_OF_SERVICE = ("replicaName", "weight", "outOfService")
_log = structlog.get_logger(__name__)


class Pools:
    """The pools of these informers' namespaces.

    Args:
        informers: by namespace; None where one informer has all namespaces.
        rules: which references a pool may name.
    """

    def __init__(self, informers: Mapping[str | None, Informer], rules: ReferenceRules) -> None:
        self._informers = informers
        self._rules = rules
        self._tasks: list[asyncio.Task[None]] = []

    def derive(self, asked: FleetSpec, before: FleetSpec | None) -> FleetSpec:
        """Return the current spec of the fleet of a trigger with `pool`.

        Args:
            asked: the trigger's; of a namespace that is read.
            before: what it was held to until now.
        """
        informer = self._informers.get(asked.namespace) or self._informers[None]
        if not informer.synced.is_set():
            return build_unread(asked)
        name = asked.source.name if isinstance(asked.source, PoolSource) else ""
        return derive_fleet(asked, informer.get(asked.namespace, name), self._rules, before)

    def on_change(self, note_pool: Callable[[str, str], None], note_all: Callable[[], None]) -> None:
        """Call `note_pool` at each change of a pool, with namespace and name, and `note_all` once all are read."""

        def note(key: ObjectKey, _manifest: Manifest) -> None:
            try:
                note_pool(key.namespace, key.name)
            except Exception as error:  # noqa: BLE001 - a fault with one pool keeps nothing from the others
                _log.error("poolFault", pool=f"{key.namespace}/{key.name}", exc_info=error)

        for informer in self._informers.values():
            informer.on_change(note)
            self._begin(_note_when_read(informer, note_all))

    def start(self) -> None:
        """Read from now on."""
        for informer in self._informers.values():
            self._begin(_keep_reading(informer))

    async def stop(self) -> None:
        """Read no more; what is known stays known."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work, name="pools"))


@contextlib.asynccontextmanager
async def read_pools(
    kubeconfig: Path | None, namespaces: tuple[str, ...], rules: ReferenceRules
) -> AsyncIterator[Pools]:
    """Read the pools of these namespaces, of all where none is named, for as long as the block runs.

    Raises:
        StartError: when there is no cluster to read them from.
    """
    async with contextlib.AsyncExitStack() as stack:
        try:
            client = await stack.enter_async_context(connect(kubeconfig))
        except NoKubernetes as error:
            raise StartError(f"--pools requires a cluster: {error}; outside a cluster, set --kubeconfig") from None
        informers = {name: Informer(client, POOL, name, trim=_trim) for name in namespaces or (None,)}
        pools = Pools(informers, rules)
        pools.start()
        stack.push_async_callback(pools.stop)
        yield pools


async def _note_when_read(informer: Informer, note_all: Callable[[], None]) -> None:
    await informer.synced.wait()
    note_all()


async def _keep_reading(informer: Informer) -> None:
    """Run an informer. A failure is logged, and the pools are listed again after a while."""
    while True:
        try:
            await informer.run()
        except Exception as error:  # noqa: BLE001 - without an end to this, pools would stand still without a word
            _log.error("poolsFault", exc_info=error)
            await asyncio.sleep(_AFTER_FAULT_SECONDS)


def _trim(manifest: dict[str, Any]) -> dict[str, Any]:
    """Keep what a fleet is made of; of the status, only some fields, and the replicas out of service."""
    metadata, status = manifest["metadata"], manifest.get("status") or {}
    kept = {field: status[field] for field in _KEPT_STATUS if field in status}
    out = [one for one in status.get("replicaWeights") or () if one.get("outOfService")]
    if out:
        kept["replicaWeights"] = [{field: one[field] for field in _KEPT_OUT_OF_SERVICE if field in one} for one in out]
    kept["conditions"] = [one for one in status.get("conditions") or () if one.get("type") == ConditionType.READY]
    return {
        "metadata": {field: metadata[field] for field in _KEPT_METADATA if field in metadata},
        "spec": manifest.get("spec"),
        "status": kept,
    }
