"""A replica's configuration by what the pool says: ports, quorum set, archives, catch-up, and what is refused."""

import tomllib
from typing import Any

import pytest

from controller.checkpoints import LedgerRange
from controller.core_config import CorePorts, CoreSettings, build_core_config, compute_catchup_recent
from controller.core_config_archives import list_slots
from controller.core_config_override import ConfigError
from controller.core_config_version import parse_major
from controller.shards import ShardAssignment
from readpool.networks import NetworkFacts
from readpool.public_networks import load_public_networks

A, B, C, D, E = (f"https://{letter}.example.com" for letter in "abcde")
TESTNET = load_public_networks()["Testnet"]
PRIVATE = NetworkFacts("Private Network")
KEY = TESTNET.validators[0].public_key
OWN_QUORUM = f'[QUORUM_SET]\nTHRESHOLD_PERCENT = 100\nVALIDATORS = ["{KEY}"]\n'


def build(
    settings: CoreSettings | None = None,
    assignment: ShardAssignment | None = None,
    network: NetworkFacts = TESTNET,
    ordinal: int = 0,
) -> dict[str, Any]:
    return tomllib.loads(build_core_config(settings or CoreSettings(), ordinal, assignment, network))


def get(url: str) -> str:
    return f"curl -sf {url}/{{0}} -o {{1}}"


def read_archives(config: dict[str, Any]) -> list[str]:
    """List the commands that Core draws from."""
    tables = [archive["get"] for archive in config.get("HISTORY", {}).values()]
    return tables + [one["HISTORY"] for one in config.get("VALIDATORS", []) if "HISTORY" in one]


def test_a_replica_watches_its_network_and_keeps_its_ledgers_on_its_volume() -> None:
    config = build()
    assert config["NETWORK_PASSPHRASE"] == TESTNET.passphrase
    assert config["NODE_IS_VALIDATOR"] is False
    assert "NODE_SEED" not in config
    assert config["DATABASE"] == "sqlite3:///var/lib/stellar/stellar.db"
    assert config["BUCKET_DIR_PATH"] == "/var/lib/stellar/buckets"
    assert config["LOG_FILE_PATH"] == ""
    assert (config["PEER_PORT"], config["HTTP_PORT"], config["HTTP_QUERY_PORT"]) == (11625, 11626, 11630)


@pytest.mark.parametrize("has_gate", [True, False])
def test_the_command_port_is_open_only_where_there_is_no_gate(has_gate: bool) -> None:
    assert build(CoreSettings(has_gate=has_gate))["PUBLIC_HTTP_PORT"] is not has_gate


def test_ports_and_the_volume_may_be_elsewhere() -> None:
    config = build(CoreSettings(data_folder="/data", ports=CorePorts(1, 2, 3)))
    assert config["DATABASE"] == "sqlite3:///data/stellar.db"
    assert (config["PEER_PORT"], config["HTTP_PORT"], config["HTTP_QUERY_PORT"]) == (1, 2, 3)


@pytest.mark.parametrize(
    ("version", "major", "has_query_server"),
    [
        pytest.param("v21.0.0", 21, False, id="as in the first proposal"),
        pytest.param("21.3.1-2007.4ede19620.focal", 21, False, id="the official image's tag"),
        pytest.param("v22.0.0", 22, True, id="the first with a query server"),
        pytest.param("22", 22, True, id="a major version alone"),
        pytest.param("v27.1.0@sha256:" + "0" * 64, 27, True, id="with a digest"),
        pytest.param("latest", None, True, id="no version"),
        pytest.param("20240131", None, True, id="a date"),
        pytest.param("21abc", None, True, id="a commit"),
        pytest.param("", None, True, id="nothing"),
    ],
)
def test_only_a_core_that_has_a_query_server_is_told_of_one(
    version: str, major: int | None, has_query_server: bool
) -> None:
    config = build(CoreSettings(version=version))
    keys = {"HTTP_QUERY_PORT", "QUERY_THREAD_POOL_SIZE", "QUERY_SNAPSHOT_LEDGERS"}
    assert parse_major(version) == major
    assert keys & config.keys() == (keys if has_query_server else set())


