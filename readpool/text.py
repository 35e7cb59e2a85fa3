"""How text of others is shown: shortened, without what a terminal would obey, in natural order. Pure."""

import re

SHOWN_CHARACTERS = 60
"""Of a refused value in an error."""


def shorten(text: str, most: int) -> str:
    """Return the text, or its first `most` characters and an ellipsis."""
    return text if len(text) <= most else text[:most] + "…"


def quote(text: str, most: int = SHOWN_CHARACTERS) -> str:
    """Quote a refused value, shortened; control characters are escaped."""
    return repr(shorten(text, most))


def make_printable(text: str, instead: str = "?") -> str:
    """Replace the characters that a terminal would obey or hide."""
    return text if text.isprintable() else "".join(one if one.isprintable() else instead for one in text)


def count(number: int, singular: str, plural: str = "") -> str:
    """Count things, such as `1 pool` and `2 pools`."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"


def order_naturally(name: str) -> list[tuple[int, str]]:
    """Return the key that sorts pod-10 after pod-9: numbers by length first, since they may exceed what int() takes."""
    parts = re.split(r"([0-9]+)", name)  # numbers at the odd places
    return [(len(part.lstrip("0")), part.lstrip("0")) if turn % 2 else (0, part) for turn, part in enumerate(parts)]
