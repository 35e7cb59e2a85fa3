"""The connections of one port of this process, found among its descriptors.

gRPC for Python has no way to list or to end its connections, or to say what has come over them.
"""

import ctypes
import os
import socket
import struct
from collections.abc import Hashable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

from readpool.caller_traffic import Received
from readpool.callers import read_address
from readpool.packet_filter import build_filter

_DESCRIPTORS = Path("/proc/self/fd")
_STEP_BYTES = 8
_ATTACH, _DETACH = 26, 27
"""SO_ATTACH_FILTER and SO_DETACH_FILTER."""
_INFO_BYTES = 256
_RECEIVED = slice(128, 136)
"""Where tcpi_bytes_received is in the kernel's struct tcp_info."""


def can_list() -> bool:
    """Return whether descriptors can be listed here, as on Linux."""
    return _DESCRIPTORS.is_dir()


def list_descriptors() -> list[int]:
    """List all descriptors of this process."""
    return [int(name) for name in os.listdir(_DESCRIPTORS)]  # noqa: PTH208 - paths of thousands take their time


def find_caller(descriptor: int, port: int) -> str | None:
    """Find who is at the other end of a connection to the port; None for any other descriptor."""
    for own in _borrow(descriptor):
        return _read_caller(own, port)
    return None


def read_received(port: int) -> dict[Hashable, Received]:
    """Read how much has come over each connection to the port since it was opened; nothing where that is unknown."""
    received: dict[Hashable, Received] = {}
    for descriptor in list_descriptors():
        for own in _borrow(descriptor):
            peer = _read_peer(own, port)
            if peer is not None and (count := _read_count(own)) is not None:
                received[descriptor, peer] = Received(peer[0], count)
    return received


def shut_down(descriptor: int, caller: str, port: int) -> bool:
    """Shut a connection down, unless the descriptor has come to be another one's meanwhile.

    gRPC takes that as the other side's end.
    """
    try:
        own = socket.socket(fileno=os.dup(descriptor))
    except OSError:
        return False
    with own:
        if _read_caller(own, port) != caller:
            return False
        try:
            own.shutdown(socket.SHUT_RDWR)
        except OSError:
            return False  # it has ended by itself
    return True


def keep_out(port: int, addresses: AbstractSet[str]) -> bool:
    """Make the kernel drop what comes to the port from these addresses to open a connection, and from no others.

    Returns:
        Whether it does; where it cannot, connections have to be ended once they are open.
    """
    steps = build_filter(addresses)
    buffer = ctypes.create_string_buffer(steps, len(steps))
    program = struct.pack("HP", len(steps) // _STEP_BYTES, ctypes.addressof(buffer))
    is_done = False
    for descriptor in list_descriptors():
        for own in _borrow(descriptor):
            if not _listens(own, port):
                continue
            try:
                if addresses:
                    own.setsockopt(socket.SOL_SOCKET, _ATTACH, program)
                else:
                    own.setsockopt(socket.SOL_SOCKET, _DETACH, 0)
            except OSError:
                return False
            is_done = True
    return is_done


def _listens(own: socket.socket, port: int) -> bool:
    if own.family not in {socket.AF_INET, socket.AF_INET6}:
        return False
    try:
        return own.getsockname()[1] == port and bool(own.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except OSError:
        return False


def _borrow(descriptor: int) -> Iterator[socket.socket]:
    """Yield a descriptor as a socket without owning it; nothing if it is not a socket."""
    try:
        own = socket.socket(fileno=descriptor)
    except OSError:
        return
    try:
        yield own
    finally:
        own.detach()


def _read_caller(own: socket.socket, port: int) -> str | None:
    peer = _read_peer(own, port)
    return None if peer is None else peer[0]


def _read_peer(own: socket.socket, port: int) -> tuple[str, int] | None:
    """Read who is at the other end, and the port there."""
    if own.family not in {socket.AF_INET, socket.AF_INET6}:
        return None
    try:
        if own.getsockname()[1] != port:
            return None
        host, far_port = own.getpeername()[:2]
    except OSError:
        return None  # it listens, or has ended
    return read_address(host), far_port


def _read_count(own: socket.socket) -> int | None:
    try:
        count = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)[_RECEIVED]
    except OSError:
        return None
    return int.from_bytes(count, "little") if len(count) == _RECEIVED.stop - _RECEIVED.start else None
