"""The kernel's filter by address, run here step by step as the kernel's documentation of BPF says."""

import struct
from ipaddress import ip_address

import pytest

from readpool.packet_filter import MOST_ADDRESSES, build_filter

HEADER = 0x100000
BANNED = ("10.0.0.7", "fd00::7", "fd00:ffff:0:0:8::", "192.168.255.1")
MOST_STEPS = 4096


def let_in(program: bytes, source: str) -> bool:
    """Run a program on the header of a packet from this address."""
    address = ip_address(source)
    head = bytes([address.version << 4]) + bytes(11 if address.version == 4 else 7) + address.packed + bytes(40)
    steps = list(struct.iter_unpack("=HBBI", program))
    value, at = 0, 0
    while True:
        code, if_so, if_not, k = steps[at]
        at += 1
        offset = k - (1 << 32) + HEADER
        match code:
            case 0x20:
                value = int.from_bytes(head[offset : offset + 4], "big")
            case 0x30:
                value = head[offset]
            case 0x74:
                value >>= k
            case 0x05:
                at += k
            case 0x15:
                at += if_so if value == k else if_not
            case 0x06:
                return bool(k)
            case _:
                raise AssertionError(f"{code:#x} is no step that was meant")


@pytest.mark.parametrize("source", BANNED)
def test_what_comes_from_a_banned_address_is_dropped(source: str) -> None:
    assert not let_in(build_filter(BANNED), source)
    assert not let_in(build_filter([source]), source)


@pytest.mark.parametrize("source", ["10.0.0.8", "7.0.0.10", "fd00::8", "fd00:0:0:1::7", "fd01::7", "::", "9.9.9.9"])
def test_what_comes_from_another_is_let_in(source: str) -> None:
    assert let_in(build_filter(BANNED), source)
    assert let_in(build_filter([]), source)


def test_there_are_no_more_than_the_kernel_takes_and_what_is_no_address_is_left_out() -> None:
    many = [f"fd00::{number:x}" for number in range(1, 5000)]
    program = build_filter([*many, "unknown", "unix"])
    assert len(program) // 8 <= MOST_STEPS
    dropped = sum(not let_in(program, one) for one in many)
    assert dropped == MOST_ADDRESSES
