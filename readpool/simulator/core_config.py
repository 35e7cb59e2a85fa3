"""The configuration files of a private network of real stellar-core processes on 127.0.0.1. Pure text.

Accelerated is Core's own ARTIFICIALLY_ACCELERATE_TIME_FOR_TESTING: 1 s ledgers and 8-ledger checkpoints.
"""

from dataclasses import dataclass

HISTORY = "history"
"""The archive's folder, next to the nodes' own."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where one node listens: for its peers, and for commands such as `/info`."""

    peer: int
    http: int


@dataclass(frozen=True, slots=True)
class NodeKey:
    """A validator's seed and the account that others know it by."""

    seed: str
    account: str


def build_validator_config(passphrase: str, ports: Ports, key: NodeKey, *, is_accelerated: bool) -> str:
    """Build the configuration of the one validator, which also writes the archive."""
    return (
        _build_shared(passphrase, ports, is_accelerated=is_accelerated)
        + f"""
NODE_IS_VALIDATOR=true
NODE_SEED="{key.seed} self"
[HISTORY.local]
get="cp ../{HISTORY}/{{0}} {{1}}"
put="cp {{0}} ../{HISTORY}/{{1}}"
mkdir="mkdir -p ../{HISTORY}/{{0}}"
[QUORUM_SET]
THRESHOLD_PERCENT=100
VALIDATORS=["$self"]
"""
    )


def build_watcher_config(
    passphrase: str, ports: Ports, validator: Ports, account: str, *, is_accelerated: bool, replays_all: bool = False
) -> str:
    """Build the configuration of a watcher that follows the validator with the key `account`."""
    return (
        _build_shared(passphrase, ports, is_accelerated=is_accelerated)
        + f"""
NODE_IS_VALIDATOR=false
CATCHUP_COMPLETE={_toml(replays_all)}
TARGET_PEER_CONNECTIONS=1
PREFERRED_PEERS=["127.0.0.1:{validator.peer}"]
KNOWN_PEERS=["127.0.0.1:{validator.peer}"]
[HISTORY.local]
get="cp ../{HISTORY}/{{0}} {{1}}"
[QUORUM_SET]
THRESHOLD_PERCENT=100
VALIDATORS=["{account}"]
"""
    )


def _build_shared(passphrase: str, ports: Ports, *, is_accelerated: bool) -> str:
    return f"""\
PEER_PORT={ports.peer}
HTTP_PORT={ports.http}
HTTP_QUERY_PORT=0
PUBLIC_HTTP_PORT=false
RUN_STANDALONE=false
ALLOW_LOCALHOST_FOR_TESTING=true
NETWORK_PASSPHRASE="{passphrase}"
ARTIFICIALLY_ACCELERATE_TIME_FOR_TESTING={_toml(is_accelerated)}
UNSAFE_QUORUM=true
FAILURE_SAFETY=0
DATABASE="sqlite3://stellar.db"
BUCKET_DIR_PATH="buckets"
LOG_FILE_PATH=""
"""


def _toml(value: bool) -> str:
    return "true" if value else "false"
