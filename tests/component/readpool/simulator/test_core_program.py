"""The simulated Core as one file: the same each time, complete, quick to start, and small."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from devtools.core.simulated_core import simulated_core
from readpool.simulator.core.program import build_program

ROOT = Path(__file__).parents[4]
CORE = ROOT / "readpool" / "simulator" / "core"
VERSION_CPU_SECONDS = 0.15  # 0.02 where it was measured; a start that compiles takes ten times that
VERSION_BYTES = 20 * 2**20


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    built = build_program(tmp_path / "here").read_bytes()
    subprocess.run([sys.executable, "-m", "readpool.simulator.core.program", tmp_path / "there"], cwd=ROOT, check=True)
    assert built == (tmp_path / "there").read_bytes() == simulated_core().read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"here", "there"}


def test_each_module_is_there_as_source_and_compiled() -> None:
    with zipfile.ZipFile(simulated_core()) as archive:
        names = set(archive.namelist())
    modules = {name for name in names if name.endswith(".py")}
    assert {f"readpool/simulator/core/{path.name}" for path in CORE.glob("*.py")} - modules == {
        "readpool/simulator/core/program.py"
    }
    assert {f"{name}c" for name in modules} <= names


def test_it_stands_on_its_own_and_on_the_standard_library(tmp_path: Path) -> None:
    code = f"import sys; sys.path[:] = [{str(simulated_core())!r}, *(p for p in sys.path if 'site-packages' not in p)]"
    names = sorted(path.stem for path in CORE.glob("*.py") if path.stem not in _NOT_IMPORTED)
    imports = "; ".join(f"import readpool.simulator.core.{name}" for name in names)
    command = [sys.executable, "-IS", "-c", f"{code}; {imports}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


_NOT_IMPORTED = {"__init__", "__main__", "program"}


_MEASURE = """
import os, subprocess, sys
process = subprocess.Popen([sys.argv[1], "version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
print(status, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
"""
"""Run by a small Python: a child begins with the memory of its parent."""


def test_version_starts_fast_and_takes_little_memory() -> None:
    command = [sys.executable, "-IS", "-c", _MEASURE, str(simulated_core())]
    status, cpu_seconds, memory = subprocess.run(command, capture_output=True, check=True).stdout.split()
    assert int(status) == 0
    assert float(cpu_seconds) < VERSION_CPU_SECONDS
    assert int(memory) < VERSION_BYTES


@pytest.mark.parametrize("arguments", [["sec-to-pub"], ["convert-id"]])
def test_keys_are_converted(arguments: list[str]) -> None:
    seed = "SBCQDMH654FQYXKH5ERVWXZOLSKSRMS7E4Y4BU5E4CK4TID3UM6PTIQ2"
    account = "GCEGCYSOQBV2U7SYJNVPT7EJEC3CUU53N5L6GRMU7UTXGQVZVL3AGLC5"
    given = [account] if arguments == ["convert-id"] else []
    done = subprocess.run(
        [simulated_core(), *arguments, *given], input=seed, capture_output=True, text=True, check=True
    )
    assert account in done.stdout
