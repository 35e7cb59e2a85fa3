"""Where tests find a real stellar-core: $STELLAR_CORE, then ../shared/stellar-core/ beside the checkout, then PATH.

Without one they are skipped with the reason; in a strict run they fail where the machine could have had it.
"""

import os
import shutil
from pathlib import Path
from typing import NoReturn

from tests.strictness import skip_or_fail, skip_where_impossible

SHARED = Path(__file__).resolve().parents[2] / "shared"
SHARED_BINARY = SHARED / "stellar-core" / "stellar-core"


def find_stellar_core() -> Path | None:
    """Find a stellar-core; None when there is none. A $STELLAR_CORE that leads nowhere is no reason to try another."""
    if named := os.environ.get("STELLAR_CORE"):
        return Path(named) if os.access(named, os.X_OK) else None
    if os.access(SHARED_BINARY, os.X_OK):
        return SHARED_BINARY
    on_path = shutil.which("stellar-core")
    return Path(on_path) if on_path else None


def require_stellar_core() -> Path:
    """Give the path of a real stellar-core, or skip; fail instead in a strict run beside a ../shared folder."""
    binary = find_stellar_core()
    if binary is None:
        _give_up()
    return binary


def _give_up() -> NoReturn:
    reason = "no stellar-core: set STELLAR_CORE to one, or put one in ../shared/stellar-core/ or on PATH"
    if SHARED.is_dir() or os.environ.get("STELLAR_CORE"):
        skip_or_fail(reason)
    skip_where_impossible(reason)
