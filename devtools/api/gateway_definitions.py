"""The Gateway API's own definitions, of its two channels, from the pinned Go module; for a real API server."""

from pathlib import Path

from devtools.api.go_modules import fetch_module

_MODULE = "sigs.k8s.io/gateway-api"
_PINS = Path(__file__).resolve().parent / "pins" / "gateway-api"


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


def find_definitions(channel: str, version: str = "") -> Path:
    """Find the folder with the definitions of a channel; of the pinned version where none is given.

    Raises:
        UnmetNeedError: where there is no Go, or the module cannot be fetched.
    """
    module, pins = (f"{_MODULE}@{version}", None) if version else (_MODULE, _PINS)
    return fetch_module(module, "the Gateway API", pins) / "config" / "crd" / channel
