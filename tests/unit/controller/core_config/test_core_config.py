"""A replica's configuration by what the pool says: ports, volume, quorum set, version, catch-up."""

import pytest

from controller.core_config.core_config import CorePorts, CoreSettings, build_core_config, compute_catchup_recent
from controller.core_config.core_config_version import parse_major
from controller.shards.checkpoints import LedgerRange
from controller.shards.shards import ShardAssignment
from tests.unit.core_configs import TESTNET, A, build


def test_a_replica_watches_its_network_and_keeps_its_ledgers_on_its_volume() -> None:
    config = build()
    assert config["NETWORK_PASSPHRASE"] == TESTNET.passphrase
    assert config["NODE_IS_VALIDATOR"] is False
    assert "NODE_SEED" not in config
    assert config["DATABASE"] == "sqlite3:///var/lib/stellar/stellar.db"
    assert config["BUCKET_DIR_PATH"] == "/var/lib/stellar/buckets"
    assert config["LOG_FILE_PATH"] == ""
    assert (config["PEER_PORT"], config["HTTP_PORT"], config["HTTP_QUERY_PORT"]) == (11625, 11626, 11630)


def test_a_replica_keeps_no_records_for_debugging_unless_its_pool_asks_for_them() -> None:
    assert build()["METADATA_DEBUG_LEDGERS"] == 0
    assert build(CoreSettings(override="METADATA_DEBUG_LEDGERS = 100"))["METADATA_DEBUG_LEDGERS"] == 100


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


def test_the_text_says_whose_it_is_and_what_replaces_it() -> None:
    text = build_core_config(CoreSettings(archives=(A,)), 3, ShardAssignment(1, A, LedgerRange(64, 127)), TESTNET)
    assert text.splitlines()[1] == "# Replica 3, shard 1, ledgers 64-127."
    assert "coreConfigOverride" in text.splitlines()[0]
    assert "# Replica 0.\n" in build_core_config(CoreSettings(), 0, None, TESTNET)