def test_the_quorum_set_is_that_of_the_network() -> None:
    config = build()
    assert config["HOME_DOMAINS"] == [{"HOME_DOMAIN": "testnet.stellar.org", "QUALITY": "HIGH"}]
    assert [one["PUBLIC_KEY"] for one in config["VALIDATORS"]] == [one.public_key for one in TESTNET.validators]
    assert {one["HOME_DOMAIN"] for one in config["VALIDATORS"]} == {"testnet.stellar.org"}
    assert "QUALITY" not in config["VALIDATORS"][0]  # Core allows it in one place only


def test_without_archives_of_its_own_a_pool_reads_those_of_the_network() -> None:
    config = build()
    assert "HISTORY" not in config
    assert read_archives(config) == [get(archive) for archive in TESTNET.archives]


def test_archives_of_its_own_are_read_alike_and_nothing_else() -> None:
    config = build(CoreSettings(archives=(A, f"{B}/", A)))
    assert list(config["HISTORY"]) == ["archive-1", "archive-2"]
    assert read_archives(config) == [get(A), get(B), get(A), get(B), get(A)]


@pytest.mark.parametrize("network", load_public_networks().values(), ids=load_public_networks())
def test_the_archive_of_its_shard_comes_first_and_three_of_four_times(network: NetworkFacts) -> None:
    config = build(CoreSettings(archives=(A, B, C)), ShardAssignment(1, B), network)
    commands = read_archives(config)
    assert next(iter(config["HISTORY"].values()))["get"] == commands[0] == get(B)
    assert commands.count(get(B)) >= 0.75 * len(commands)
    assert set(commands) == {get(A), get(B), get(C)}


@pytest.mark.parametrize(
    ("archives", "own", "ordinal", "slots"),
    [
        pytest.param([], None, 0, [], id="none"),
        pytest.param([A, B], None, 0, [A, B], id="no shards"),
        pytest.param([A], A, 0, [A], id="its own alone"),
        pytest.param([A, B], B, 0, [B, B, B, A], id="one other"),
        pytest.param([A, B, C], B, 1, [B] * 6 + [C, A], id="others by ordinal"),
        pytest.param([A, B, C, D, E], A, 0, [A] * 9 + [B, C, D], id="three others at most"),
        pytest.param([A, B, C, D, E], A, 3, [A] * 9 + [E, B, C], id="other ones for another replica"),
        pytest.param([B], A, 0, [A, A, A, B], id="an own that is not among them"),
    ],
)
def test_archives_stand_as_often_as_they_are_to_be_drawn(
    archives: list[str], own: str | None, ordinal: int, slots: list[str]
) -> None:
    assert list(list_slots(archives, own, ordinal)) == slots


@pytest.mark.parametrize(
    ("ledger_range", "archived", "expected"),
    [
        pytest.param(None, 6399, (False, 0), id="no range: only the newest state"),
        pytest.param(LedgerRange(1, 1599), 6399, (True, None), id="from the beginning: all of it"),
        pytest.param(LedgerRange(4800), 6399, (False, 1792), id="from where the range begins"),
        pytest.param(LedgerRange(4800), 6463, (False, 1792), id="the number stands while ledgers close"),
        pytest.param(LedgerRange(64, 127), None, (False, 0), id="nothing known of the archives"),
        pytest.param(LedgerRange(6400), 6399, (False, 0), id="a range that has not begun"),
    ],
)
def test_a_new_replica_replays_from_where_its_range_begins(
    ledger_range: LedgerRange | None, archived: int | None, expected: tuple[bool, int | None]
) -> None:
    settings = CoreSettings(archives=(A,), archived_ledger=archived)
    config = build(settings, ShardAssignment(0, A, ledger_range))
    assert (config["CATCHUP_COMPLETE"], config.get("CATCHUP_RECENT")) == expected


def test_what_is_replayed_reaches_back_to_the_range_and_never_much_further() -> None:
    for behind in range(1, 5000):
        recent = compute_catchup_recent(LedgerRange(10_000), 9_999 + behind)
        assert behind + 128 <= recent <= 1.125 * (behind + 128) + 1


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        pytest.param("CATCHUP_RECENT = 1024", "CATCHUP_RECENT", 1024, id="a value is replaced"),
        pytest.param('KNOWN_PEERS = ["a:1"]', "KNOWN_PEERS", ["a:1"], id="a key is added"),
        pytest.param("NODE_IS_VALIDATOR = false", "NODE_IS_VALIDATOR", False, id="what it is anyway may be said"),
        pytest.param("[QUORUM_SET]\nVALIDATORS = []", "QUORUM_SET", {"VALIDATORS": []}, id="a quorum set"),
    ],
)
def test_an_override_goes_over_what_we_write(override: str, key: str, value: Any) -> None:
    assert build(CoreSettings(override=override))[key] == value


