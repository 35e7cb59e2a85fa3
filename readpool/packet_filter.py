"""A filter of the kernel's for a listening socket: who is banned gets no connection at all, at no cost to this process.

In the kernel's classic BPF, which takes no right. What comes is dropped by the address that it comes from.
"""

import struct
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

MOST_ADDRESSES = 256
"""The first of them; a program of the kernel's has 4,096 steps."""
_LOAD_WORD, _LOAD_BYTE, _SHIFT_RIGHT = 0x20, 0x30, 0x74
_JUMP, _JUMP_IF_EQUAL, _RETURN = 0x05, 0x15, 0x06
_HEADER = -0x100000
"""From here on offsets count from the start of the IP header (SKF_NET_OFF)."""
_SOURCE_4, _SOURCE_6 = 12, 8
_ALL, _NOTHING = 0xFFFFFFFF, 0
_WORD = 4
_VERSION_BITS = 4
_Step = tuple[int, int, int, int]


def build_filter(addresses: Iterable[str]) -> bytes:
    """Build the program that drops what comes from these addresses, and lets in all else."""
    known = [ip_address(one) for one in sorted(addresses) if _is_address(one)][:MOST_ADDRESSES]
    of_four = [step for one in known if isinstance(one, IPv4Address) for step in _drop_four(one)]
    of_six = [step for one in known if isinstance(one, IPv6Address) for step in _drop_six(one)]
    four: list[_Step] = [(_LOAD_WORD, 0, 0, _HEADER + _SOURCE_4), *of_four, (_RETURN, 0, 0, _ALL)]
    six: list[_Step] = [*of_six, (_RETURN, 0, 0, _ALL)]
    head: list[_Step] = [
        (_LOAD_BYTE, 0, 0, _HEADER),
        (_SHIFT_RIGHT, 0, 0, _VERSION_BITS),
        (_JUMP_IF_EQUAL, 1, 0, 4),
        (_JUMP, 0, 0, len(four)),
    ]
    steps = [*head, *four, *six]
    return b"".join(struct.pack("=HBBI", code, if_so, if_not, k & _ALL) for code, if_so, if_not, k in steps)


def _drop_four(address: IPv4Address) -> list[_Step]:
    return [(_JUMP_IF_EQUAL, 0, 1, int(address)), (_RETURN, 0, 0, _NOTHING)]


def _drop_six(address: IPv6Address) -> list[_Step]:
    """Compare word by word; the first that differs goes on with what is after this address."""
    words = struct.unpack("!4I", address.packed)
    steps: list[_Step] = []
    for index, word in enumerate(words):
        left = 2 * (len(words) - index - 1) + 1
        steps += [(_LOAD_WORD, 0, 0, _HEADER + _SOURCE_6 + _WORD * index), (_JUMP_IF_EQUAL, 0, left, word)]
    return [*steps, (_RETURN, 0, 0, _NOTHING)]


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
