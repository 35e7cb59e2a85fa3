"""Configurations of replicas as their tests build and read them."""

import re
import tomllib
from typing import Any

from controller.core_config.core_config import CoreSettings, build_core_config
from controller.shards.shards import ShardAssignment
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
    """Build a configuration and read it back."""
    return tomllib.loads(build_core_config(settings or CoreSettings(), ordinal, assignment, network))


def get(url: str) -> str:
    """Return the command that reads one archive alone."""
    return f"curl -sf --connect-timeout 10 --speed-time 30 {url}/{{0}} -o {{1}}"


def read_archives(config: dict[str, Any]) -> list[str]:
    """List the commands that Core draws from."""
    tables = [archive["get"] for archive in config.get("HISTORY", {}).values()]
    return tables + [one["HISTORY"] for one in config.get("VALIDATORS", []) if "HISTORY" in one]


def read_urls(config: dict[str, Any]) -> list[list[str]]:
    """List the archives that each of these commands turns to, in order."""
    return [re.findall(r"(https?://[^/]+)/\{0\}", command) for command in read_archives(config)]
