"""The command lines that were recorded of Stellar Core 22.4.1, and what makes two outputs comparable."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from readpool.simulator.core import BUILD

FOLDER = Path(__file__).parents[1] / "recorded" / "core"
RUNNING = "Downloading history archive state: .well-known/stellar-history.json\n"
"""The last line that every start has in common; what follows depends on peers and archives."""


@dataclass(frozen=True)
class Step:
    """A command and what Core answered; `runs` is one that was ended by SIGTERM, and recorded until RUNNING."""

    argv: str
    exit_code: int
    stdout: str
    stderr: str
    runs: bool


@dataclass(frozen=True)
class Case:
    """Commands that were run one after the other in one folder, and the files that were there at the end."""

    name: str
    configuration: str | None
    steps: tuple[Step, ...]
    files: frozenset[str]


def load_cases() -> list[Case]:
    """Load what is in command-line.json."""
    recorded = json.loads((FOLDER / "command-line.json").read_text())
    return [_read_case(one, recorded["base"], recorded["blocks"]) for one in recorded["cases"]]


def load_configurations() -> list[Case]:
    """Load what is in controller-configurations.json."""
    blocks = json.loads((FOLDER / "command-line.json").read_text())["blocks"]
    recorded = json.loads((FOLDER / "controller-configurations.json").read_text())
    return [_read_case(one, "", {**recorded["blocks"], **blocks}) for one in recorded["cases"]]


def load_second_process() -> list[Step]:
    """Load what is in two-processes-one-folder.json: commands in a folder whose node runs."""
    blocks = json.loads((FOLDER / "command-line.json").read_text())["blocks"]
    recorded = json.loads((FOLDER / "two-processes-one-folder.json").read_text())
    return [_read_step({"argv": f"--conf node.cfg {argv}", **one}, blocks) for argv, one in recorded.items()]


def _read_case(recorded: Mapping[str, Any], base: str, blocks: Mapping[str, str]) -> Case:
    steps = tuple(_read_step(one, blocks) for one in recorded["results"])
    files = frozenset(recorded.get("files", "").split())
    return Case(recorded["case"], _read_configuration(recorded.get("config"), base), steps, files)


def _read_step(recorded: Mapping[str, Any], blocks: Mapping[str, str]) -> Step:
    stdout, stderr = (_fill(recorded.get(stream, ""), blocks) for stream in ("stdout", "stderr"))
    return Step(recorded["argv"], recorded["exit"], stdout, stderr, recorded.get("runs", False))


def _read_configuration(recorded: str | Mapping[str, Any] | None, base: str) -> str | None:
    if recorded is None or isinstance(recorded, str):
        return base if recorded == "BASE" else recorded
    lost = recorded.get("without", [recorded.get("replace")])
    lines = [recorded["by"] if "by" in recorded and line in lost else line for line in base.splitlines()]
    return "\n".join(line for line in lines if line not in lost) + "\n"


def _fill(text: str, blocks: Mapping[str, str]) -> str:
    for name, block in reversed(list(blocks.items())):
        text = text.replace(f"{{{{{name}}}}}", block)
    return text


_NORMAL = [
    (r"^Warning: running .*\n", ""),
    (r"^\d{4}-\d\d-\d\dT[\d:.]+ ", ""),
    (re.escape(BUILD), "BUILD"),
    (r"^G[A-Z2-7]{4} \[", "NODE5 ["),
    (r"(LocalNode@self qSet: )[0-9a-f]{6}", r"\1HEX6"),
    (r"(LocalNode@)G[A-Z2-7]{4} ", r"\1NODE5 "),
    (r'("node" : ")G[A-Z2-7]{4}"', r'\1NODE5"'),
    (r"\bS[A-Z2-7]{55}\b", "SEED"),
    (r"(Public: )G[A-Z2-7]{55}\b", r"\1ACCOUNT"),
    (r"\b[0-9a-f]{64}\b", "HEX64"),
    (r"hash=[0-9a-f]{6}\b", "hash=HEX6"),
    (r'"\d{4}-\d\d-\d\dT[\d:]{8}Z"', '"TIME"'),
]


def normalise(text: str) -> str:
    """Remove what is never the same twice: times, random keys, hashes; and the build with its warning."""
    for pattern, by in _NORMAL:
        text = re.sub(pattern, by, text, flags=re.MULTILINE)
    return text


def list_files(folder: Path) -> frozenset[str]:
    """List what is in a folder, with names that are never the same twice taken out."""
    names = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return frozenset(
        re.sub(r"bucket-[0-9a-f]{64}", "bucket-HEX64", re.sub(r"(stellar-core-)\d[-_\d]+(\.log)", r"\1TIME\2", name))
        for name in names
    )
