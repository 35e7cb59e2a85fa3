"""The folder beside the checkout that holds what is not part of it, such as recorded answers; it may not be there."""

from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / "shared"
