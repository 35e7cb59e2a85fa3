"""Files of other projects that tests need, from Go modules that tests/pins names with their hashes."""

import json
import os
import shutil
from pathlib import Path

from tests.cluster.builds import SETTINGS
from tests.cluster.needs import UnmetNeedError
from tests.cluster.progress import CommandError, run_reported

_PINS = Path(__file__).resolve().parents[2] / "pins"


def fetch_module(module: str, pin: str, title: str) -> Path:
    """Fetch a module as tests/pins/`pin` has it, and give its folder; `title` names it to people, as "The …".

    Raises:
        UnmetNeedError: where there is no Go, or the module cannot be fetched.
    """
    if shutil.which("go") is None:
        raise UnmetNeedError(f"There is no go on PATH; {title}'s definitions are fetched as a Go module.")
    try:
        told = run_reported(
            ["go", "mod", "download", "-json", module],
            f"fetching {title}",
            lambda _: None,
            folder=_PINS / pin,
            environment={"GOWORK": SETTINGS["GOWORK"]},
        )
    except CommandError as error:
        proxy = os.environ.get("GOPROXY") or "the default GOPROXY"
        raise UnmetNeedError(f"{title} cannot be fetched from {proxy}: {error}") from error
    return Path(json.loads(told)["Dir"])
