"""What a replica can be. Both programs speak of replicas in these six words; the scaler decides which one holds."""

from enum import StrEnum


class ReplicaClass(StrEnum):
    """The class of one replica, as it stands in metrics, logs, status and on the wire."""

    FRESH = "fresh"
    """Within the lag threshold of the tip and in step with the network."""
    LAGGING = "lagging"
    """Was fresh since it started and has fallen behind."""
    CATCHING_UP = "catchingUp"
    """Has not been fresh since it started: capacity on its way."""
    UNREACHABLE = "unreachable"
    """Several polls in a row failed."""
    FOREIGN = "foreign"
    """Answers for another network."""
    UNKNOWN = "unknown"
    """Not yet observed."""
