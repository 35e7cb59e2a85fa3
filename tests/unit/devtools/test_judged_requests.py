"""What is judged to have reached Core as it should, and what not; and which lines end Stellar Core."""

import pytest

from tests.deadly_lengths import LENGTHS, write_deadly, write_deadly_forms, write_deadly_streams
from tests.fuzzed_requests import Fuzzer
from tests.http2_frames import DATA, HEADERS, read_frames, write_frame, write_opening, write_request
from tests.judged_requests import COMMAND, QUERY, find_deadly, find_faults

INFO = b"GET /info HTTP/1.1\r\nhost: a\r\n\r\n"
READ = b"POST /getledgerentryraw HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nkey=AAAA"


@pytest.mark.parametrize(("port", "raw"), [(COMMAND, INFO), (QUERY, READ), (QUERY, READ.replace(b"raw", b""))])
def test_plain_requests_have_no_faults(port: str, raw: bytes) -> None:
    assert find_faults(port, raw) == []


@pytest.mark.parametrize(
    ("port", "raw", "fault"),
    [
        pytest.param(COMMAND, INFO.replace(b"/info", b"/stop"), "the request line", id="another path"),
        pytest.param(COMMAND, INFO.replace(b"/info", b"/info?a"), "the request line", id="a query string"),
        pytest.param(QUERY, INFO, "the request line", id="at the wrong port"),
        pytest.param(COMMAND, INFO[:-2], "the head has no end", id="half a head"),
        pytest.param(COMMAND, INFO + INFO, "31 bytes of a body of 0", id="a second request"),
        pytest.param(QUERY, READ + b"x", "9 bytes of a body of 8", id="a body too long"),
        pytest.param(QUERY, READ.replace(b"8\r", b"8x\r"), "the length", id="no number"),
        pytest.param(QUERY, READ.replace(b"8\r", b"8\r\nContent-Length: 8\r"), "2 lengths", id="two"),
        pytest.param(QUERY, READ.replace(b"Content-L", b"Transfer-Encoding: x\r\nContent-L"), "chunks", id="chunks"),
        pytest.param(QUERY, READ.replace(b"Host: a", b"Host: a\rb"), "the header", id="half a line's end"),
        pytest.param(QUERY, READ.replace(b"Host: a", b" folded"), "the header", id="a folded header"),
        pytest.param(QUERY, READ.replace(b"8\r", b"70000\r"), "a length of 70000", id="too long"),
    ],
)
def test_anything_else_has(port: str, raw: bytes, fault: str) -> None:
    assert any(one.startswith(fault) for one in find_faults(port, raw)), find_faults(port, raw)


def test_a_name_that_only_has_it_in_it_is_no_length() -> None:
    assert find_faults(QUERY, READ.replace(b"Host: a", b"Xcontent-Length: x")) == []
    assert find_faults(QUERY, READ.replace(b"Host: a", b"#Content-Length: 8")) == []
    assert find_faults(QUERY, READ.replace(b"Host: a", b"content_length: x")) == ["2 lengths"]


def test_each_deadly_length_is_known_and_others_are_not() -> None:
    assert all(find_deadly(write_deadly(length)) for length in LENGTHS)
    for harmless in (b"8", b"-1", b"8x", b" 8", b"+8", b"2147483647", b"-2147483648", b"0"):
        assert find_deadly(write_deadly(harmless)) == []
    assert find_deadly(write_deadly(b"x").replace(b"Content-Length", b"content-length")) == []


def test_the_forms_hold_the_length_that_is_to_be_smuggled() -> None:
    for form in (*write_deadly_forms(b"2147483648"), *write_deadly_streams(b"2147483648")):
        assert b"2147483648" in form


def test_frames_are_read_as_they_are_written() -> None:
    written = write_request(1, [(b":method", b"GET"), (b"x" * 300, b"y")], b"body")
    headers, data = read_frames(written)
    assert (headers.kind, headers.stream, data.kind, data.payload) == (HEADERS, 1, DATA, b"body")
    assert list(read_frames(written[:-1])) == [headers]
    assert b"\x00\x7f\xad\x01" + b"x" * 300 in headers.payload  # 300 = 127 + 45 + 1 * 128
    assert write_opening().startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x06\x04")
    assert write_frame(DATA, b"a", stream=3) == b"\x00\x00\x01\x00\x00\x00\x00\x00\x03a"


def test_a_seed_makes_the_same_requests_again_and_another_seed_others() -> None:
    assert list(Fuzzer(1).requests(200)) == list(Fuzzer(1).requests(200))
    assert list(Fuzzer(1).streams(50)) == list(Fuzzer(1).streams(50))
    assert list(Fuzzer(1).requests(200)) != list(Fuzzer(2).requests(200))
