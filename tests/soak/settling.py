"""What is not yet as it should be when all faults are over, in words."""

import contextlib
from collections.abc import Iterator

from devtools.cluster.access import KubectlError
from devtools.cluster.lifecycle import is_serving
from tests.soak.acts import CONTROLLER, KEDA, REPLICA, ROUTER, SCALER
from tests.soak.history import PodSeen
from tests.soak.notebook import Notebook
from tests.soak.recovery import SIZES
from tests.soak.stage import Stage

_CONDITIONS = {"Ready": "True", "Reconciling": "False", "Stalled": "False", "Fresh": "True", "Routing": "True"}


def list_unsettled(stage: Stage, notebook: Notebook) -> tuple[str, ...]:
    """List what is not as it should be; what the API server does not say is not."""
    if not is_serving(stage.cluster.access):
        return ("the API server does not answer",)
    try:
        return tuple(_find(stage, notebook))
    except (KubectlError, LookupError, ValueError) as error:
        return (f"it cannot be asked: {error}",)


def _find(stage: Stage, notebook: Notebook) -> Iterator[str]:
    for of in (ROUTER, SCALER, CONTROLLER, KEDA):
        ready = sum(pod.is_ready for pod in notebook.list_pods(of))
        if ready != SIZES[of] or len(notebook.list_pods(of)) != SIZES[of]:
            yield f"{ready} of {SIZES[of]} of {of} ready, {len(notebook.list_pods(of))} there"
    pool = stage.pool.pool()
    spec, status = pool["spec"], pool.get("status") or {}
    replicas = spec.get("replicas")
    counts = [status.get(f"{which}Replicas") for which in ("current", "ready", "fresh")]
    if counts != [replicas] * 3:
        yield f"current, ready and fresh replicas: {counts} of {replicas}"
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    for kind, wanted in _CONDITIONS.items():
        found = conditions.get(kind, {})
        if found.get("status") != wanted:
            yield f"{kind} {found.get('status')} {found.get('reason')}: {found.get('message')}"
    if status.get("observedGeneration") != pool["metadata"]["generation"]:
        yield "the newest spec is not in status"
    yield from _find_stray_addresses(notebook.list_pods(REPLICA), stage)
    with contextlib.suppress(KubectlError):
        if stage.router.is_told():
            return
    yield "not every router is told by a controller"


def _find_stray_addresses(replicas: list[PodSeen], stage: Stage) -> Iterator[str]:
    routed, there = set(stage.pool.routed()), {pod.name for pod in replicas if pod.is_ready}
    if routed != there:
        yield f"readers are sent to {sorted(routed)}, ready are {sorted(there)}"
