"""Which URLs may a node or a reference have, and which of them lead to the same place? Asked at both doors.

A trigger's values and the scaler's own flags are held to the same: the probe's path is put behind the URL, so nothing
may stand there that ends a path.
"""

import re
from urllib.parse import urlsplit

ALLOWED_URL = "a URL such as http://10.0.0.1:11626, with no user, query or fragment, at most 2048 characters"
"""What is allowed, for error messages."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_URL = 2048
_URL = re.compile(r"https?://[^ ?#@\\]+", re.IGNORECASE)


def is_node_url(url: str) -> bool:
    """Return whether a node can be polled at this URL: printable ASCII, http or https, a host, a valid port."""
    if len(url) > _MAX_URL or not (_URL.fullmatch(url) and url.isascii() and url.isprintable()):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in _DEFAULT_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def find_place(url: str) -> tuple[str, str, int, str]:
    """Find where a node's URL leads: scheme, host, port and path, the same however it is written."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme], parts.path.rstrip("/")
