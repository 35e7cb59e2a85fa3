"""Debian packages that the cluster needs on the machine: there already, installed by apt, or named in an error.

A package counts as there when the program that it brings is, so other distributions do as well.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from devtools.machine.needs import UnmetNeedError
from devtools.machine.progress import Progress, run_reported

# Where a package's program is not called as the package is.
PROGRAMS = {
    "containernetworking-plugins": "/usr/lib/cni/bridge",
    "debian-archive-keyring": "/usr/share/keyrings/debian-archive-keyring.gpg",
    "iproute2": "ip",
    "procps": "sysctl",
    "util-linux": "nsenter",
}
SEARCHED = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # Debian keeps them off the PATH of those who are not root
SERVICE_POLICY = Path("/usr/sbin/policy-rc.d")


def require(*packages: str, progress: Progress = print) -> None:
    """Ensure that these packages are on the machine, installing by apt what is missing where root and apt are there.

    Raises:
        UnmetNeedError: when something is missing and cannot be installed from here.
        CommandError: when apt fails.
    """
    missing = find_missing(packages)
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise UnmetNeedError(f"Missing: {', '.join(missing)} (Debian: apt-get install {' '.join(missing)}).")
    progress(f"installing Debian packages that are missing: {' '.join(missing)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run_reported(["apt-get", "update", "-qq"], "reading the lists of packages", progress, environment=quiet)
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    with _starting_no_services():
        run_reported(install, "installing", progress, environment=quiet)
    if still := find_missing(missing):
        raise UnmetNeedError(f"Installed, and yet their programs are not found: {', '.join(still)}.")


def find_missing(packages: Sequence[str]) -> list[str]:
    """Find those of the packages whose program is not there."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *SEARCHED])
    return [package for package in packages if not _has_program(PROGRAMS.get(package, package), path)]


def _has_program(program: str, path: str) -> bool:
    return Path(program).exists() if program.startswith("/") else shutil.which(program, path=path) is not None


@contextlib.contextmanager
def _starting_no_services() -> Iterator[None]:
    """Keep a package from starting its system service for the block: a containerd of its own is not what we want."""
    if SERVICE_POLICY.exists():
        yield
        return
    SERVICE_POLICY.write_text("#!/bin/sh\nexit 101\n")
    SERVICE_POLICY.chmod(0o755)
    try:
        yield
    finally:
        SERVICE_POLICY.unlink()
