"""Says where the lock no longer fits pyproject.toml.

Works offline: it compares what is required with what is pinned, and resolves nothing. `make check` runs it; `make lock`
mends what it finds.
"""

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)")
ASKED_FOR = "(pyproject.toml"


def parse_pins(lock: str) -> dict[str, Version]:
    """Parse a requirements file of exact pins into canonical name and version."""
    found = (PIN.match(line) for line in lock.splitlines())
    return {canonicalize_name(pin["name"]): Version(pin["version"]) for pin in found if pin}


def compute_misfits(requirements: list[str], lock: str, lock_name: str) -> list[str]:
    """Compare requirements with a lock: one sentence for each that is not pinned, or pinned outside its specifier."""
    pins = parse_pins(lock)
    misfits = []
    for requirement in map(Requirement, requirements):
        pinned = pins.get(canonicalize_name(requirement.name))
        if pinned is None:
            misfits.append(f"{lock_name} does not pin {requirement.name}, which pyproject.toml requires")
        elif not requirement.specifier.contains(pinned, prereleases=True):
            misfits.append(f"{lock_name} pins {requirement.name} {pinned}; pyproject.toml requires {requirement}")
    return misfits


def compute_orphans(requirements: list[str], lock: str, lock_name: str) -> list[str]:
    """Compare the other way round: one sentence for each pin that the project once asked for and does no more."""
    asked = {canonicalize_name(Requirement(requirement).name) for requirement in requirements}
    entries = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)
    direct = {canonicalize_name(pin["name"]) for entry in entries if ASKED_FOR in entry and (pin := PIN.match(entry))}
    return [f"{lock_name} pins {name}, which pyproject.toml no longer requires" for name in sorted(direct - asked)]


def main() -> int:
    """Print what does not fit; the exit status says whether all does."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    runtime = project["project"]["dependencies"]
    build = groups["build"]
    dev = [*runtime, *build, *(requirement for requirement in groups["dev"] if isinstance(requirement, str))]
    misfits = []
    locks = (("runtime.txt", runtime), ("build.txt", build), ("dev.txt", dev), ("docs.txt", groups["docs"]))
    for lock_name, requirements in locks:
        lock = (ROOT / "lock" / lock_name).read_text(encoding="utf-8")
        for compute in (compute_misfits, compute_orphans):
            misfits += compute(requirements, lock, f"lock/{lock_name}")
    if misfits:
        sys.stderr.write("\n".join([*misfits, "run: make lock", ""]))
        return 1
    sys.stdout.write("the lock fits pyproject.toml\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
