"""The demo's stand-in for KEDA, the HPA and the StatefulSet: asks the scaler by gRPC, reckons, and scales the fleet.

All of its arithmetic is in hpa.py, and how KEDA asks in keda_client.py; here they only meet.
"""

from dataclasses import dataclass, replace

from readpool.cli.clients.keda_client import KedaClient, KedaError
from readpool.simulator.hpa import HpaMemory, HpaSpec, HpaStep, sync_hpa
from readpool.simulator.stateful_fleet import StatefulFleet


@dataclass(frozen=True, slots=True)
class Sync:
    """What one sync came to: replicas before it, the metric or why there was none, and the HPA's step."""

    current: int
    metric: float | None
    refusal: str
    step: HpaStep


class StandIn:
    """Scales one fleet as KEDA and the HPA would.

    Args:
        keda: the trigger.
        spec: what the HPA is told.
        fleet: what is scaled.
    """

    def __init__(self, keda: KedaClient, spec: HpaSpec, fleet: StatefulFleet) -> None:
        self._keda = keda
        self._spec = spec
        self._fleet = fleet
        self._memory = HpaMemory()
        self._metric_name: str | None = None

    async def sync(self, now: float) -> Sync:
        """Do one sync: metric, arithmetic, replicas. `now` is seconds on a clock that does not jump."""
        metric, refusal = await self._fetch_metric()
        current = len(self._fleet.names())
        step, self._memory = sync_hpa(
            self._spec, self._memory, current=current, observed=current, metric=metric, now=now
        )
        if step.desired != current:
            await self._fleet.scale(step.desired)
        return Sync(current, metric, refusal, step)

    async def _fetch_metric(self) -> tuple[float | None, str]:
        """Ask as KEDA does; it asks GetMetricSpec until it has an answer, then keeps it."""
        try:
            if self._metric_name is None:
                (target,) = await self._keda.fetch_metric_targets()
                self._metric_name = target.name
                self._spec = replace(self._spec, target_average_value=target.average_value)
            return (await self._keda.fetch_metric(self._metric_name)).value, ""
        except KedaError as error:
            return None, str(error)
