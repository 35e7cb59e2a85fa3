"""What holds of a configuration whatever a pool says: it is TOML, means what was said, and no text leaves its place."""

import re
import shlex
import tomllib
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controller.core_config.core_config import CoreSettings, build_core_config
from controller.core_config.core_config_archives import build_get_command, check_archive_url
from controller.core_config.core_config_override import ConfigError, merge_override, parse_override
from controller.shards.checkpoints import LedgerRange
from controller.shards.shards import ShardAssignment
from readpool.networks import NetworkFacts, ValidatorFacts
from readpool.public_networks import load_public_networks

NETWORKS = st.sampled_from(list(load_public_networks().values()))
HOSTS = st.from_regex(r"https://[a-z0-9.]{1,20}(/[A-Za-z0-9._~%+=@,:/-]{0,20})?", fullmatch=True)
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
TABLES = st.dictionaries(st.sampled_from("abcd") | st.text(max_size=3), VALUES, max_size=4)
RESERVED = {"HTTP_PORT", "PUBLIC_HTTP_PORT", "DATABASE", "NETWORK_PASSPHRASE", "NODE_IS_VALIDATOR"}


@given(st.text(), NETWORKS)
def test_any_passphrase_and_any_validator_s_name_come_out_as_they_went_in(text: str, network: NetworkFacts) -> None:
    named = ValidatorFacts(
        text, network.home_domains[0], network.validators[0].public_key, text, network.validators[0].archive
    )
    config = tomllib.loads(build_core_config(CoreSettings(), 0, None, NetworkFacts(text, (named,))))
    assert config["NETWORK_PASSPHRASE"] == text
    assert config["VALIDATORS"][0]["NAME"] == config["VALIDATORS"][0]["ADDRESS"] == text


@given(st.text() | HOSTS, HOSTS)
def test_an_archive_is_refused_or_stays_one_word_of_its_command(url: str, other: str) -> None:
    try:
        checked = [check_archive_url("historyArchiveUrls[0]", one) for one in (url, other)]
    except ConfigError:
        return
    alone = build_get_command(checked[:1]).format("bucket/x", "local")
    assert (
        alone.split()
        == shlex.split(alone)
        == [
            *("curl", "-sf", "--connect-timeout", "10", "--speed-time", "30"),
            *(f"{checked[0]}/bucket/x", "-o", "local"),
        ]
    )
    shell, option, script = build_get_command(checked).format("bucket/x", "local").split()
    assert (shell, option) == ("sh", "-fc")
    for part, one in zip(script.split("||"), checked, strict=True):
        words = part.split("${IFS}")
        assert shlex.split(" ".join(words)) == words
        assert words[-3:] == [f"{one}/bucket/x", "-o", "local"]


@given(st.text())
def test_any_override_at_all_is_merged_or_refused_with_our_error(override: str) -> None:
    with suppress(ConfigError):
        build_core_config(CoreSettings(override=override), 0, None, load_public_networks()["Testnet"])
    with suppress(ConfigError):
        parse_override(override)


@given(TABLES)
def test_whatever_an_override_says_the_pool_keeps_what_it_stands_on(table: dict[str, Any]) -> None:
    base = tomllib.loads(build_core_config(CoreSettings(), 0, None, load_public_networks()["Testnet"]))
    merged = merge_override(base, table)
    assert {key: merged[key] for key in RESERVED} == {key: base[key] for key in RESERVED}
    assert all(merged[key] == value for key, value in table.items() if not isinstance(value, dict))


@given(TABLES)
def test_merging_the_same_override_twice_is_merging_it_once(table: dict[str, Any]) -> None:
    with suppress(ConfigError):
        once = merge_override({"a": {"b": 1}, "c": 2}, table)
        assert merge_override(once, table) == once


@given(
    st.lists(HOSTS, unique=True, min_size=1, max_size=40),
    st.integers(0, 100),
    st.integers(0, 39),
    NETWORKS,
    st.none() | st.builds(LedgerRange, st.integers(1, 10**8)),
)
def test_the_archive_of_its_shard_is_tried_first_and_another_stands_in(
    urls: list[str], ordinal: int, own: int, network: NetworkFacts, ledger_range: LedgerRange | None
) -> None:
    known = tuple(dict.fromkeys(check_archive_url("url", url) for url in urls))
    assignment = ShardAssignment(0, known[own % len(known)], ledger_range)
    settings = CoreSettings(known, archived_ledger=10**8)
    config = tomllib.loads(build_core_config(settings, ordinal, assignment, network))
    commands = {archive["get"] for archive in config["HISTORY"].values()}
    commands |= {validator["HISTORY"] for validator in config["VALIDATORS"]}
    (command,) = commands
    tried = re.findall(r"(https://[^{}$]+)/\{0\}", command)
    assert tried[0] == assignment.archive_url
    assert len(set(tried)) == len(tried) == min(len(known), 4)
    assert set(tried) <= set(known)
