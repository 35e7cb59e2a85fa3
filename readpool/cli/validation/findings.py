"""What is found in a manifest: one sentence about one field. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """Whether an object would be refused."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to see to.

    Attributes:
        field: its path, as in spec.storage.size, for the line; empty for the whole object.
        message: the sentence, which names the field itself.
    """

    field: str
    message: str
    level: Level = Level.ERROR
