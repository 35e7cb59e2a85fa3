"""The archives that a replica reads: which, in what order, by what command, and what no archive can be."""

import os
import subprocess
from pathlib import Path

import pytest

from controller.core_config.core_config import CoreSettings
from controller.core_config.core_config_archives import build_get_command, order_archives
from controller.core_config.core_config_override import ConfigError
from controller.shards.shards import ShardAssignment
from readpool.networks import NetworkFacts
from readpool.public_networks import load_public_networks
from tests.unit.core_configs import TESTNET, A, B, C, D, E, build, get, read_archives, read_urls


def test_without_archives_of_its_own_a_pool_reads_those_of_the_network() -> None:
    config = build()
    assert "HISTORY" not in config
    assert read_archives(config) == [get(archive) for archive in TESTNET.archives]


def test_archives_of_its_own_are_read_in_turn_and_nothing_else() -> None:
    config = build(CoreSettings(archives=(A, f"{B}/", A)))
    assert list(config["HISTORY"]) == ["archive-1", "archive-2"]
    assert read_urls(config) == [[A, B], [B, A], [A, B], [B, A], [A, B]]
    assert read_archives(build(CoreSettings(archives=(A,)))) == [get(A)] * 4


@pytest.mark.parametrize("network", load_public_networks().values(), ids=load_public_networks())
def test_the_archive_of_its_shard_is_always_tried_first(network: NetworkFacts) -> None:
    config = build(CoreSettings(archives=(A, B, C)), ShardAssignment(1, B), network)
    assert list(config["HISTORY"]) == ["shard"]
    assert read_urls(config) == [[B, A, C]] * (1 + len(network.validators))


@pytest.mark.parametrize(
    ("archives", "own", "ordinal", "order"),
    [
        pytest.param([], None, 0, [], id="none"),
        pytest.param([A, B], None, 0, [[A, B], [B, A]], id="no shards"),
        pytest.param([A], A, 0, [[A]], id="its own alone"),
        pytest.param([A, B], B, 0, [[B, A]], id="one other"),
        pytest.param([A, B, C], B, 1, [[B, C, A]], id="others by ordinal"),
        pytest.param([A, B, C, D, E], A, 0, [[A, B, C, D]], id="three others at most"),
        pytest.param([A, B, C, D, E], A, 3, [[A, E, B, C]], id="other ones for another replica"),
        pytest.param([B], A, 0, [[A, B]], id="an own that is not among them"),
    ],
)
def test_archives_are_tried_in_order(
    archives: list[str], own: str | None, ordinal: int, order: list[list[str]]
) -> None:
    assert [list(chain) for chain in order_archives(archives, own, ordinal)] == order


@pytest.mark.parametrize(
    ("failing", "asked"),
    [
        pytest.param("none", [A], id="the first has it"),
        pytest.param("a.example", [A, B], id="the second stands in"),
        pytest.param("example", [A, B, C], id="all fail"),
    ],
)
def test_a_shell_asks_one_archive_after_the_other_until_one_has_the_file(
    tmp_path: Path, failing: str, asked: list[str]
) -> None:
    log = tmp_path / "log"
    curl = tmp_path / "curl"
    curl.write_text(f'#!/bin/sh\necho "$*" >>{log}\ncase "$*" in *{failing}*) exit 22 ;; esac\n')
    curl.chmod(0o755)
    command = build_get_command([A, B, C]).format("bucket/b.xdr.gz", "tmp/b.xdr.gz")
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(command.split(), env=path, cwd=tmp_path, timeout=30, check=False)
    patience = "-sf --connect-timeout 10 --speed-time 30"
    expected = [f"{patience} {url}/bucket/b.xdr.gz -o tmp/b.xdr.gz" for url in asked]
    assert log.read_text().splitlines() == expected
    assert done.returncode == (22 if failing == "example" else 0)


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
    with pytest.raises(ConfigError, match=r"^historyArchiveUrls\[1\]: .* is invalid; it must be an http or https"):
        build(CoreSettings(archives=(A, url)))
    with pytest.raises(ConfigError, match=r"^archive of the shard: "):
        build(CoreSettings(archives=(A,)), ShardAssignment(0, url))


@pytest.mark.parametrize("url", [f"{A}:8080/a/b-c_d~e", "http://10.0.0.1/x", "http://[::1]:80/x", "https://a/%20@,+="])
def test_plain_urls_are_let_through(url: str) -> None:
    assert read_archives(build(CoreSettings(archives=(url,))))[0] == get(url)
