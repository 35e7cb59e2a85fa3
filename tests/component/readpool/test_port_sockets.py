"""What is known of the connections to a port, and who is kept out by the kernel: real sockets of both families."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from readpool.port_sockets import can_list, keep_out, read_received

pytestmark = pytest.mark.skipif(not can_list(), reason="no /proc/self/fd here: nothing can be listed")
BANNED, OTHER = "127.0.0.5", "127.0.0.6"
SECONDS = 0.5


@contextmanager
def listen(*, both: bool) -> Iterator[int]:
    """Listen on loopback, on both families where it is so asked, as the programs do."""
    if both and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has IPv4 only")
    family = socket.AF_INET6 if both else socket.AF_INET
    place = ("::" if both else "127.0.0.1", 0)
    with closing(socket.create_server(place, family=family, dualstack_ipv6=both)) as listener:
        yield listener.getsockname()[1]


def is_let_in(port: int, source: str) -> bool:
    host = "::1" if ":" in source else "127.0.0.1"
    try:
        with closing(socket.create_connection((host, port), SECONDS, (source, 0))):
            return True
    except TimeoutError:
        return False


@pytest.mark.parametrize("both", [False, True], ids=["IPv4", "both families"])
def test_who_is_banned_is_kept_out_and_let_in_again_and_others_are_let_in(both: bool) -> None:
    with listen(both=both) as port, listen(both=both) as another:
        assert keep_out(port, {BANNED, "unknown"})
        assert [is_let_in(port, one) for one in (BANNED, OTHER)] == [False, True]
        assert is_let_in(another, BANNED)
        assert keep_out(port, frozenset())
        assert is_let_in(port, BANNED)


def test_an_address_of_the_other_family_is_kept_out_too() -> None:
    with listen(both=True) as port:
        assert is_let_in(port, "::1")
        assert keep_out(port, {"::1"})
        assert [is_let_in(port, one) for one in ("::1", BANNED)] == [False, True]


def test_a_port_that_nobody_listens_on_keeps_no_one_out() -> None:
    with listen(both=False) as port:
        pass
    assert not keep_out(port, {BANNED})


def test_what_has_come_over_each_connection_is_read() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
        with closing(socket.create_connection(("127.0.0.1", port), 5, (BANNED, 0))) as connection:
            accepted, _ = listener.accept()
            with closing(accepted):
                connection.sendall(b"x" * 1000)
                assert len(accepted.recv(1000, socket.MSG_WAITALL)) == 1000
                assert [tuple(one) for one in read_received(port).values()] == [(BANNED, 1000)]
    assert read_received(port) == {}
