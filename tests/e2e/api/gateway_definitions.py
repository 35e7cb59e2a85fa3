"""The Gateway API's own definitions, of its standard channel, from the pinned Go module; for a real API server."""

import json
import os
import shutil
from pathlib import Path

from tests.cluster.builds import SETTINGS
from tests.cluster.needs import UnmetNeedError
from tests.cluster.progress import CommandError, run_reported

_MODULE = "sigs.k8s.io/gateway-api"
_PINS = Path(__file__).resolve().parents[2] / "pins" / "gateway-api"


def read_http_route_definition() -> str:
    """Read the definition of HTTPRoute, as YAML; as read_definition."""
    return read_definition("httproutes")


def read_definition(plural: str) -> str:
    """Read the definition of one kind, as YAML.

    Raises:
        UnmetNeedError: where there is no Go, or the module cannot be fetched.
    """
    if shutil.which("go") is None:
        raise UnmetNeedError("There is no go on PATH; the Gateway API's definitions are fetched as a Go module.")
    command = ["go", "mod", "download", "-json", _MODULE]
    try:
        told = run_reported(
            command,
            "fetching the Gateway API",
            lambda _: None,
            folder=_PINS,
            environment={"GOWORK": SETTINGS["GOWORK"]},
        )
    except CommandError as error:
        proxy = os.environ.get("GOPROXY") or "the default GOPROXY"
        raise UnmetNeedError(f"The Gateway API cannot be fetched from {proxy}: {error}") from error
    folder = Path(json.loads(told)["Dir"]) / "config" / "crd" / "standard"
    return (folder / f"gateway.networking.k8s.io_{plural}.yaml").read_text(encoding="utf-8")
