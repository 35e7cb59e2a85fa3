"""What a pool's coreConfigOverride says of a private network of one validator, which nobody else knows."""

_OVERRIDE = """\
ALLOW_LOCALHOST_FOR_TESTING = true
ARTIFICIALLY_ACCELERATE_TIME_FOR_TESTING = {accelerated}
UNSAFE_QUORUM = true
FAILURE_SAFETY = 0
{peers}
[QUORUM_SET]
THRESHOLD_PERCENT = 100
VALIDATORS = ["{account}"]
"""
_ALONE = """\
TARGET_PEER_CONNECTIONS = 1
PREFERRED_PEERS = ["{peer}"]"""
_WITH_NEIGHBOURS = 'KNOWN_PEERS = ["{peer}"]'


def build_private_override(
    peer: str, account: str, *, is_accelerated: bool = True, has_neighbours: bool = False
) -> str:
    """Build the TOML for a validator that listens at `peer`, HOST:PORT, under this account.

    A replica connects to the validator alone, or to its neighbours in the pool as well.
    """
    peers = (_WITH_NEIGHBOURS if has_neighbours else _ALONE).format(peer=peer)
    return _OVERRIDE.format(peers=peers, account=account, accelerated=str(is_accelerated).lower())
