"""The Service that `readpool check` pretends to ask about: no fleet of anybody's, so that metrics leave it out."""

PRETENDED_SERVICE = "readpool-check"


def is_pretended(fleet: str) -> bool:
    """Return whether a fleet, NAMESPACE/SOURCE or NAMESPACE/SOURCE~DIGEST, is the one of `readpool check`."""
    return fleet.rpartition("/")[2].partition("~")[0] == PRETENDED_SERVICE
