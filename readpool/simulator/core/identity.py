"""The identity of a node that its configuration gives none: drawn again at each start."""

import os

from readpool.simulator.core.keys import encode_seed


def random_seed() -> str:
    """Draw a seed, S…."""
    return encode_seed(os.urandom(32))
