"""The commands that need neither a configuration nor a data folder: version, gen-seed, sec-to-pub and convert-id."""

import getpass
import sys

from readpool.simulator.core import BUILD, PROTOCOL
from readpool.simulator.core.command_line import Arguments


def version(_arguments: Arguments) -> int:
    """Print the build, and the protocol that it speaks."""
    print(f"{BUILD}\nledger protocol version: {PROTOCOL}")
    return 0


def gen_seed(_arguments: Arguments) -> int:
    """Print a seed and its account."""
    from readpool.simulator.core.identity import random_seed  # noqa: PLC0415  # `version` has to start fast
    from readpool.simulator.core.keys import account_of  # noqa: PLC0415

    seed = random_seed()
    print(f"Secret seed: {seed}\nPublic: {account_of(seed)}")
    return 0


def sec_to_pub(_arguments: Arguments) -> int:
    """Print the account of the seed that standard input gives."""
    from readpool.simulator.core.keys import account_of  # noqa: PLC0415

    seed = getpass.getpass("Secret key seed: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
    try:
        print(account_of(seed))
    except ValueError:
        print("invalid seed", file=sys.stderr)
        return 1
    return 0


def convert_id(arguments: Arguments) -> int:
    """Print a public key in both of its forms."""
    from readpool.simulator.core.keys import decode_account, encode_account  # noqa: PLC0415

    given = arguments.positional[0]
    try:
        key = bytes.fromhex(given) if len(given) == 64 else decode_account(given)  # noqa: PLR2004  # digits of 32 bytes
    except ValueError:
        print(f"Unknown identifier {given}", file=sys.stderr)
        return 1
    print(f"PublicKey:\n  strKey: {encode_account(key)}\n  hex: {key.hex()}")
    return 0
