"""What coreConfigOverride may say over a configuration: merged where it may, refused by name where it may not."""

from typing import Any

import pytest

from controller.core_config.core_config import CoreSettings
from controller.core_config.core_config_archives import build_get_command
from controller.core_config.core_config_override import ConfigError, parse_override
from tests.unit.core_configs import KEY, OWN_QUORUM, PRIVATE, TESTNET, A, B, build, get, read_archives


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
        "archive-2": build_get_command([B, A]),
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
        pytest.param("NODE_IS_VALIDATOR = true", "NODE_IS_VALIDATOR must be false", id="validator"),
        pytest.param("NODE_IS_VALIDATOR = 1", "NODE_IS_VALIDATOR must be false", id="validator, by number"),
        pytest.param("RUN_STANDALONE = true", "RUN_STANDALONE must be false", id="standalone"),
        pytest.param("MANUAL_CLOSE = true", "MANUAL_CLOSE must be false", id="manual close"),
        pytest.param("HTTP_PORT", "invalid TOML", id="no TOML"),
        pytest.param("A = " + "[" * 2000, "nested too deeply", id="too deep"),
        pytest.param("A = " + "9" * 5000, "invalid TOML", id="an endless number"),
        pytest.param('HISTORY = "x"', "HISTORY must be one table", id="history of another kind"),
        pytest.param('[HISTORY.x]\nget = "curl"', r"HISTORY\.x\.get must be a command with", id="no placeholders"),
        pytest.param(
            '[HISTORY.x]\nget = "cp {0} {1}"\nput = "cp {0} {1}"', r"HISTORY\.x\.put cannot be set", id="publishing"
        ),
        pytest.param(
            "[VALIDATORS]", "VALIDATORS must be one table for each validator", id="validators of another kind"
        ),
        pytest.param('[[VALIDATORS]]\nHISTORY = "x"', r"VALIDATORS\[0\]\.HISTORY must be", id="validator's archive"),
        pytest.param("QUORUM_SET = 1", "QUORUM_SET must be a table", id="quorum set of another kind"),
        pytest.param("HOME_DOMAINS = []", "HOME_DOMAINS requires VALIDATORS", id="domains without validators"),
        pytest.param("[PEER_TIMEOUT]", "", id="a table where Core wants a number is Core's to refuse"),
        pytest.param("[CATCHUP_RECENT]", "CATCHUP_RECENT must be a value", id="a table over a value of ours"),
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
        pytest.param(CoreSettings(archives=(A,)), "is required for network: Custom", id="no quorum set"),
        pytest.param(CoreSettings(override=OWN_QUORUM), "historyArchiveUrls: required", id="no archive"),
    ],
)
def test_a_private_network_has_to_bring_what_nobody_knows(settings: CoreSettings, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(settings, network=PRIVATE)


WATCHER = """LOG_FILE_PATH="/var/log/stellar/stellar-core.log"
DATABASE="postgresql://dbname=stellar"
HTTP_PORT=11626
NODE_IS_VALIDATOR=true
HOME_DOMAINS=[]
[HISTORY.a]
get="curl x"
put="cp {0} {1}"
"""


def test_all_that_is_refused_of_a_file_that_somebody_has_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        parse_override(WATCHER)
    told = str(refused.value)
    assert told.startswith("coreConfigOverride: HTTP_PORT cannot be set")
    for part in (
        "DATABASE cannot be set",
        "NODE_IS_VALIDATOR must be false",
        'LOG_FILE_PATH must be "" or a path in /var/lib/stellar: the rest of the container is read-only',
        "HISTORY.a.put cannot be set",
        "HISTORY.a.get must be a command",
        "HOME_DOMAINS requires VALIDATORS",
    ):
        assert part in told


@pytest.mark.parametrize("key", ["LOG_FILE_PATH", "METADATA_OUTPUT_STREAM"])
@pytest.mark.parametrize(
    ("path", "is_bearable"),
    [
        ('""', True),
        ('"core.log"', True),
        ('"/var/lib/stellar/core.log"', True),
        ('"/var/log/core.log"', False),
        ('"../core.log"', False),
        ('"/var/lib/stellar/../core.log"', False),
        ('"/var/lib/stellar-core.log"', False),
        ("7", False),
    ],
)
def test_a_file_that_a_pod_cannot_write_is_refused(key: str, path: str, is_bearable: bool) -> None:
    if is_bearable:
        assert key in parse_override(f"{key} = {path}")
        return
    with pytest.raises(ConfigError, match=f"^coreConfigOverride: {key} must be"):
        parse_override(f"{key} = {path}")
