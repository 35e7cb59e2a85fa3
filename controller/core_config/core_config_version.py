"""Which configuration does this version of Stellar Core know? It refuses to start with a key that it does not."""

import re

FIRST_WITH_QUERY_SERVER = 22
_MAJOR = re.compile(r"v?([0-9]{1,3})([.\-@].*)?", re.DOTALL)


def parse_major(version: str) -> int | None:
    """Parse the major version from an image's tag, such as v21.0.0 or 22.4.1-2554.jammy; None for any other tag."""
    found = _MAJOR.fullmatch(version)
    return int(found[1]) if found else None


def has_query_server(version: str) -> bool:
    """Return whether this Core has a query server (since v22.0.0); a tag that is not a version counts as new."""
    major = parse_major(version)
    return major is None or major >= FIRST_WITH_QUERY_SERVER
