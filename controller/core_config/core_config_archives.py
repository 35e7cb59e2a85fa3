"""How does a replica come to read one archive before the others? By a command that turns to the next when one fails.

Core itself draws an archive at random for each file, whatever their order, and waits longer after each failure (its
HistoryArchiveManager::selectRandomReadableHistoryArchive and BasicWork). Under controller.core_config.core_config.
"""

import re
from collections.abc import Sequence

from controller.core_config.core_config_override import ConfigError
from readpool.text import quote

MOST_CHARACTERS = 2048
MOST_STAND_INS = 3
"""So many other archives at most are tried after the first."""
CONNECT_SECONDS = 10
STALL_SECONDS = 30
"""After so long without a byte the next archive is tried, or Core tries again; curl alone would wait for ever."""
_SHOWN_CHARACTERS = 80
# As strict as it can be: the URL becomes part of a shell's command, in which Core replaces what is in braces.
_URL = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~%+=@,:/-]*)?", re.ASCII)


def check_archive_url(field: str, url: str) -> str:
    """Return an archive's URL without a slash at its end.

    Raises:
        ConfigError: for anything but a plain http or https URL; the message names `field`.
    """
    if len(url) > MOST_CHARACTERS or not _URL.fullmatch(url):
        shown = quote(url, _SHOWN_CHARACTERS)
        raise ConfigError(
            f"{field}: {shown} is invalid; it must be an http or https URL of letters, digits and"
            f" ._~%+=@,:/- with no user, query or fragment, at most {MOST_CHARACTERS} characters"
        )
    return url.rstrip("/")


def order_archives(archives: Sequence[str], own: str | None, ordinal: int) -> tuple[tuple[str, ...], ...]:
    """Order the archives as they are to be tried: `own`, that of the replica's shard, first; each in turn without one.

    Of many others each replica has some, by its ordinal, so that the readers of an archive that fails do not all move
    on to the same one.
    """
    known = list(dict.fromkeys(archives))
    return tuple((first, *_list_stand_ins(known, first, ordinal)) for first in ([own] if own else known))


def _list_stand_ins(archives: Sequence[str], first: str, ordinal: int) -> list[str]:
    others = [url for url in archives if url != first]
    start = ordinal % len(others) if others else 0
    return (others[start:] + others[:start])[:MOST_STAND_INS]


def build_get_command(archives: Sequence[str]) -> str:
    """Build the command that fetches a file, {0} in the archive, to {1}, from the first of these archives that has it.

    Core splits a command at spaces and knows no quotes, so the shell gets its script as one word, with $IFS for spaces,
    and without file name patterns (-f). The braces around IFS are doubled: Core's formatting makes one of two.
    """
    patience = f"--connect-timeout {CONNECT_SECONDS} --speed-time {STALL_SECONDS}"
    if len(archives) == 1:
        return f"curl -sf {patience} {archives[0]}/{{0}} -o {{1}}"
    script = "||".join(f"curl -sf {patience} {url}/{{0}} -o {{1}}" for url in archives)
    return f"sh -fc {script.replace(' ', '${{IFS}}')}"


def build_history(chains: Sequence[Sequence[str]], *, is_sharded: bool) -> dict[str, dict[str, str]]:
    """Build the tables of [HISTORY], one for each order in which archives are tried."""
    names = ["shard"] if is_sharded else [f"archive-{number}" for number in range(1, len(chains) + 1)]
    return {name: {"get": build_get_command(chain)} for name, chain in zip(names, chains, strict=True)}
