"""The page's own files, read once from the package: nothing else on the disk can ever be asked for."""

from dataclasses import dataclass
from importlib.resources import files

_CONTENT_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file of the page, as it is served."""

    path: str
    content_type: str
    body: bytes


def read_page_files() -> tuple[PageFile, ...]:
    """Read every file of the page; index.html is served at `/`."""
    found = []
    for resource in files("scaler.telemetry").joinpath("page").iterdir():
        suffix = resource.name[resource.name.rfind(".") :]
        if suffix in _CONTENT_TYPES:
            path = "/" if resource.name == "index.html" else f"/{resource.name}"
            found.append(PageFile(path, _CONTENT_TYPES[suffix], resource.read_bytes()))
    return tuple(found)
