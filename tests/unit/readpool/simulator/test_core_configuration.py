"""A configuration is read, or refused in Core's words: every key that was recorded, and what the rest of it says."""

import json
from pathlib import Path

import pytest

from readpool.simulator.core.config_keys import KNOWN
from readpool.simulator.core.configuration import read
from readpool.simulator.core.errors import CoreFailure
from readpool.simulator.core.keys import account_of
from readpool.simulator.core.settings import CoreSettings, HistoryArchive, QuorumSet

RECORDED = json.loads((Path(__file__).parents[3] / "recorded" / "core" / "config-keys.json").read_text())
ACCOUNT = "GCTI6HMWRH2QGMFKWVU5M5ZSOTKL7P7JAHZDMJJBKDHGWTEC4CJ7O3DU"
SEED = "SBCQDMH654FQYXKH5ERVWXZOLSKSRMS7E4Y4BU5E4CK4TID3UM6PTIQ2"
LINES = [
    "PEER_PORT=27900",
    "HTTP_PORT=27901",
    "HTTP_QUERY_PORT=0",
    "PUBLIC_HTTP_PORT=false",
    "RUN_STANDALONE=false",
    'NETWORK_PASSPHRASE="Rec A"',
    "ARTIFICIALLY_ACCELERATE_TIME_FOR_TESTING=true",
    "UNSAFE_QUORUM=true",
    "FAILURE_SAFETY=0",
    'DATABASE="sqlite3://stellar.db"',
    'BUCKET_DIR_PATH="buckets"',
    'LOG_FILE_PATH=""',
    "NODE_IS_VALIDATOR=false",
    "CATCHUP_COMPLETE=false",
    "CATCHUP_RECENT=0",
    "TARGET_PEER_CONNECTIONS=1",
    'PREFERRED_PEERS=["127.0.0.1:27600"]',
    'KNOWN_PEERS=["127.0.0.1:27600"]',
    "ALLOW_LOCALHOST_FOR_TESTING=true",
    "[HISTORY.local]",
    'get="cp history/{0} {1}"',
    "[QUORUM_SET]",
    "THRESHOLD_PERCENT=100",
    f'VALIDATORS=["{ACCOUNT}"]',
]
KEYS = [(key, answer) for answer, keys in RECORDED["known"].items() for key in keys]
STRINGS_TAKEN = "No DB schema version found, try stellar-core new-db"
LATER = {
    "Could not open log file x, check access rights",
    'fs::openFile("x") failed: Is a directory',
    "No backend name found in x",
}
"""What Core says later of a string that it takes at first: once it opens the log, the stream or the database."""


def read_lines(lines: list[str], notes: list[str] | None = None) -> CoreSettings:
    """Read a configuration; what is logged is added to `notes`."""
    logged: list[str] = [] if notes is None else notes
    return read("\n".join(lines), "k.cfg", SEED, lambda _, text: logged.append(text))


def refusal(lines: list[str]) -> str:
    """Return what is said of a configuration that is refused."""
    with pytest.raises(CoreFailure) as refused:
        read_lines(lines)
    assert refused.value.exit_code == 1
    return refused.value.lines[0]


def with_key(key: str, value: str) -> list[str]:
    """Put a key at the top of a good configuration, in the place of the line that it had; 24 lines, as recorded."""
    rest = [line for line in LINES if not line.startswith(f"{key}=")]
    rest = rest if len(rest) < len(LINES) else [line for line in rest if not line.startswith("ALLOW_LOCALHOST")]
    return [f"{key}={value}", *rest]


@pytest.mark.parametrize(("key", "answer"), KEYS, ids=[key for key, _ in KEYS])
def test_a_string_for_a_known_key_is_answered_as_core_answers_it(key: str, answer: str) -> None:
    lines = with_key(key, '"x"')
    if answer == STRINGS_TAKEN or answer in LATER:
        assert isinstance(read_lines(lines), CoreSettings)
    else:
        expected = answer.replace("Failed: ", "Failed to parse 'k.cfg' :").replace("KEY", key)
        assert refusal(lines) == expected


