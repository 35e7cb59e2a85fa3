"""The demo in a terminal: the fleet's table, what the HPA does, and the story as it goes. Pure; rich draws it."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from readpool.cli.demo.demo_stage import Stage
from readpool.cli.terminal.fleet_table import build_fleet
from readpool.text import make_printable

TALL = 36
LINES_BESIDE_ROWS = 13


def build_view(stage: Stage, *, width: int, height: int, ascii_only: bool = False) -> RenderableType:
    """Build the whole view for a terminal of this size."""
    told = 6 if height >= TALL else 3
    rows = max(3, height - LINES_BESIDE_ROWS - told)
    parts: list[RenderableType] = [_build_title(stage), Text("")]
    if stage.snapshot is None:
        parts.append(Text("The fleet and the scaler are starting.", "dim"))
    else:
        parts.append(build_fleet(stage.snapshot, width=width, max_rows=rows, ascii_only=ascii_only))
    parts += [Text(""), _build_sync(stage), Rule(style="dim", characters="-" if ascii_only else "─")]
    return Group(*parts, _build_story(stage.story[-told:]))


def _build_title(stage: Stage) -> Text:
    kind = "stellar-core processes" if stage.plan.is_core else "simulated nodes"
    title = Text.assemble(("readpool demo", "bold"), f" on {kind}, {stage.clock():.0f} s: ", (stage.act, "bold"))
    return title.append(f"\nThe live page: {stage.page}" if stage.page else "")


def _build_sync(stage: Stage) -> Text:
    sync = stage.sync
    line = Text(f"KEDA and the HPA (stand-in, every {stage.plan.sync_seconds:g} s): ", "dim")
    if sync is None:
        return line.append("not asked yet")
    if sync.metric is None:
        return line.append(f"no metric, {sync.current} replicas kept: {make_printable(sync.refusal)}", "yellow")
    line.append(f"metric {sync.metric:g}, {sync.current} replicas")
    if sync.step.desired != sync.current:
        line.append(f" become {sync.step.desired}", "bold")
    return line.append(f" ({sync.step.reason})", "dim")


def _build_story(story: Sequence[tuple[float, str]]) -> Table:
    """Build the story as two columns, so that long lines stay beside their time; the last one stands out."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", style="dim", no_wrap=True, min_width=5)
    for t, line in story:
        table.add_row(f"{t:.0f} s", Text(make_printable(line), "bold" if line is story[-1][1] else ""))
    return table
