"""docs/readonlypool.md says what each condition means and what to do about it: as the code says it."""

import ast
from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest

from controller.observed import reasons
from controller.observed.workload import WorkloadView
from controller.routing.routing import RoutingBasis
from controller.shards import shards_problems
from controller.shards.shards import ShardProblem
from controller.status.autoscaling import compute_autoscaling
from controller.status.conditions import DesiredCondition, PoolFacts, compute_conditions
from controller.status.core_requests import compute_resources_condition
from devtools.pools.workload_manifests import RPC
from readpool.kubernetes.kinds import SCALED_OBJECT, ObjectKey
from readpool.pool.condition_types import ConditionType
from readpool.pool.status import ConditionStatus
from tests.unit.observed_pools import EVERYTHING, NOW, build_pool, observe

TEXT = (Path(__file__).resolve().parents[4] / "docs" / "readonlypool.md").read_text(encoding="utf-8")


def read_docstrings(module: Any) -> dict[str, str]:
    """Read the line below each constant, by the constant's value."""
    body = ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body
    found = {}
    for constant, below in pairwise(body):
        if (
            isinstance(constant, ast.Assign)
            and isinstance(constant.value, ast.Constant)
            and isinstance(below, ast.Expr)
        ):
            assert isinstance(below.value, ast.Constant)
            found[str(constant.value.value)] = str(below.value.value)
    return found


def cut(sentence: str) -> str:
    """Cut off the condition's name, which has a column of its own, and the full stop."""
    head, colon, tail = sentence.partition(": ")
    return " ".join((tail if colon else head).split()).removesuffix(".")


OF_SHARDS = {
    reason: line[0].lower() + line[1:].removesuffix(".") for reason, line in read_docstrings(shards_problems).items()
}
MEANINGS = {reason: cut(line) for reason, line in read_docstrings(reasons).items()} | OF_SHARDS
TOLD = {reason for reason, line in read_docstrings(reasons).items() if line.startswith("An Event: ")}


