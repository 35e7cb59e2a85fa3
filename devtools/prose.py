"""Says where what people read is not plain English; `make check` runs it. The rules are in prose.toml beside it.

It reads pages without their code, comments of the chart's values, texts of its schema and of the CRD, NOTES, the
strings of our programs (messages, help, docstrings), and how docstrings of functions begin, those of tests too.
"""

import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
RULES = Path(__file__).with_suffix(".toml")
FENCE = re.compile(r"^ *```.*?^ *```\s*$", re.MULTILINE | re.DOTALL)
NO_PROSE = re.compile(r"`[^`\n]*`|\]\([^)]*\)|https?://\S+|<[^>\n]*>")
TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)

Line = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern of words, and what to write instead.

    `headings`: it is for headings of pages alone; `openings`: for the first lines of functions' docstrings alone.
    """

    pattern: re.Pattern[str]
    instead: str
    headings: bool = False
    openings: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One place that a rule does not like."""

    path: str
    line: int
    words: str
    instead: str

    def __str__(self) -> str:
        """Format it as compilers do."""
        return f"{self.path}:{self.line}: {self.words!r}: write {self.instead}"


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules; the files that are read, and the programs whose docstrings are, as globs."""

    rules: list[Rule]
    files: list[str]
    docstrings: list[str]


def read_rules(text: str) -> Rules:
    """Read the rules from TOML."""
    given = tomllib.loads(text)
    rules = [
        Rule(re.compile(one["words"]), one["instead"], one.get("headings", False), one.get("openings", False))
        for one in given["rule"]
    ]
    return Rules(rules, given["files"], given["docstrings"])


def check_lines(path: str, lines: Sequence[Line], rules: Sequence[Rule]) -> list[Finding]:
    """Check lines of prose."""
    return [
        Finding(path, number, found[0], rule.instead)
        for number, text in lines
        for rule in rules
        if not rule.openings and (not rule.headings or text.startswith("#"))
        for found in rule.pattern.finditer(text)
    ]


def check_openings(path: str, text: str, rules: Sequence[Rule]) -> list[Finding]:
    """Check how the docstrings of a program's functions begin."""
    return [
        Finding(path, number, found[0], rule.instead)
        for number, line in _list_openings(text)
        for rule in rules
        if rule.openings
        for found in rule.pattern.finditer(line)
    ]


def _list_openings(text: str) -> list[Line]:
    """List the first lines of functions' docstrings."""
    functions = (one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))
    found = ((one, ast.get_docstring(one)) for one in functions)
    return [(one.body[0].lineno, docstring.partition("\n")[0]) for one, docstring in found if docstring]


def list_prose(path: Path) -> list[Line]:
    """List the lines of a file that people read as prose, with their numbers."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return _list_strings(text)
    if path.suffix == ".json":
        return [(1, one) for one in _list_descriptions(json.loads(text))]
    if path.suffix in {".yaml", ".yml"}:
        if "{{" not in text and text.lstrip().startswith("apiVersion: apiextensions"):
            return [(1, one) for one in _list_descriptions(yaml.safe_load(text))]
        return [(at, line.partition("#")[2]) for at, line in enumerate(text.splitlines(), 1) if "#" in line]
    if path.suffix == ".md":
        text = FENCE.sub(lambda found: "\n" * found[0].count("\n"), text)
    text = TEMPLATE.sub("", text)
    return [(at, NO_PROSE.sub(" ", line)) for at, line in enumerate(text.splitlines(), 1)]


def _list_strings(text: str) -> list[Line]:
    """List the strings of a program that hold more than one word; those of f-strings by part."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            for at, line in enumerate(node.value.splitlines()):
                found.append((node.lineno + at, NO_PROSE.sub(" ", line)))
    return found


def _list_descriptions(given: Any) -> Iterator[str]:
    """List all texts called description, however deep."""
    if isinstance(given, dict):
        for name, inner in given.items():
            if name == "description" and isinstance(inner, str):
                yield inner
            else:
                yield from _list_descriptions(inner)
    elif isinstance(given, list):
        for inner in given:
            yield from _list_descriptions(inner)


def main() -> int:
    """Check; 1 where a file has such words."""
    rules = read_rules(RULES.read_text(encoding="utf-8"))
    paths = _list_paths(rules.files)
    findings: list[Finding] = []
    for path in paths:
        findings += check_lines(_name(path), list_prose(path), rules.rules)
    for path in _list_paths(rules.docstrings):
        findings += check_openings(_name(path), path.read_text(encoding="utf-8"), rules.rules)
    for finding in findings:
        sys.stdout.write(f"{finding}\n")
    sys.stdout.write(f"plain English in {len(paths)} files: {len(findings)} to mend\n")
    return 1 if findings else 0


def _list_paths(globs: Sequence[str]) -> list[Path]:
    return sorted({path for glob in globs for path in ROOT.glob(glob) if path.is_file()})


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


if __name__ == "__main__":
    sys.exit(main())