def test_tables_are_merged_and_arrays_replaced() -> None:
    own = '[HISTORY.archive-1]\nget = "wget {0} {1}"\n[HISTORY.mine]\nget = "cp {0} {1}"\n'
    config = build(CoreSettings(archives=(A, B), override=own))
    assert {name: archive["get"] for name, archive in config["HISTORY"].items()} == {
        "archive-1": "wget {0} {1}",
        "archive-2": get(B),
        "mine": "cp {0} {1}",
    }


def test_a_quorum_set_of_its_own_replaces_all_of_ours_and_leaves_peers_and_archives() -> None:
    config = build(CoreSettings(override=OWN_QUORUM))
    assert not {"VALIDATORS", "HOME_DOMAINS"} & config.keys()
    assert config["QUORUM_SET"] == {"THRESHOLD_PERCENT": 100, "VALIDATORS": [KEY]}
    assert config["KNOWN_PEERS"] == [one.address for one in TESTNET.validators]
    assert read_archives(config) == [get(archive) for archive in TESTNET.archives]


def test_validators_of_its_own_replace_ours_with_their_peers_and_archives() -> None:
    own = (
        f'[[VALIDATORS]]\nNAME = "mine"\nHOME_DOMAIN = "example.com"\nQUALITY = "MEDIUM"\nPUBLIC_KEY = "{KEY}"\n'
        f'ADDRESS = "core.example.com"\nHISTORY = "curl -sf {A}/{{0}} -o {{1}}"\n'
    )
    config = build(CoreSettings(override=own))
    assert [one["NAME"] for one in config["VALIDATORS"]] == ["mine"]
    assert not {"HOME_DOMAINS", "HISTORY", "KNOWN_PEERS"} & config.keys()


def test_archives_that_an_override_brings_are_not_added_to() -> None:
    own = f'{OWN_QUORUM}[HISTORY.mine]\nget = "cp {{0}} {{1}}"\n'
    assert read_archives(build(CoreSettings(override=own))) == ["cp {0} {1}"]


def test_a_private_network_runs_on_its_passphrase_its_override_and_its_archives() -> None:
    config = build(CoreSettings(archives=(A,), override=OWN_QUORUM), network=PRIVATE)
    assert config["NETWORK_PASSPHRASE"] == PRIVATE.passphrase
    assert read_archives(config) == [get(A)]
    assert "KNOWN_PEERS" not in config


