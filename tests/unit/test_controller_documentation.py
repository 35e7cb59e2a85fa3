"""docs/controller.md lists every flag, metric and log event of the controller, and nothing else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from controller.__main__ import controller
from controller.telemetry.metrics import ControllerCollector, Gauges
from controller.telemetry.stats import ControllerStats, EdsStats

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "controller.md").read_text(encoding="utf-8")
LEVELS = ("debug", "info", "warning", "error", "exception")


def read_rows(heading: str) -> list[list[str]]:
    """Read the cells of the table below a heading."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [re.split(r" \| ?", row.strip("| ")) for row in section.splitlines() if row.startswith("| `")]


def read_names(heading: str) -> list[str]:
    """Read the names in the first column of a table."""
    return [name for row in read_rows(heading) for name in re.findall(r"`([^`]+)`", row[0])]


def list_logged() -> Iterator[tuple[str, str]]:
    """List event and level of each line that the controller logs; the names are literals, so that they can be found."""
    folders = (ROOT / "controller", ROOT / "readpool" / "kubernetes")
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            level = _read_level(node.func)
            if level is not None:
                names = [part for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant)]
                assert names, f"{path}:{node.lineno}: the name of an event has to be a literal"
                yield from ((str(name.value), level) for name in names)


def _read_level(called: ast.expr) -> str | None:
    if isinstance(called, ast.Name) and called.id == "log":
        return "warning, debug"
    is_log = isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "_log"
    if not (is_log and isinstance(called, ast.Attribute) and called.attr in LEVELS):
        return None
    return "error" if called.attr == "exception" else called.attr


def test_every_log_event_is_documented_with_its_level() -> None:
    logged: dict[str, set[str]] = {}
    for name, level in list_logged():
        logged.setdefault(name, set()).update(level.split(", "))
    documented = {
        name: set(row[1].split(", ")) for row in read_rows("Log events") for name in re.findall(r"`(\w+)`", row[0])
    }
    assert documented == logged


def test_every_name_of_an_event_is_in_camel_case() -> None:
    assert [name for name, _ in list_logged() if not re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", name)] == []


def test_every_flag_is_documented() -> None:
    flags = {option for parameter in controller.params for option in parameter.opts}
    assert {name.split()[0] for name in read_names("Flags")} == flags


def test_every_metric_is_documented() -> None:
    stats = ControllerStats()
    stats.eds = EdsStats()
    gauges = Gauges(is_leading=True, objects={}, queued=0, failing=0, pools_watched=0, connected=0)
    families = list(ControllerCollector(stats, lambda: gauges).collect())
    named = {one.name + ("_total" if one.type == "counter" else "") for one in families}
    assert set(read_names("Metrics")) >= named
    assert all(name.startswith("readpool_tls_") for name in {*read_names("Metrics")} - named)
