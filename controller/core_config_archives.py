"""How does Core come to read one archive more than others? It draws one at random for each file, whatever their order.

So an archive that is to be read first stands there several times. Under controller.core_config; the drawing is in
Core's HistoryArchiveManager::selectRandomReadableHistoryArchive.
"""

import re
from collections.abc import Sequence

from controller.core_config_override import ConfigError

MOST_CHARACTERS = 2048
OWN_TO_EACH_OTHER = 3
"""A shard's archive stands there this many times for each other one: three of four files come from it."""
MOST_OTHERS = 3
"""So many other archives at most stand in when the shard's own does not answer."""
_SHOWN_CHARACTERS = 80
# As strict as it can be: the URL becomes part of a command, in which Core replaces what is in braces, and which it then
# splits at spaces.
_URL = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~%+=@,:/-]*)?", re.ASCII)


def check_archive_url(field: str, url: str) -> str:
    """Return an archive's URL without a slash at its end.

    Raises:
        ConfigError: for anything but a plain http or https URL; the message names `field`.
    """
    if len(url) > MOST_CHARACTERS or not _URL.fullmatch(url):
        shown = repr(url if len(url) <= _SHOWN_CHARACTERS else url[:_SHOWN_CHARACTERS] + "…")
        raise ConfigError(
            f"{field}: {shown} is not allowed; it has to be an http or https URL of letters, digits and"
            f" ._~%+=@,:/- with no user, query or fragment, at most {MOST_CHARACTERS} characters"
        )
    return url.rstrip("/")


def build_get_command(url: str) -> str:
    """Build the command with which Core fetches a file: {0} is the file in the archive, {1} where to put it."""
    return f"curl -sf {url}/{{0}} -o {{1}}"


def list_slots(archives: Sequence[str], own: str | None, ordinal: int) -> tuple[str, ...]:
    """List the archives as often as they are to be drawn: `own`, that of the replica's shard, first and mostly.

    Of many others each replica has some, by its ordinal, so that the readers of an archive that fails do not all move
    on to the same one.
    """
    known = list(dict.fromkeys(archives))
    if own is None:
        return tuple(known)
    others = [url for url in known if url != own]
    first = ordinal % len(others) if others else 0
    chosen = (others[first:] + others[:first])[:MOST_OTHERS]
    return (own,) * max(1, OWN_TO_EACH_OTHER * len(chosen)) + tuple(chosen)


def build_history(slots: Sequence[str], *, is_sharded: bool) -> dict[str, dict[str, str]]:
    """Build the tables of [HISTORY], one a slot, the shard's own archive first."""
    own = slots[0] if is_sharded else None
    tables: dict[str, dict[str, str]] = {}
    for url in slots:
        kind = "archive" if own is None else "shard" if url == own else "other"
        number = sum(name.startswith(f"{kind}-") for name in tables) + 1
        tables[f"{kind}-{number}"] = {"get": build_get_command(url)}
    return tables