@pytest.mark.parametrize("key", RECORDED["unknown"])
def test_an_unknown_key_is_refused(key: str) -> None:
    assert refusal(with_key(key, '"x"')) == f"Failed to parse 'k.cfg' :Unknown configuration entry: '{key}'"


def test_the_keys_are_those_that_were_recorded() -> None:
    assert {key for key, _ in KEYS} == KNOWN


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        pytest.param("PEER_PORT", "-1", "bad 'PEER_PORT'", id="a negative port"),
        pytest.param("CATCHUP_RECENT", "-5", "bad 'CATCHUP_RECENT'", id="a negative count"),
        pytest.param("NODE_IS_VALIDATOR", "0", "invalid 'NODE_IS_VALIDATOR'", id="a number for true or false"),
        pytest.param("HTTP_PORT", "true", "invalid 'HTTP_PORT'", id="true for a number"),
        pytest.param("HTTP_PORT", "1.5", "invalid 'HTTP_PORT'", id="a fraction for a whole number"),
        pytest.param("NODE_SEED", '"SNOPE self"', "invalid seed", id="no seed"),
        pytest.param("NODE_NAMES", '["GNOPE x"]', "bad public key", id="no key in NODE_NAMES"),
        pytest.param("HOME_DOMAINS", '[{HOME_DOMAIN="a", QUALITY="BEST"}]', "Unknown QUALITY BEST", id="no quality"),
    ],
)
def test_a_bad_value_is_refused(key: str, value: str, said: str) -> None:
    assert refusal(with_key(key, value)) == f"Failed to parse 'k.cfg' :{said}"


def test_what_it_says_becomes_settings() -> None:
    settings = read_lines(LINES)
    assert settings.passphrase == "Rec A"  # noqa: S105  # a network's name
    assert (settings.peer_port, settings.http_port, settings.query_port) == (27900, 27901, 0)
    assert settings.quorum == QuorumSet(1, (ACCOUNT,))
    assert settings.archives == (HistoryArchive("local", get="cp history/{0} {1}"),)
    assert (settings.database, settings.database_url) == ("stellar.db", "sqlite3://stellar.db")
    assert (settings.log_file, settings.known_peers) == (None, ("127.0.0.1:27600",))
    assert (settings.ledger_seconds, settings.checkpoint_ledgers, settings.max_additional) == (1.0, 8, 8)


def test_a_node_without_a_seed_has_the_identity_that_was_drawn_for_it() -> None:
    settings = read_lines(LINES)
    assert (settings.seed, settings.account) == (None, account_of(SEED))
    assert settings.short_name == settings.account[:5]


def test_a_validator_trusts_itself_by_the_name_of_its_seed() -> None:
    lines = [f'NODE_SEED="{SEED} self"', *LINES[:-1], 'VALIDATORS=["$self"]']
    settings = read_lines(lines)
    assert settings.quorum == QuorumSet(1, (account_of(SEED),))
    assert (settings.seed, settings.short_name) == (SEED, "self")


def test_without_a_log_file_named_it_is_named_after_the_start() -> None:
    lines = [line for line in LINES if not line.startswith("LOG_FILE_PATH")]
    assert read_lines(lines).log_file == "stellar-core-{datetime:%Y-%m-%d_%H-%M-%S}.log"


def test_a_port_beyond_16_bits_is_taken_modulo() -> None:
    assert read_lines(with_key("HTTP_PORT", "70000")).http_port == 70000 - 65536


def test_inner_quorum_sets_are_read() -> None:
    other = account_of(SEED)
    notes: list[str] = []
    inner = ["[QUORUM_SET.1]", f'VALIDATORS=["{other}"]']
    settings = read_lines([*LINES[:-2], "THRESHOLD_PERCENT=51", f'VALIDATORS=["{ACCOUNT}"]', *inner], notes)
    assert settings.quorum == QuorumSet(2, (ACCOUNT,), (QuorumSet(1, (other,)),))
    assert '"v" : [\n      "GCTI6",\n      {' in notes[-1]