@pytest.mark.parametrize(
    ("override", "message"),
    [
        pytest.param("PUBLIC_HTTP_PORT = true", "PUBLIC_HTTP_PORT cannot be set: .*admin port", id="the admin port"),
        pytest.param("HTTP_PORT = 1", "HTTP_PORT cannot be set", id="command port"),
        pytest.param("HTTP_QUERY_PORT = 0", "HTTP_QUERY_PORT cannot be set", id="query port"),
        pytest.param("PEER_PORT = 1", "PEER_PORT cannot be set", id="peer port"),
        pytest.param('DATABASE = "postgresql://"', "DATABASE cannot be set", id="database"),
        pytest.param('BUCKET_DIR_PATH = "/x"', "BUCKET_DIR_PATH cannot be set", id="buckets"),
        pytest.param('NETWORK_PASSPHRASE = "x"', "NETWORK_PASSPHRASE cannot be set", id="passphrase"),
        pytest.param('NODE_SEED = "S self"', "NODE_SEED cannot be set: .*secret", id="seed"),
        pytest.param("NODE_IS_VALIDATOR = true", "NODE_IS_VALIDATOR can only be false", id="validator"),
        pytest.param("NODE_IS_VALIDATOR = 1", "NODE_IS_VALIDATOR can only be false", id="validator, by number"),
        pytest.param("RUN_STANDALONE = true", "RUN_STANDALONE can only be false", id="standalone"),
        pytest.param("MANUAL_CLOSE = true", "MANUAL_CLOSE can only be false", id="manual close"),
        pytest.param("HTTP_PORT", "is not TOML", id="no TOML"),
        pytest.param("A = " + "[" * 2000, "nested too deeply", id="too deep"),
        pytest.param("A = " + "9" * 5000, "is not TOML", id="an endless number"),
        pytest.param('HISTORY = "x"', "HISTORY has to be tables", id="history of another kind"),
        pytest.param('[HISTORY.x]\nget = "curl"', r"HISTORY\.x\.get has to be a command with", id="no placeholders"),
        pytest.param(
            '[HISTORY.x]\nget = "cp {0} {1}"\nput = "cp {0} {1}"', r"HISTORY\.x\.put cannot be set", id="publishing"
        ),
        pytest.param("[VALIDATORS]", "VALIDATORS has to be tables, one a validator", id="validators of another kind"),
        pytest.param('[[VALIDATORS]]\nHISTORY = "x"', r"VALIDATORS\[0\]\.HISTORY has to be", id="validator's archive"),
        pytest.param("QUORUM_SET = 1", "QUORUM_SET has to be a table", id="quorum set of another kind"),
        pytest.param("HOME_DOMAINS = []", "HOME_DOMAINS needs VALIDATORS", id="domains without validators"),
        pytest.param("[PEER_TIMEOUT]", "", id="a table where Core wants a number is Core's to refuse"),
        pytest.param("[CATCHUP_RECENT]", "CATCHUP_RECENT has to be a value", id="a table over a value of ours"),
    ],
)
def test_an_override_that_would_break_the_pool_is_refused_by_name(override: str, message: str) -> None:
    if not message:
        build(CoreSettings(override=override))
        return
    with pytest.raises(ConfigError, match=rf"^coreConfigOverride: {message}"):
        build(CoreSettings(override=override))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param(CoreSettings(archives=(A,)), "network Custom needs one of them", id="no quorum set"),
        pytest.param(CoreSettings(override=OWN_QUORUM), "historyArchiveUrls: empty", id="no archive"),
    ],
)
def test_a_private_network_has_to_bring_what_nobody_knows(settings: CoreSettings, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(settings, network=PRIVATE)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example.com",
        "https://",
        "https://user:secret@a.example.com",
        "https://a.example.com/x?y",
        "https://a.example.com/#x",
        "https://a.example.com/x y",
        "https://a.example.com/'",
        'https://a.example.com/"',
        "https://a.example.com/$(id)",
        "https://a.example.com/`id`",
        "https://a.example.com/;id",
        "https://a.example.com/&id",
        "https://a.example.com/|id",
        "https://a.example.com/{0}",
        "https://a.example.com/\\",
        "https://a.example.com/\n",
        "https://a.example.com\n",
        "https://ä.example.com",
        "-o https://a.example.com",
        "https://a.example.com/" + "x" * 2048,
    ],
)
def test_an_archive_that_is_no_plain_url_is_refused_by_name(url: str) -> None:
    with pytest.raises(
        ConfigError, match=r"^historyArchiveUrls\[1\]: .* is not allowed; it has to be an http or https"
    ):
        build(CoreSettings(archives=(A, url)))
    with pytest.raises(ConfigError, match=r"^archive of the shard: "):
        build(CoreSettings(archives=(A,)), ShardAssignment(0, url))


@pytest.mark.parametrize("url", [f"{A}:8080/a/b-c_d~e", "http://10.0.0.1/x", "http://[::1]:80/x", "https://a/%20@,+="])
def test_plain_urls_are_let_through(url: str) -> None:
    assert read_archives(build(CoreSettings(archives=(url,))))[0] == get(url)


def test_the_text_says_whose_it_is_and_what_replaces_it() -> None:
    text = build_core_config(CoreSettings(archives=(A,)), 3, ShardAssignment(1, A, LedgerRange(64, 127)), TESTNET)
    assert text.splitlines()[1] == "# Replica 3, shard 1, ledgers 64-127."
    assert "coreConfigOverride" in text.splitlines()[0]
    assert "# Replica 0.\n" in build_core_config(CoreSettings(), 0, None, TESTNET)
