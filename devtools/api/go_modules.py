"""Files of a Go module, fetched through the module proxy and kept in Go's cache; for other projects' definitions."""

import json
import os
import shutil
import tempfile
from pathlib import Path

from devtools.cluster.builds import SETTINGS
from devtools.machine.needs import UnmetNeedError
from devtools.machine.progress import CommandError, run_reported


def fetch_module(module: str, title: str, pins: Path | None = None) -> Path:
    """Fetch a module, and return the folder of its files; `module` has its version, or it is pinned in `pins`/go.mod.

    Raises:
        UnmetNeedError: where there is no Go, or the module cannot be fetched.
    """
    if shutil.which("go") is None:
        raise UnmetNeedError(f"There is no go on PATH; the definitions of {title} are fetched as a Go module.")
    with tempfile.TemporaryDirectory() as empty:
        try:
            told = run_reported(
                ["go", "mod", "download", "-json", module],
                f"fetching {title}",
                lambda _: None,
                folder=pins or Path(empty),
                environment={"GOWORK": SETTINGS["GOWORK"]},
            )
        except CommandError as error:
            proxy = os.environ.get("GOPROXY") or "the default GOPROXY"
            raise UnmetNeedError(f"{title} cannot be fetched from {proxy}: {error}") from error
    return Path(json.loads(told)["Dir"])
