"""What may reach Core, byte for byte: plain requests alone, whose length is the one that Core reads. Pure."""

import re

from controller.gate.gate_listeners import MOST_BODY_BYTES

COMMAND, QUERY = "command", "query"
_LINES = {
    COMMAND: re.compile(rb"GET /info HTTP/1\.1"),
    QUERY: re.compile(rb"POST /getledgerentry(raw)? HTTP/1\.1"),
}
_HEADER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\x00-\x08\x0a-\x1f\x7f]*")
_ANY_LENGTH = re.compile(rb"(?i)[\x00-\x20\x7f]*content[^a-z]length[\x00-\x20\x7f]*")
"""Whatever a parser could take for the name: with space around it, and with what CGI makes of the hyphen. A longer
token, such as #Content-Length, is another name."""
_LENGTH = re.compile(rb"[Cc]ontent-[Ll]ength: (\d{1,5})")


def find_faults(port: str, received: bytes) -> list[str]:
    """Find what is wrong with all that came over one connection to a port of Core's."""
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator:
        return ["the head has no end"]
    line, *headers = head.split(b"\r\n")
    faults = [] if _LINES[port].fullmatch(line) else [f"the request line {line[:80]!r}"]
    faults += [f"the header {one[:80]!r}" for one in headers if not _HEADER.fullmatch(one)]
    if any(one.lower().startswith(b"transfer-encoding") for one in headers):
        faults.append("chunks")
    return faults + find_faults_of_length(headers, body, 1 if port == COMMAND else MOST_BODY_BYTES)


def find_faults_of_length(headers: list[bytes], body: bytes, most: int) -> list[str]:
    """Find what is wrong with the length of a body, as it is said and as it is."""
    said = [one for one in headers if _ANY_LENGTH.fullmatch(one.partition(b":")[0])]
    if len(said) > 1:
        return [f"{len(said)} lengths"]
    parsed = _LENGTH.fullmatch(said[0]) if said else None
    if said and parsed is None:
        return [f"the length {said[0][:80]!r}"]
    length = int(parsed[1]) if parsed else 0
    faults = [] if length <= most else [f"a length of {length}"]
    return faults if len(body) == length else [*faults, f"{len(body)} bytes of a body of {length}"]


def find_deadly(received: bytes) -> list[bytes]:
    """Find the lines at which Stellar Core ends: its header of this very name, with what stoi throws at."""
    head = received.partition(b"\r\n\r\n")[0]
    values = [line[16:] for line in head.split(b"\r\n")[1:] if line.startswith(b"Content-Length: ")]
    return [value for value in values[:1] if not _is_int(value)]


def _is_int(value: bytes) -> bool:
    number = re.match(rb"[ \t\v\f\r]*([+-]?\d+)", value)
    return number is not None and -(2**31) <= int(number[1]) < 2**31
