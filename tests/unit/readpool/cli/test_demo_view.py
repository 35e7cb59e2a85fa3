"""What the demo shows, in a terminal and in plain lines."""

import io
from collections.abc import Mapping

from rich.console import Console

from readpool.cli.demo.demo_lines import Lines, build_summary
from readpool.cli.demo.demo_plan import build_plan
from readpool.cli.demo.demo_report import Verdict
from readpool.cli.demo.demo_stage import Stage
from readpool.cli.demo.demo_story import Act
from readpool.cli.demo.demo_view import build_view
from readpool.cli.demo.stand_in import Sync
from readpool.simulator.hpa import HpaStep
from readpool.v1 import observer_pb2 as pb

FRESH, LAGGING = pb.REPLICA_CLASS_FRESH, pb.REPLICA_CLASS_LAGGING


def build_stage(now: float = 12.0) -> Stage:
    return Stage(build_plan(3, 90, is_core=False), lambda: now, page="http://127.0.0.1:8080/")


def build_snapshot(classes: Mapping[str, int], desired: int | None = 3) -> pb.Snapshot:
    snapshot = pb.Snapshot(fleet="demo/core", at=10, tip=pb.Tip(ledger=1000, moved_at=9), lag_threshold=5)
    for name, replica_class in classes.items():
        setattr(snapshot.replicas.add(name=name), "class", replica_class)
    snapshot.decision.message = "All is well" if desired else "Nothing is known"
    if desired:
        snapshot.decision.desired_replicas = desired
    return snapshot


def draw(stage: Stage, width: int = 100, height: int = 40) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        console.print(build_view(stage, width=width, height=height))
    return capture.get()


def test_before_the_scaler_tells_of_the_fleet_the_view_says_what_is_going_on() -> None:
    assert "are starting" in draw(build_stage())


def test_the_view_has_the_page_the_fleet_the_hpa_and_the_story() -> None:
    stage = build_stage()
    stage.snapshot = build_snapshot({"core-0": FRESH, "core-1": LAGGING})
    stage.sync = Sync(3, 4.0, "", HpaStep(4, "DesiredWithinRange"))
    stage.act = Act.CATCHING_UP
    stage.tell("The pool grows.")
    drawn = draw(stage)
    for words in (
        "http://127.0.0.1:8080/",
        "a newcomer catches up",
        "▼ lagging",
        "metric 4, 3 replicas become 4",
        "The pool grows.",
    ):
        assert words in drawn


def test_without_a_metric_the_view_says_that_and_why_the_hpa_holds() -> None:
    stage = build_stage()
    stage.sync = Sync(3, None, "UNAVAILABLE: the network has halted", HpaStep(3, "FailedGetExternalMetric"))
    assert "no metric, 3 replicas kept: UNAVAILABLE: the network has halted" in draw(stage, 140)


def test_a_large_fleet_fits_a_small_terminal() -> None:
    stage = build_stage()
    stage.snapshot = build_snapshot({f"core-{ordinal}": FRESH for ordinal in range(200)})
    for _ in range(20):
        stage.tell("Something happened, and it was not even short.")
    assert draw(stage, 80, 24).count("\n") <= 24


def test_each_change_is_one_line_and_is_told_once() -> None:
    stage, told = build_stage(), list[str]()
    lines = Lines(stage)
    stage.snapshot = build_snapshot({"core-0": FRESH, "core-1": FRESH})
    stage.note(2)
    told += lines.read()
    stage.snapshot = build_snapshot({"core-0": FRESH, "core-1": LAGGING}, desired=None)
    stage.note(3)
    stage.sync = Sync(3, None, "UNAVAILABLE: no", HpaStep(3, "FailedGetExternalMetric"))
    stage.tell("A line of the story.")
    told += lines.read()
    stage.snapshot = build_snapshot({"core-0": FRESH})
    stage.note(3)
    stage.sync = Sync(3, 3.0, "", HpaStep(3, "DesiredWithinRange"))
    told += [*lines.read(), *lines.read()]
    assert [line.removeprefix("  12.0 s  ") for line in told] == [
        "The live page is at http://127.0.0.1:8080/",
        "core-0 is fresh",
        "core-1 is fresh",
        "the scaler asks for 3: All is well",
        "2 replicas",
        "core-1 is lagging (was fresh)",
        "the scaler cannot decide: Nothing is known",
        "3 replicas (was 2)",
        "the HPA keeps the size: UNAVAILABLE: no",
        "* A line of the story.",
        "core-1 is gone",
        "the scaler asks for 3: All is well",
        "the HPA has a metric",
    ]


def test_every_change_reaches_the_lines_however_seldom_they_are_read() -> None:
    stage = build_stage()
    lines = Lines(stage)
    for replica_class in (FRESH, LAGGING, FRESH):
        stage.snapshot = build_snapshot({"core-0": replica_class})
        stage.note(1)
    told = "\n".join(lines.read())
    assert "core-0 is lagging (was fresh)" in told
    assert "core-0 is fresh (was lagging)" in told


def test_a_moment_is_noted_only_when_something_changed() -> None:
    stage = build_stage()
    stage.note(1)
    assert stage.timeline == []
    stage.snapshot = build_snapshot({"core-0": FRESH})
    stage.note(1)
    stage.note(1)
    assert len(stage.timeline) == 1
    stage.note(2)
    assert [moment.current for moment in stage.timeline] == [1, 2]


def test_the_summary_has_the_story_the_page_and_the_verdict() -> None:
    stage = build_stage()
    stage.tell("The pool grows.")
    summary = "\n".join(build_summary(stage, Verdict(ok=False, why="It never shrank.")))
    assert "  12.0 s  The pool grows." in summary
    assert "http://127.0.0.1:8080/" in summary
    assert summary.endswith("Failed: It never shrank.")
