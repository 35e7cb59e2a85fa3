"""Who scales a pool: KEDA by our ScaledObject, the user's own, or nobody; and what the condition says of it."""

from dataclasses import replace
from typing import Any

import pytest

from controller.observed.observed import ObservedPool
from controller.status.autoscaling import compute_autoscaling, is_scaled_by_us
from readpool.kubernetes.kinds import PROMETHEUS_RULE, SCALED_OBJECT, ObjectKey
from tests.unit.observed_pools import build_pool, observe


def scaled(observed: ObservedPool, status: dict[str, Any] | None = None) -> ObservedPool:
    key = ObjectKey(SCALED_OBJECT, "default", "pool")
    return replace(observed, children={key: {"metadata": {"name": "pool"}, "status": status or {}}})


def ready(status: str, **told: str) -> dict[str, Any]:
    return {"conditions": [{"type": "Active", "status": "True"}, {"type": "Ready", "status": status, **told}]}


BEGUN = observe(build_pool(replicas=5))
NO_KEDA = frozenset({PROMETHEUS_RULE})
AUTOSCALING = {
    "not yet": (BEGUN, True, ("Unknown", "WaitingForKeda")),
    "KEDA has said nothing": (scaled(BEGUN), True, ("Unknown", "WaitingForKeda")),
    "KEDA says that it works": (scaled(BEGUN, ready("True")), True, ("True", "ScaledByKeda")),
    "KEDA says that it does not": (scaled(BEGUN, ready("False", message="x")), True, ("False", "ScaledObjectNotReady")),
    "no KEDA": (replace(BEGUN, optional_kinds=NO_KEDA), False, ("False", "KedaMissing")),
    "not enabled": (observe(build_pool(replicas=5, autoscaling={"enabled": False})), False, ("False", "Disabled")),
    "by the user's": (replace(scaled(BEGUN), other_scaled_object="mine"), False, ("True", "ScaledByOther")),
    "the user's, and ours is not enabled": (
        observe(build_pool(replicas=5, autoscaling={"enabled": False}), other_scaled_object="mine"),
        False,
        ("True", "ScaledByOther"),
    ),
    "paused": (scaled(observe(build_pool(replicas=5, paused=True))), True, ("False", "Paused")),
    "before spec.replicas is written": (observe(build_pool()), False, ("Unknown", "WaitingForKeda")),
    "spec.replicas put back to nothing": (scaled(observe(build_pool())), True, ("Unknown", "WaitingForKeda")),
}


def annotated(**annotations: str) -> ObservedPool:
    """Return a pool whose ScaledObject works, and has these annotations of KEDA's."""
    observed = scaled(BEGUN, ready("True"))
    written = {f"autoscaling.keda.sh/{name.replace('_', '-')}": text for name, text in annotations.items()}
    children = {
        key: {**one, "metadata": {**one["metadata"], "annotations": written}} for key, one in observed.children.items()
    }
    return replace(observed, children=children)


@pytest.mark.parametrize("text", ["true", "1", "T", "", "yes", "off"])
def test_a_pause_by_an_annotation_of_kedas_is_said(text: str) -> None:
    desired = compute_autoscaling(annotated(paused=text))
    assert (desired.status, desired.reason) == ("False", "ScaledObjectPaused")
    assert "autoscaling.keda.sh/paused on the ScaledObject" in desired.message


@pytest.mark.parametrize("text", ["false", "0", "F"])
def test_a_pause_that_is_taken_back_is_none(text: str) -> None:
    for one in (annotated(paused=text), annotated(paused_scale_in=text), annotated(other="true")):
        desired = compute_autoscaling(one)
        assert (desired.status, desired.reason) == ("True", "ScaledByKeda")
        assert "paused" not in desired.message


def test_a_pause_at_a_number_of_replicas_is_said_with_the_number() -> None:
    desired = compute_autoscaling(annotated(paused_replicas="4", paused="false"))
    assert desired.reason == "ScaledObjectPaused"
    assert "keeps the pool at 4 replicas" in desired.message


def test_a_pause_of_one_way_is_said_beside_who_scales() -> None:
    desired = compute_autoscaling(annotated(paused_scale_in="true"))
    assert (desired.status, desired.reason) == ("True", "ScaledByKeda")
    assert "paused-scale-in: replicas are not removed" in desired.message


@pytest.mark.parametrize(("observed", "is_ours", "said"), AUTOSCALING.values(), ids=AUTOSCALING.keys())
def test_who_scales_the_pool(observed: ObservedPool, is_ours: bool, said: tuple[str, str]) -> None:
    desired = compute_autoscaling(observed)
    assert is_scaled_by_us(observed) is is_ours
    assert (desired.status, desired.reason) == said