def list_rows(heading: str) -> list[list[str]]:
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| \n").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip("`") if number < 3 else cell for number, cell in enumerate(row)] for row in rows]


CONDITIONS = [tuple(row[:3]) for row in list_rows("Conditions")]


OF_SNAPSHOTS = (
    (ConditionStatus.TRUE, reasons.SNAPSHOT_READY),
    (ConditionStatus.UNKNOWN, reasons.NO_SNAPSHOT_YET),
    (ConditionStatus.FALSE, reasons.SNAPSHOT_UNUSABLE),
    (ConditionStatus.FALSE, reasons.SNAPSHOT_FAILED),
    (ConditionStatus.FALSE, reasons.SNAPSHOT_CONTROLLER_MISSING),
    (ConditionStatus.FALSE, reasons.SNAPSHOT_API_MISSING),
    (ConditionStatus.FALSE, reasons.PAUSED),
)
OF_VOLUMES = (
    (ConditionStatus.TRUE, reasons.ENOUGH_SPACE),
    (ConditionStatus.TRUE, reasons.VOLUMES_GROWING),
    (ConditionStatus.UNKNOWN, reasons.USAGE_UNKNOWN),
    (ConditionStatus.FALSE, reasons.CANNOT_GROW),
    (ConditionStatus.FALSE, reasons.AT_MAX_SIZE),
    (ConditionStatus.FALSE, reasons.PAUSED),
)


WORKLOADS = (
    WorkloadView(),
    WorkloadView(taken_by="other"),
    WorkloadView(is_seen=False, unseen="cannot list pods"),
    WorkloadView(scaled_by="HorizontalPodAutoscaler theirs"),
)


def list_autoscaling() -> Iterator[Any]:
    """List what Autoscaling says of every kind of pool."""
    specs: list[dict[str, Any]] = [{}, {"paused": True}, {"autoscaling": {"enabled": False}}]
    for spec, optional_kinds, other, ready in product(
        specs, [EVERYTHING, frozenset()], [None, "mine"], ["True", "False", "Unknown"]
    ):
        status = {"conditions": [{"type": "Ready", "status": ready}]}
        children = {ObjectKey(SCALED_OBJECT, "default", "pool"): {"metadata": {"name": "pool"}, "status": status}}
        seen = observe(build_pool(replicas=3, **spec), children=children, optional_kinds=optional_kinds)
        yield compute_autoscaling(seen if other is None else type(seen)(seen.pool, {}, other_scaled_object=other))
    paused: dict[str, Any] = {"metadata": {"name": "pool", "annotations": {"autoscaling.keda.sh/paused": "true"}}}
    children = {ObjectKey(SCALED_OBJECT, "default", "pool"): paused}
    yield compute_autoscaling(observe(build_pool(replicas=3), children=children))
    for view in WORKLOADS:
        yield compute_autoscaling(observe(build_pool(**RPC), workload=view))


def list_facts() -> Iterator[PoolFacts]:
    """List facts of every kind of pool, so that together they bring out all that conditions say."""
    refused = ("InvalidConfiguration", "ConfigurationTooLarge", "NameTaken", "Refused", "WriteFailed", "ReplicaStuck")
    before = ("WorkloadNotFound", "WorkloadTaken", "WorkloadNotVisible", "PortNotFound")
    stalls = [(reason, "x") for reason in (*refused, *before)]
    variants: list[dict[str, Any]] = [
        *({"basis": basis} for basis in RoutingBasis),
        *({"stalled": stall} for stall in (None, *stalls)),
        *({"shard_problems": (ShardProblem(reason, "x"),)} for reason in OF_SHARDS),
        *({"fresh": fresh} for fresh in (0, 1, 3)),
        *({"has_alerts": has_alerts, "shard_problems": ()} for has_alerts in (True, False)),
        *({"autoscaling": desired} for desired in list_autoscaling()),
        *({name: value} for name, value in (("ready", 1), ("present", 4), ("outdated", 1), ("serving", 0))),
        *({name: True} for name in ("is_applying", "is_paused", "is_halted")),
        {"failing": ("PrometheusRule pool: no",)},
        *({"snapshots": DesiredCondition(ConditionType("Snapshots"), *said, "x")} for said in OF_SNAPSHOTS),
        *({"growth": DesiredCondition(ConditionType("VolumeSpace"), *said, "x")} for said in OF_VOLUMES),
        {"has_query_server": False},
        {"resources": compute_resources_condition(build_pool().spec)},
        {"core_too_old": "x", "fresh": 0},
        {"lacks_gateway_api": True},
        {"refused_route": "x"},
        {"refused_scaling": "x"},
    ]
    silent = [{}, {"is_observed": False}, {"is_observed": False, "silent_since": NOW}]
    fine: dict[str, Any] = dict.fromkeys(("wanted", "present", "ready", "fresh", "fresh_enough", "serving"), 3)
    fine |= {"outdated": 0, "basis": RoutingBasis.CLASSES, "autoscaling": next(list_autoscaling())}
    for variant, silence in product(variants, silent):
        yield PoolFacts(**(fine | variant | silence))


def list_said() -> set[tuple[str, str, str]]:
    said = {(one.type, str(one.status), one.reason) for facts in list_facts() for one in compute_conditions(facts)}
    return said | {("Stalled", "True", reasons.INVALID_SPEC)}  # of a pool that no plan can be made for


def test_every_condition_stands_in_the_guide_with_what_it_can_say() -> None:
    assert sorted(CONDITIONS) == sorted(list_said())


@pytest.mark.parametrize("row", list_rows("Conditions"), ids=lambda row: f"{row[0]} {row[2]}")
def test_the_guide_says_what_it_means_in_the_words_of_the_code_and_what_to_do(row: list[str]) -> None:
    _, _, reason, meaning, advice = row
    assert meaning == MEANINGS[reason]
    assert advice.endswith((".", "`", ")", "?"))


def test_every_reason_is_said_of_a_condition_or_told_by_an_event() -> None:
    assert {reason for _, _, reason in CONDITIONS} == MEANINGS.keys() - TOLD
    events = {row[0]: row[1] for row in list_rows("Events")}
    assert events == {reason: MEANINGS[reason] for reason in TOLD}
