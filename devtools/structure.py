"""Prints how the packages are built: rooms, floors, imports upward, the longest function and file of each.

`python -m devtools.structure` exits with 1 where a measure is not kept. A room is a sub-package, or a module at the top
of its package; its floor is one above the highest floor that it imports.
"""

import ast
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MOST_FLOORS = {"controller": 12, "scaler": 11, "readpool.cli": 4}
"""How many floors the rooms of a package may have at most. A reader goes through all of them from the top."""
MOST_FUNCTION_LINES = 60
MOST_FILE_LINES = 300
GENERATED = ("readpool/keda/", "readpool/v1/")

Graph = Mapping[str, frozenset[str]]


class CircleError(ValueError):
    """Rooms import each other in a circle."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of one package.

    Attributes:
        floors: the floor of each room, from 1.
        arrows: how many rooms import another one.
        upward: imports against the order that the layers contract gives, as "ROOM -> ROOM".
        longest_function: its lines, and where it is.
        longest_file: as well.
    """

    package: str
    floors: Mapping[str, int]
    arrows: int
    upward: tuple[str, ...]
    longest_function: tuple[int, str]
    longest_file: tuple[int, str]


def measure(package: str) -> Measured:
    """Measure one package of the checkout."""
    files = list_files(package)
    rooms = join_rooms(package, {find_module(file): find_imports(file) for file in files})
    functions = [(lines, f"{file.relative_to(ROOT)}:{name}") for file in files for name, lines in list_functions(file)]
    lengths = [(len(file.read_text(encoding="utf-8").splitlines()), str(file.relative_to(ROOT))) for file in files]
    return Measured(
        package,
        compute_floors(rooms),
        sum(len(imported) for imported in rooms.values()),
        tuple(find_upward(rooms, read_order(package))),
        max(functions),
        max(lengths),
    )


def list_files(package: str) -> list[Path]:
    """List the modules of a package that are written by hand."""
    found = sorted(ROOT.joinpath(*package.split(".")).rglob("*.py"))
    return [file for file in found if not str(file.relative_to(ROOT)).startswith(GENERATED)]


def find_module(file: Path) -> str:
    """Find the full name of a module, from its file."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def find_imports(file: Path) -> frozenset[str]:
    """Find the modules that a module imports anywhere, also inside functions and for types alone."""
    found = set[str]()
    for node in ast.walk(_parse(file)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {_name_import(node.module, alias.name) for alias in node.names}
    return frozenset(found)


def join_rooms(package: str, imports: Graph) -> Graph:
    """Join the imports of modules to those of rooms, by names below the package; a package's own door is no room."""
    rooms: dict[str, set[str]] = {}
    for module, imported in imports.items():
        if module != package:
            room = _name_room(package, module)
            inner = {_name_room(package, name) for name in imported if name.startswith(f"{package}.")}
            rooms.setdefault(room, set()).update(inner - {room})
    return {room: frozenset(inner) for room, inner in rooms.items()}


def compute_floors(rooms: Graph) -> dict[str, int]:
    """Compute the floor of each room: 1 where it imports no other.

    Raises:
        CircleError: where rooms import each other.
    """
    floors: dict[str, int] = {}

    def climb(room: str, way: tuple[str, ...]) -> int:
        if room in way:
            raise CircleError(" -> ".join((*way[way.index(room) :], room)))
        if room not in floors:
            floors[room] = 1 + max((climb(below, (*way, room)) for below in rooms.get(room, ())), default=0)
        return floors[room]

    for room in rooms:
        climb(room, ())
    return floors


def find_upward(rooms: Graph, order: Iterable[frozenset[str]]) -> list[str]:
    """Find imports that do not lead down the order of layers, which begins at the top; none where no order is given."""
    heights = {room: -depth for depth, layer in enumerate(order) for room in layer}
    arrows = [(room, below) for room, inner in rooms.items() for below in inner]
    return sorted(
        f"{room} -> {below}"
        for room, below in arrows
        if heights and not heights.get(below, 0) < heights.get(room, -len(heights))
    )


def read_order(package: str) -> list[frozenset[str]]:
    """Read the order of a package's rooms from its layers contract, the highest first; empty where it has none."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    layers = [one["layers"] for one in contracts if one.get("containers") == [package]]
    return [frozenset(layer.split(" | ")) for layer in (layers[0] if layers else [])]


def list_functions(file: Path) -> list[tuple[str, int]]:
    """List the functions of a file with their lines, from `def` to the last."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = [node for node in ast.walk(_parse(file)) if isinstance(node, kinds)]
    return [(node.name, (node.end_lineno or node.lineno) - node.lineno + 1) for node in found] or [("", 0)]


def list_faults(measured: Measured) -> list[str]:
    """List what is not kept, a sentence each."""
    package, most = measured.package, MOST_FLOORS.get(measured.package)
    faults = [f"{package}: {arrow} leads up" for arrow in measured.upward]
    if most is not None and max(measured.floors.values()) > most:
        faults.append(f"{package}: {max(measured.floors.values())} floors of rooms, {most} are the most")
    for what, (lines, place), limit in (
        ("function", measured.longest_function, MOST_FUNCTION_LINES),
        ("file", measured.longest_file, MOST_FILE_LINES),
    ):
        if lines > limit:
            faults.append(f"{package}: the {what} {place} has {lines} lines, {limit} are the most")
    return faults


def main() -> int:
    """Print the measures of all packages, and return whether any is not kept."""
    faults = []
    for package in ("readpool", "scaler", "controller", "readpool.cli", "readpool.simulator", "bench", "devtools"):
        measured = measure(package)
        faults += list_faults(measured)
        _print(measured)
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    return 1 if faults else 0


def _print(measured: Measured) -> None:
    floors = measured.floors
    by_floor = {floor: sorted(room for room in floors if floors[room] == floor) for floor in set(floors.values())}
    lines = [
        f"{measured.package}: {len(floors)} rooms on {max(floors.values())} floors",
        f"  {measured.arrows} arrows between rooms, {len(measured.upward)} of them upward",
        *(f"  {floor:2}  {'  '.join(by_floor[floor])}" for floor in sorted(by_floor, reverse=True)),
        f"  longest function {measured.longest_function[0]} lines, {measured.longest_function[1]}",
        f"  longest file {measured.longest_file[0]} lines, {measured.longest_file[1]}",
        "",
    ]
    sys.stdout.writelines(f"{line}\n" for line in lines)


@cache
def _parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _name_import(module: str, name: str) -> str:
    """Name what `from module import name` takes: a module of ours where there is one of that name."""
    place = ROOT.joinpath(*module.split("."), name)
    return f"{module}.{name}" if place.with_suffix(".py").is_file() or place.is_dir() else module


def _name_room(package: str, module: str) -> str:
    return module.removeprefix(f"{package}.").split(".", maxsplit=1)[0]


if __name__ == "__main__":
    sys.exit(main())
