"""The configuration files of real stellar-core nodes in a cluster: a lone validator, watchers that follow it.

Pure text. Accelerated is Core's own ARTIFICIALLY_ACCELERATE_TIME_FOR_TESTING: ledgers of 1 s and checkpoints of 8 of
them, instead of 5 s and 64.
"""

from dataclasses import dataclass

from readpool.simulator.core_config import NodeKey

FOLDER = "/data"
"""Where a node keeps its database, its buckets and, if it is the validator, the archive."""
HISTORY_FOLDER = f"{FOLDER}/history"
PEER_PORT = 11625
COMMAND_PORT = 11626
HISTORY_PORT = 8000
VALIDATOR_KEY = NodeKey(
    seed="SDQVDISRYN2JXBS7ICL7QJAEKB3HWBJFP2QECXG7GZICAHBK4UNJCWK2",
    account="GCTI6HMWRH2QGMFKWVU5M5ZSOTKL7P7JAHZDMJJBKDHGWTEC4CJ7O3DU",
)
"""Public: it stands in stellar-core's own docs/stellar-core_standalone.cfg."""


@dataclass(frozen=True, slots=True)
class Network:
    """A private network, as its members know it.

    Attributes:
        passphrase: its name.
        validator_host: DNS name under which the validator listens for peers and serves its archive.
    """

    passphrase: str
    validator_host: str
    is_accelerated: bool = True


def build_validator_config(passphrase: str, *, is_open: bool, is_accelerated: bool = True) -> str:
    """Build the configuration of a lone validator that writes its archive; unless open its command port stays inside.

    Without an archive stellar-core would not start.
    """
    return (
        _build_shared(passphrase, is_open=is_open, is_accelerated=is_accelerated)
        + f"""\
NODE_IS_VALIDATOR=true
NODE_SEED="{VALIDATOR_KEY.seed} self"
[HISTORY.local]
get="cp {HISTORY_FOLDER}/{{0}} {{1}}"
put="cp {{0}} {HISTORY_FOLDER}/{{1}}"
mkdir="mkdir -p {HISTORY_FOLDER}/{{0}}"
[QUORUM_SET]
THRESHOLD_PERCENT=100
VALIDATORS=["$self"]
"""
    )


def build_watcher_config(network: Network) -> str:
    """Build the configuration of a watcher; it fetches history by HTTP."""
    return (
        _build_shared(network.passphrase, is_open=True, is_accelerated=network.is_accelerated)
        + f"""\
NODE_IS_VALIDATOR=false
CATCHUP_COMPLETE=false
TARGET_PEER_CONNECTIONS=1
PREFERRED_PEERS=["{network.validator_host}:{PEER_PORT}"]
KNOWN_PEERS=["{network.validator_host}:{PEER_PORT}"]
[HISTORY.validator]
get="curl -sf http://{network.validator_host}:{HISTORY_PORT}/{{0}} -o {{1}}"
[QUORUM_SET]
THRESHOLD_PERCENT=100
VALIDATORS=["{VALIDATOR_KEY.account}"]
"""
    )


def _build_shared(passphrase: str, *, is_open: bool, is_accelerated: bool) -> str:
    return f"""\
PEER_PORT={PEER_PORT}
HTTP_PORT={COMMAND_PORT}
HTTP_QUERY_PORT=0
PUBLIC_HTTP_PORT={"true" if is_open else "false"}
RUN_STANDALONE=false
ALLOW_LOCALHOST_FOR_TESTING=true
NETWORK_PASSPHRASE="{passphrase}"
ARTIFICIALLY_ACCELERATE_TIME_FOR_TESTING={"true" if is_accelerated else "false"}
UNSAFE_QUORUM=true
FAILURE_SAFETY=0
DATABASE="sqlite3://{FOLDER}/stellar.db"
BUCKET_DIR_PATH="{FOLDER}/buckets"
LOG_FILE_PATH=""
"""
