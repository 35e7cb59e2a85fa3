"""What pools look like in a terminal, at any width, whatever their status says."""

import io
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from devtools.pools.pool_manifests import build_manifest
from readpool.cli.pools.explain import build_explanation
from readpool.cli.pools.explanation import Explanation, Step
from readpool.cli.pools.pool_cells import CLASS_LOOKS, STRIP_CELLS, build_strip, find_worst
from readpool.cli.pools.pool_entries import PoolEntry, read_entries, read_entry, say_state
from readpool.cli.pools.pools_table import POOL_COLUMNS, REPLICA_COLUMNS, Paper, build_pools, build_replicas, show_age
from readpool.cli.terminal.columns import choose_columns
from readpool.pool.status import ReplicaWeight
from readpool.replica_class import ReplicaClass
from tests.unit.pool_statuses import (
    FIVE,
    TIP,
    build_condition,
    build_conditions,
    build_pool,
    build_pool_manifest,
    build_replica,
)

NOW = 1_800_000_000.0


def draw(renderable: RenderableType, width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def draw_pools(*manifests: dict[str, Any], width: int = 200, ascii_only: bool = False, replicas: bool = False) -> str:
    paper = Paper(width, NOW, ascii_only)
    return draw(build_pools(read_entries(manifests), paper, with_namespace=True, with_replicas=replicas), width)


def weigh(replica: dict[str, Any]) -> ReplicaWeight:
    return ReplicaWeight.model_validate(replica)


def test_a_pool_is_a_row_with_what_its_status_says() -> None:
    lagging = build_replica("readers-5", "lagging", 1500)
    spec = {"version": "v22.1.0", "loadBalancing": {"enabled": True}}
    heading, row = draw_pools(build_pool_manifest(*FIVE, lagging, spec=spec)).splitlines()
    assert heading.split("  ")[0] == "NAMESPACE"
    shown = row.split()
    assert shown[:6] == ["stellar", "readers", "6/6", "5/5", "1", "6"]
    assert "▁▁▁▁▁▇" in shown
    assert {"1,500", f"{TIP:,}", "Ready", "Testnet", "v22.1.0"} <= set(shown)


def test_pools_stand_by_namespace_and_by_the_numbers_in_their_names() -> None:
    names = [("b", "pool"), ("a", "pool-10"), ("a", "pool-9")]
    entries = read_entries([build_manifest(name, namespace) for namespace, name in names])
    assert [(entry.namespace, entry.name) for entry in entries] == [("a", "pool-9"), ("a", "pool-10"), ("b", "pool")]


def test_a_pool_that_is_not_understood_is_listed_with_the_reason() -> None:
    drawn = draw_pools(build_manifest("old", "stellar", minReplicas=0))
    assert "InvalidSpec" in drawn
    assert "old: spec.minReplicas: 0 is invalid" in drawn


@pytest.mark.parametrize(
    ("conditions", "state"),
    [
        pytest.param(build_conditions(), "Ready", id="all is well"),
        pytest.param([], "NotReconciled", id="no controller has seen it"),
        pytest.param(build_conditions(build_condition("Fresh", "False", "NoneFresh")), "NoneFresh", id="not fresh"),
        pytest.param(build_conditions(build_condition("Fresh", "Unknown", "NotObserved")), "NotObserved", id="unknown"),
        pytest.param(
            build_conditions(
                build_condition("Fresh", "False", "NoneFresh"), build_condition("Stalled", "True", "NameTaken")
            ),
            "NameTaken",
            id="what needs a person comes first",
        ),
        pytest.param(
            build_conditions(build_condition("Autoscaling", "False", "Disabled")), "Ready", id="nobody has to scale it"
        ),
        pytest.param(build_conditions(build_condition("Reconciling", "True")), "Ready", id="an upgrade is no trouble"),
    ],
)
def test_the_state_of_a_pool_is_one_word(conditions: list[dict[str, Any]], state: str) -> None:
    assert say_state(read_entry(build_pool_manifest(*FIVE, conditions=conditions))) == state


def test_a_paused_pool_says_so_before_all_else() -> None:
    assert say_state(read_entry(build_pool_manifest(spec={"paused": True}))) == "Paused"


@pytest.mark.parametrize(
    ("replica", "cell"),
    [
        pytest.param(build_replica("r", "fresh", 0), "▁", id="none behind"),
        pytest.param(build_replica("r", "fresh", 9), "▄", id="nearly the threshold"),
        pytest.param(build_replica("r", "lagging", 10), "▅", id="the threshold is half of it"),
        pytest.param(build_replica("r", "lagging", 20), "█", id="twice that is all of it"),
        pytest.param(build_replica("r", "catchingUp", 9000), "█", id="and more is no more"),
        pytest.param(build_replica("r", "catchingUp", None), "▲", id="lag not known"),
        pytest.param(build_replica("r", "unreachable", 3), "✕", id="the lag of long ago is no lag"),
        pytest.param(build_replica("r", "foreign", 3), "◆", id="of another network"),
        pytest.param(build_replica("r", "unknown", None), "?", id="not observed"),
    ],
)
def test_a_replica_is_a_cell_as_high_as_it_is_behind(replica: dict[str, Any], cell: str) -> None:
    assert build_strip([weigh(replica)], 10, ascii_only=False).plain == cell


def test_where_not_all_cells_fit_the_worst_are_shown_and_the_rest_counted() -> None:
    replicas = [weigh(build_replica(f"r-{ordinal}")) for ordinal in range(100)]
    replicas.append(weigh(build_replica("r-100", "unreachable", None)))
    strip = build_strip(replicas, 10, ascii_only=False).plain
    assert strip.startswith("✕▁")
    assert strip.endswith(" +86")
    assert len(strip) <= STRIP_CELLS


def test_the_worst_is_not_one_that_only_catches_up() -> None:
    replicas = [weigh(build_replica("a", "fresh", 3)), weigh(build_replica("b", "catchingUp", 9000))]
    found = find_worst(replicas)
    assert found is not None
    assert found.replica_name == "a"
    assert find_worst(replicas[1:]) is None


def test_every_class_of_a_status_has_a_look() -> None:
    assert set(CLASS_LOOKS) == set(ReplicaClass)


def test_replicas_follow_where_they_are_asked_for_with_bar_and_weight() -> None:
    late = build_replica("readers-5", "catchingUp", 9000, weight=0, secondsToFresh=210, catchUpPercent=45)
    drawn = draw_pools(build_pool_manifest(*FIVE, late), replicas=True)
    (row,) = (line for line in drawn.splitlines() if line.startswith("readers-5"))
    assert "▲ catching up" in row
    assert "9,000" in row
    assert row.rstrip().endswith("0  4 min, 45 % caught up")
    assert "readers-0  ● fresh" in drawn


def test_the_line_that_counts_the_rest_of_the_replicas_is_there_only_where_there_is_a_rest() -> None:
    pool = build_pool(*FIVE)
    assert "and 3 more" in draw(build_replicas(pool, Paper(100, NOW), most=2))
    assert "more" not in draw(build_replicas(pool, Paper(100, NOW), most=5))


@pytest.mark.parametrize(
    ("width", "headings"),
    [
        pytest.param(
            125,
            ["NAME", "READY", "FRESH", "LAGGING", "DESIRED", "REPLICAS' LAG", "WORST", "LEDGERS", "TIP", "STATUS"],
            id="wide",
        ),
        pytest.param(80, ["NAME", "READY", "FRESH", "DESIRED", "REPLICAS' LAG", "STATUS"], id="a usual terminal"),
        pytest.param(30, ["NAME", "STATUS"], id="a narrow one"),
        pytest.param(1, ["NAME"], id="hardly any"),
    ],
)
def test_the_most_telling_columns_stay(width: int, headings: list[str]) -> None:
    assert [column.heading for column in choose_columns(POOL_COLUMNS, width)] == headings


def test_every_column_has_a_place_of_its_own() -> None:
    for columns in (POOL_COLUMNS, REPLICA_COLUMNS):
        assert sorted(column.position for column in columns) == list(range(len(columns)))


@pytest.mark.parametrize(
    ("seconds", "age"),
    [(-5, "0s"), (119, "119s"), (120, "2m"), (7199, "119m"), (7200, "2h"), (172_799, "47h"), (172_800, "2d")],
)
def test_an_age_is_said_in_one_unit(seconds: float, age: str) -> None:
    assert show_age(seconds) == age


def test_the_age_is_that_of_the_object() -> None:
    manifest = build_manifest("readers", "stellar")
    manifest["metadata"]["creationTimestamp"] = "2027-01-15T08:00:00Z"  # NOW
    assert draw_pools(manifest).splitlines()[1].split()[-1] == "0s"


replica_manifests = st.builds(
    build_replica,
    st.from_regex(r"[a-z]([-a-z0-9]{0,60}[a-z0-9])?", fullmatch=True),
    st.sampled_from([str(one) for one in ReplicaClass]),
    st.none() | st.integers(0, TIP),
)


@given(st.lists(replica_manifests, max_size=60), st.integers(1, 200), st.booleans())
def test_whatever_a_status_says_can_be_drawn_within_the_width(
    replicas: list[dict[str, Any]], width: int, ascii_only: bool
) -> None:
    spec = {"maxReplicas": 5000}
    drawn = draw_pools(build_pool_manifest(*replicas, spec=spec), width=width, ascii_only=ascii_only, replicas=True)
    assert all(len(line) <= width for line in drawn.splitlines())
    assert drawn.isascii() or not ascii_only


HOSTILE = "x\x1b]0;title\x07\x1b[2J\u202e\x9b31m[/nope]"


def test_no_text_of_anybody_drives_the_terminal_or_is_taken_as_markup() -> None:
    pool = build_pool(build_replica("readers-0"))
    named = pool.status.replica_weights[0].model_copy(update={"replica_name": HOSTILE})
    condition = build_pool(conditions=build_conditions()).status.conditions[0]
    told = condition.model_copy(update={"type": "Ready", "status": "False", "reason": HOSTILE})
    status = pool.status.model_copy(update={"replica_weights": (named,), "conditions": (told,)})
    hostile = replace(pool, status=status)
    entries = [
        PoolEntry(HOSTILE, HOSTILE, None, hostile),
        PoolEntry("ns", "not-understood", None, None, HOSTILE),
    ]
    paper = Paper(400, NOW, ascii_only=False)
    shown = draw(build_pools(entries, paper, with_namespace=True, with_replicas=True), 400)
    assert [letter for letter in shown if not letter.isprintable() and letter != "\n"] == []
    assert shown.count("[/nope]") >= 4
    told_why = Explanation((HOSTILE,), (Step(HOSTILE, 1, HOSTILE, HOSTILE),))
    shown = draw(build_explanation(hostile, told_why, paper, remark=HOSTILE), 400)
    assert [letter for letter in shown if not letter.isprintable() and letter != "\n"] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reason", "Not CamelCase"),
        ("reason", HOSTILE),
        ("type", HOSTILE),
        ("replicaName", "Readers_0"),
        ("replicaName", HOSTILE),
    ],
)
def test_an_identifier_of_the_status_that_is_none_is_left_out(field: str, value: str) -> None:
    replica, condition = build_replica("readers-0"), build_condition("Ready", "True")
    (replica if field == "replicaName" else condition)[field] = value
    status = build_pool(replica, conditions=[condition]).status
    assert (len(status.replica_weights), len(status.conditions)) == ((0, 1) if field == "replicaName" else (1, 0))
