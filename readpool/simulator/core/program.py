"""Build the simulated Core as one executable file, as stellar-core is one.

Run it as `python -m readpool.simulator.core.program PATH`.

The file is a zip that Python runs. It holds the modules as source for any Python, and compiled for the one that builds
it, so that a start does not compile them. The same sources and the same Python give
the same bytes.
"""

import ast
import py_compile
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

_SHEBANG = b"#!/usr/bin/env -S python3 -IS\n"
_PACKAGE = Path(__file__).parent
_ROOT = _PACKAGE.parents[2]
_MAIN = """\
import sys

from readpool.simulator.core.command_line import main

sys.exit(main(sys.argv[1:]))
"""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_EXECUTABLE = 0o755


def build_program(path: Path) -> Path:
    """Write the program to `path`, whose folder has to be there, and return the path.

    A Python of its own does it: what this one has in memory would show in the compiled modules.

    Raises:
        subprocess.CalledProcessError: it could not be written; why, is on standard error.
    """
    subprocess.run([sys.executable, "-IS", __file__, str(path)], check=True)  # noqa: S603  # this file
    return path


def _write_program(path: Path) -> None:
    unfinished = path.with_name(f"{path.name}.unfinished")
    with unfinished.open("wb") as file:
        file.write(_SHEBANG)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, content in _list_content():
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), content)
    unfinished.chmod(_EXECUTABLE)
    unfinished.replace(path)


def _list_content() -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of what is in the file, in an order that does not change."""
    with tempfile.TemporaryDirectory() as folder:
        main = Path(folder, "__main__.py")
        main.write_text(_MAIN)
        for name, source in {"__main__.py": main, **_list_sources()}.items():
            yield name, source.read_bytes()
            if source.suffix == ".py":
                compiled = Path(folder, "compiled.pyc")
                mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
                py_compile.compile(str(source), str(compiled), name, doraise=True, optimize=2, invalidation_mode=mode)
                yield f"{name}c", compiled.read_bytes()


def _list_sources() -> dict[str, Path]:
    """List the files of the package core, and what they import of readpool, by their names in the zip."""
    inner = sorted(path for path in _PACKAGE.iterdir() if path.is_file() and path != Path(__file__))
    found = {f"readpool/simulator/core/{path.name}": path for path in inner}
    left = list(found.values())
    while left:
        for path in _find_imports(left.pop()):
            name = str(path.relative_to(_ROOT))
            if name not in found:
                found[name] = path
                left.append(path)
    doors = [_ROOT / "readpool" / "__init__.py", _PACKAGE.parent / "__init__.py"]
    return {**{str(door.relative_to(_ROOT)): door for door in doors}, **dict(sorted(found.items()))}


def _find_imports(path: Path) -> list[Path]:
    """Find the files of readpool/ that a module imports."""
    if path.suffix != ".py":
        return []
    imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    places = [_ROOT / f"{node.module.replace('.', '/')}.py" for node in imports if node.module]
    return [place for place in places if place.is_relative_to(_ROOT / "readpool") and place.is_file()]


if __name__ == "__main__":
    _write_program(Path(sys.argv[1]))
