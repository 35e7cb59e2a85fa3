"""docs/configuration.md lists every flag and log event of the scaler, with its level and fields, and nothing else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from scaler.__main__ import scaler

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
METHODS = ("debug", "info", "warning", "error", "critical")
ELSEWHERE = {"readpool/kubernetes/lease.py"}
"""Of the controller alone: docs/controller.md lists it."""
OTHER_PROGRAMS = ("readpool/cli/", "readpool/simulator/", "readpool/certificates/")
UNLISTED = {"exc_info"}


def read_rows(heading: str) -> list[list[str]]:
    """Read the cells of the table below a heading."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [re.split(r" \| ?", row.strip("| ")) for row in section.splitlines() if row.startswith("| `")]


def list_logged() -> Iterator[tuple[str, str, frozenset[str]]]:
    """List event, level and fields of each line that the scaler logs; `**fields` have no names."""
    paths = (path for folder in ("scaler", "readpool") for path in sorted((ROOT / folder).rglob("*.py")))
    for path in paths:
        name = path.relative_to(ROOT).as_posix()
        if name in ELSEWHERE or "_pb2" in name or name.startswith(OTHER_PROGRAMS):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if not isinstance(node.func.value, ast.Name) or node.func.value.id not in {"_log", "_LOG"}:
                continue
            assert node.func.attr in METHODS, f"{name}:{node.lineno}"
            fields = frozenset(one.arg for one in node.keywords if one.arg is not None) - UNLISTED
            for event in _read_events(node.args[0], tree, f"{name}:{node.lineno}"):
                yield event, node.func.attr, fields


def _read_events(argument: ast.expr, tree: ast.Module, place: str) -> list[str]:
    """Read the event's name, or both of a name that is chosen just before."""
    if isinstance(argument, ast.Constant):
        return [str(argument.value)]
    assert isinstance(argument, ast.Name), f"{place}: the name of an event has to be a literal"
    chosen = [
        part.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == argument.id
        for part in ast.walk(node.value)
        if isinstance(part, ast.Constant)
    ]
    assert chosen, f"{place}: the name of an event has to be a literal"
    return [str(one) for one in chosen]


def test_every_log_event_is_documented_with_its_level_and_fields() -> None:
    documented = {
        name: (row[1], frozenset(re.findall(r"`(\w+)`", row[2])))
        for row in read_rows("Log events")
        for name in re.findall(r"`(\w+)`", row[0])
    }
    assert documented == {name: (level, fields) for name, level, fields in list_logged()}


def test_every_event_is_logged_with_the_same_fields_wherever_it_is_logged() -> None:
    by_name: dict[str, set[tuple[str, frozenset[str]]]] = {}
    for name, level, fields in list_logged():
        by_name.setdefault(name, set()).add((level, fields))
    assert {name: lines for name, lines in by_name.items() if len(lines) > 1} == {}


def test_every_name_of_an_event_is_in_camel_case() -> None:
    assert [name for name, *_ in list_logged() if not re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", name)] == []


def test_every_flag_is_documented_and_no_other() -> None:
    flags = {option for parameter in scaler.params for option in parameter.opts}
    documented = {name for row in read_rows("Flags") for name in re.findall(r"`(--[\w-]+)", row[0])}
    assert documented == flags
