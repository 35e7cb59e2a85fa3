"""What a pool's coreConfigOverride says of a private network of one validator, which nobody else knows."""

_OVERRIDE = """\
ALLOW_LOCALHOST_FOR_TESTING = true
ARTIFICIALLY_ACCELERATE_TIME_FOR_TESTING = {accelerated}
UNSAFE_QUORUM = true
FAILURE_SAFETY = 0
TARGET_PEER_CONNECTIONS = 1
PREFERRED_PEERS = ["{peer}"]
[QUORUM_SET]
THRESHOLD_PERCENT = 100
VALIDATORS = ["{account}"]
"""


def build_private_override(peer: str, account: str, *, is_accelerated: bool = True) -> str:
    """Build the TOML for a validator that listens at `peer`, HOST:PORT, under this account."""
    return _OVERRIDE.format(peer=peer, account=account, accelerated=str(is_accelerated).lower())
