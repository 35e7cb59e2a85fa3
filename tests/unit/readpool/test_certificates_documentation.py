"""docs/tls.md lists every log event, metric and flag of `readpool certificates`, and nothing else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from readpool.certificates.__main__ import certificates
from readpool.certificates.collector import IssuedCollector
from readpool.certificates.stats import CertificateStats

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "tls.md").read_text(encoding="utf-8")


def read_rows(heading: str) -> list[list[str]]:
    """Read the cells of the table below a heading."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [re.split(r" \| ?", row.strip("| ")) for row in section.splitlines() if row.startswith("| `")]


def list_logged() -> Iterator[tuple[str, str, frozenset[str]]]:
    """List event, level and fields of each line that the program logs."""
    for path in sorted((ROOT / "readpool" / "certificates").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if not isinstance(node.func.value, ast.Name) or node.func.value.id != "_log":
                    continue
                assert isinstance(node.args[0], ast.Constant), f"{path}:{node.lineno}: the event has to be a literal"
                fields = frozenset(one.arg for one in node.keywords if one.arg is not None)
                yield str(node.args[0].value), node.func.attr, fields


def test_every_log_event_is_documented_with_its_level_and_fields() -> None:
    documented = {
        (name, row[1], frozenset(re.findall(r"`(\w+)`", row[2])))
        for row in read_rows("Log events")
        for name in re.findall(r"`(\w+)`", row[0])
    }
    assert documented == set(list_logged())


def test_every_name_of_an_event_is_in_camel_case() -> None:
    names = [name for name, *_ in list_logged()]
    assert len(names) >= 8
    assert [name for name in names if not re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", name)] == []


def test_every_metric_and_every_flag_is_documented() -> None:
    families = IssuedCollector(CertificateStats()).collect()
    named = {one.name + ("_total" if one.type == "counter" else "") for one in families}
    assert {name for row in read_rows("Metrics") for name in re.findall(r"`(readpool_\w+)`", row[0])} == named
    flags = {option for parameter in certificates.params for option in parameter.opts}
    rows = read_rows("Flags of `readpool certificates`")
    assert {name for row in rows for name in re.findall(r"`(--[\w-]+)", row[0])} == flags
