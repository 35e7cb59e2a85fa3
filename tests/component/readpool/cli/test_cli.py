"""The `readpool` command: what it offers, and that it imports no more than what was asked for."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from readpool.cli.__main__ import COMMANDS, main

LOADED = """
import sys
from readpool.cli.__main__ import main
try:
    main({arguments!r})
except SystemExit:
    pass
heavy = {{"grpc", "aiohttp", "rich", "scaler", "scaler.server", "readpool.simulator"}}
print("loaded", *sorted(heavy & set(sys.modules)))
"""


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, arguments, prog_name="readpool")
    return result.exit_code, result.output


def load(*arguments: str) -> list[str]:
    script = LOADED.format(arguments=list(arguments))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()[1:]


def test_help_names_every_command_and_imports_none() -> None:
    _, out = run("--help")
    assert all(f"  {name} " in out for name in COMMANDS)
    assert load("--help") == []


def test_top_imports_nothing_of_the_scaler_or_the_simulator() -> None:
    assert load("top", "--help") == ["grpc", "rich"]


def test_the_help_of_the_scaler_comes_without_its_server() -> None:
    assert "scaler.server" not in load("scaler", "--help")


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_every_help_teaches_by_example(command: tuple[str, ...]) -> None:
    code, out = run(*command, "--help")
    assert code == 0
    assert "Examples:" in out
    assert f"readpool {' '.join(command)}".rstrip() in out


def test_the_version_is_that_of_the_package() -> None:
    assert run("--version") == (0, "readpool, version 0.2.0.dev0\n")


def test_what_is_not_there_is_not_promised() -> None:
    code, out = run("nope")
    assert code == 2
    assert "No such command 'nope'" in out
    assert "Did you mean" not in out


@pytest.mark.parametrize(
    ("typed", "meant"), [("scaller", "scaler"), ("pool", "pools"), ("explian", "explain"), ("validat", "validate")]
)
def test_a_command_that_is_nearly_one_is_suggested(typed: str, meant: str) -> None:
    code, out = run(typed)
    assert code == 2
    assert f"No such command '{typed}'. Did you mean '{meant}'?" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("--nodes", "1"), "--nodes 1: with simulated nodes it must be 2 to 200.", id="too few nodes"),
        pytest.param(("--nodes", "many"), "'many' is not a valid integer", id="no number"),
        pytest.param(("--seconds", "1"), "--seconds 1: with simulated nodes it must be", id="too little time"),
        pytest.param(("--core", "/nowhere/core"), "'/nowhere/core' does not exist", id="no such binary"),
        pytest.param(("--report", "/nowhere/r.json"), "the folder /nowhere does not exist", id="no such folder"),
    ],
)
def test_a_demo_that_cannot_be_played_is_refused_before_anything_starts(
    arguments: tuple[str, ...], message: str
) -> None:
    code, out = run("demo", *arguments)
    assert code == 2
    assert message in out
