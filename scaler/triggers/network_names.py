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
_BESIDE = re.compile(r"stellar|sdf|network$")
"""What people write beside the name of a network."""
_LEAST_BEGINNING = 10
"""So many letters of a passphrase, without what follows, are no other network's."""
_ESCAPE = "passphrase:"
_NAME = re.compile(r"[\w.-]{1,40}")
"""What looks like a name: one short word. A passphrase that anybody has used so far has blanks."""


def find_passphrase(words: str) -> str | None:
    """Find the passphrase that is meant, whatever the spelling; None for an unknown name."""
    if words.startswith(_ESCAPE):
        return words.removeprefix(_ESCAPE).strip() or None
    plain = _simplify(words)
    for name in (plain, _BESIDE.sub("", plain)):
        if name in _WORDS:
            return PASSPHRASES[_WORDS[name]]
        if name in _LOCAL_WORDS:
            return _STANDALONE
    for passphrase in (*PASSPHRASES.values(), _STANDALONE):
        if len(plain) >= _LEAST_BEGINNING and _simplify(passphrase).startswith(plain):
            return passphrase
    return None if _NAME.fullmatch(words) else words


def _simplify(words: str) -> str:
    """Leave out case, blanks and punctuation."""
    return re.sub(r"[\W_]+", "", words.casefold())
