"""The configurations that we write, read by a real stellar-core.

Only by commands that open no connection; test_core_config_syncs.py has replicas that run, on a private network.
"""

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from controller.core_config.core_config import CoreSettings, build_core_config
from controller.shards.checkpoints import LedgerRange
from controller.shards.shards import ShardAssignment
from devtools.core.core_under_test import require_core
from readpool.networks import NetworkFacts
from readpool.public_networks import load_public_networks

ARCHIVES = ("https://a.example.com/core", "http://b.example.com:8080")
HOSTILE = 'He said "it\'s" {0} \\ $(id) # ünïcode 🚀 ;'

pytestmark = pytest.mark.timeout(300)


def run_core(folder: Path, config: str, command: str) -> tuple[str, str]:
    """Run a command of stellar-core with this configuration; return its output and its log."""
    (folder / "node.cfg").write_text(config, encoding="utf-8")
    arguments = [str(require_core()), "--conf", "node.cfg", command]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr or done.stdout}\n{config}"
    return done.stdout, done.stderr + done.stdout


def read_network(folder: Path, config: str) -> tuple[str, str]:
    """Prepare a database and ask for what Core knows offline; return the passphrase that it goes by, and its log."""
    run_core(folder, config, "new-db")
    run_core(folder, config, "upgrade-db")
    output, log = run_core(folder, config, "offline-info")
    return json.loads(output[output.index("{\n") :])["info"]["network"], log


@pytest.mark.parametrize("name", ["Mainnet", "Testnet", "Futurenet"])
@pytest.mark.parametrize(
    ("settings", "assignment"),
    [
        pytest.param(CoreSettings(), None, id="as it is"),
        pytest.param(CoreSettings(has_gate=False, archives=ARCHIVES), None, id="no gate, own archives"),
        pytest.param(
            CoreSettings(archives=ARCHIVES, archived_ledger=9999),
            ShardAssignment(1, ARCHIVES[1], LedgerRange(4800)),
            id="a shard with a range",
        ),
        pytest.param(CoreSettings(version="v21.0.0"), None, id="for a core of old"),
    ],
)
def test_core_reads_the_configuration_of_each_public_network(
    tmp_path: Path, name: str, settings: CoreSettings, assignment: ShardAssignment | None
) -> None:
    facts = load_public_networks()[name]
    there = replace(settings, data_folder=str(tmp_path))
    network, log = read_network(tmp_path, build_core_config(there, 0, assignment, facts))
    assert network == facts.passphrase
    generated = re.search(r"Generated QUORUM_SET: (.*?)\n\n", log, re.DOTALL)
    assert generated
    assert set(re.findall(r'"([^"\n]*)"', generated[1])) - {"t", "v"} == {one.name for one in facts.validators}


def test_core_reads_any_passphrase_as_it_was_meant(tmp_path: Path) -> None:
    keys = ", ".join(json.dumps(one.public_key) for one in load_public_networks()["Testnet"].validators)
    override = f"UNSAFE_QUORUM = true\n[QUORUM_SET]\nTHRESHOLD_PERCENT = 66\nVALIDATORS = [{keys}]\n"
    settings = CoreSettings(ARCHIVES, override, data_folder=str(tmp_path))
    network, _ = read_network(tmp_path, build_core_config(settings, 0, None, NetworkFacts(HOSTILE)))
    assert network == HOSTILE
