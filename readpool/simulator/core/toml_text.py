"""TOML, refused with the words of the parser that Core has. Pure."""

import re
import tomllib
from typing import Any

_LINE = re.compile(r"\(at line (\d+)")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def parse(text: str) -> dict[str, Any]:
    """Parse it. Raises ValueError with what Core says of the first fault."""
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(_in_words_of_core(text.splitlines(), str(error))) from error


def _in_words_of_core(lines: list[str], fault: str) -> str:
    found = _LINE.search(fault)
    number = int(found.group(1)) if found else len(lines)
    line = lines[number - 1].strip() if number <= len(lines) else ""
    key = line.split("=")[0].strip()
    if line.startswith("["):
        return f"Key {line.strip('[] ').split('.')[0]}already exists as a value at line {number}"
    if "overwrite" in fault or "already" in fault:
        return f"Key {key} already present at line {number}"
    if " " in key and _BARE_KEY.match(key):
        return f"Bare key {key} cannot contain whitespace at line {number}"
    if line.count('"') % 2:
        return f"Unterminated string literal at line {number}"
    return f"Failed to parse value type at line {number}"
