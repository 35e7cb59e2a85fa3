"""What the page and /metrics both show of a snapshot: lags, and text of others that is safe to show. Pure."""

from unicodedata import category

from scaler.fleet.snapshot import FleetSnapshot

MAX_WORDS = 200
MAX_NAME = 253
"""As long as a DNS name gets."""


def compute_lags(snapshot: FleetSnapshot) -> dict[str, int | None]:
    """Return each replica's lag in ledgers by its name; None if it was not observed."""
    return {replica.name: replica.standing.current_lag_ledgers for replica in snapshot.replicas}


def clean_words(words: str, limit: int) -> str:
    """Cut foreign words to `limit` characters, and replace the invisible ones: controls, directions, private use."""
    return "".join("\N{REPLACEMENT CHARACTER}" if category(letter)[0] == "C" else letter for letter in words[:limit])
