"""The faults that a test needs, where the cluster can be given them."""

from devtools.cluster.faults import Faults
from devtools.strictness import skip_where_impossible


def require_faults(faults: Faults, *names: str) -> Faults:
    """Return the faults where this cluster allows those named; skip the test where not."""
    if unable := [name for name in names if not faults.is_able(name)]:
        skip_where_impossible(f"this cluster does not allow {', '.join(unable)} from outside")
    return faults
