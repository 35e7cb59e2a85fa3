"""Says where what people read is not plain English; `make check` runs it. The rules are in prose.toml beside it.

It reads pages without their code, comments of the chart's values, texts of its schema and of the CRD, NOTES, and the
strings of our programs: messages, help, docstrings. Files that still have such words are `pending` there: they are
counted and not failed. A file leaves that list when it is clean, and then stays so.
"""

import argparse
import ast
import fnmatch
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
    """A pattern of words, and what to write instead; `headings`: it is for headings of pages alone."""

    pattern: re.Pattern[str]
    instead: str
    headings: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One place that a rule does not like."""

    path: str
    line: int
    words: str
    instead: str

    def __str__(self) -> str:
        """Say it as compilers do."""
        return f"{self.path}:{self.line}: {self.words!r}: write {self.instead}"


def read_rules(text: str) -> tuple[list[Rule], list[str], list[str]]:
    """Read the rules, the files that are read, and those that are pending, as globs."""
    given = tomllib.loads(text)
    rules = [Rule(re.compile(one["words"]), one["instead"], one.get("headings", False)) for one in given["rule"]]
    return rules, given["files"], given["pending"]


def check_lines(path: str, lines: Sequence[Line], rules: Sequence[Rule]) -> list[Finding]:
    """Check lines of prose."""
    return [
        Finding(path, number, found[0], rule.instead)
        for number, text in lines
        for rule in rules
        if not rule.headings or text.startswith("#")
        for found in rule.pattern.finditer(text)
    ]


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


def main(args: Sequence[str] | None = None) -> int:
    """Check; 1 where a file that is held has such words."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pending", action="store_true", help="show what pending files still have")
    given = parser.parse_args(args)
    rules, globs, pending = read_rules(RULES.read_text(encoding="utf-8"))
    paths = sorted({path for glob in globs for path in ROOT.glob(glob) if path.is_file()})
    held: list[Finding] = []
    waiting: list[Finding] = []
    for path in paths:
        name = path.relative_to(ROOT).as_posix()
        findings = check_lines(name, list_prose(path), rules)
        is_pending = any(fnmatch.fnmatch(name, glob) for glob in pending)
        (waiting if is_pending else held).extend(findings)
    for finding in [*held, *(waiting if given.pending else [])]:
        sys.stdout.write(f"{finding}\n")
    sys.stdout.write(f"plain English in {len(paths)} files: {len(held)} to mend, {len(waiting)} pending\n")
    return 1 if held else 0


if __name__ == "__main__":
    sys.exit(main())
