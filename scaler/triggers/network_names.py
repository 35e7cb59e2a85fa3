"""Which network does a trigger mean? Everybody's words for the public ones, or a passphrase. Pure; asked at the door.

`pubnet` is what quickstart, Horizon and the charts call Mainnet; `standalone` and `local` are quickstart's own network.
"""

import re
from collections.abc import Mapping

PASSPHRASES: Mapping[str, str] = {
    "Mainnet": "Public Global Stellar Network ; September 2015",
    "Testnet": "Test SDF Network ; September 2015",
    "Futurenet": "Test SDF Future Network ; October 2022",
}
"""The public networks by name; any other `network` is a passphrase."""
ALLOWED = (
    "Mainnet (also pubnet, public), Testnet, Futurenet, Standalone (also local), or the whole passphrase of another"
    " network; one that is a single word is written passphrase:WORD"
)
_STANDALONE = "Standalone Network ; February 2017"
_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("mainnet", "main", "pubnet", "public", "publicnet", "publicnetwork", "livenet"), "Mainnet"),
    **dict.fromkeys(("testnet", "test", "testnetwork", "sdftestnet"), "Testnet"),
    **dict.fromkeys(("futurenet", "future"), "Futurenet"),
}
_LOCAL_WORDS = ("standalone", "local", "localnet")
_ESCAPE = "passphrase:"
_NAME = re.compile(r"[\w.-]{1,40}")
"""What looks like a name: one short word. A passphrase that anybody has used so far has blanks."""


def find_passphrase(words: str) -> str | None:
    """Find the passphrase that is meant, whatever the spelling; None for an unknown name."""
    if words.startswith(_ESCAPE):
        return words.removeprefix(_ESCAPE).strip() or None
    plain = _simplify(words)
    if plain in _WORDS:
        return PASSPHRASES[_WORDS[plain]]
    if plain in _LOCAL_WORDS:
        return _STANDALONE
    known = {_simplify(passphrase): passphrase for passphrase in (*PASSPHRASES.values(), _STANDALONE)}
    if plain in known:
        return known[plain]
    return None if _NAME.fullmatch(words) else words


def _simplify(words: str) -> str:
    """Leave out case, blanks and punctuation."""
    return re.sub(r"[\W_]+", "", words.casefold())
