"""The Gateway API's own definitions, of its two channels, from the pinned Go module; for a real API server."""

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
    """Read the standard definition of one kind, as YAML; as find_definitions."""
    path = find_definitions("standard") / f"gateway.networking.k8s.io_{plural}.yaml"
    return path.read_text(encoding="utf-8")


def read_experimental_definitions() -> list[str]:
    """Read the experimental definitions of all kinds, as YAML each; as find_definitions."""
    paths = sorted(find_definitions("experimental").glob("gateway.networking.*_*.yaml"))
    return [path.read_text(encoding="utf-8") for path in paths]


def find_definitions(channel: str) -> Path:
    """Find the folder with the definitions of a channel.

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
    return Path(json.loads(told)["Dir"]) / "config" / "crd" / channel
