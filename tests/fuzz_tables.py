"""What requests that nobody honest sends are made of: methods, paths, lines, headers and framings. Pure."""

from tests.core_commands import CORE_COMMANDS
from tests.http2_frames import write_opening

METHODS = (
    *(b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"DELETE", b"PATCH", b"TRACE", b"CONNECT", b"PRI", b"get"),
    *(b"Post", b"GE\x00T", b"G ET", b"GET\t", b"", b"\xff", b"M-SEARCH", b"SOURCE", b"GET" * 200),
)
PATHS = (
    *(b"/info", b"/getledgerentryraw", b"/getledgerentry", b"/stats/prometheus", b"/ready", b"/metrics"),
    *(*([b"/" + command.encode() for command in CORE_COMMANDS]), b"/config_dump", b"/quitquitquit"),
    *(b"/healthcheck/fail", b"/clusters", b"/stats", b"/logging", b"*", b"", b"/"),
)
BEFORE = (
    *(b"", b"/", b"//", b"/.", b"/x/..", b"/info/..", b"/%2e", b"/%2e%2e", b"\\", b"/..;", b"/;", b"http://a"),
    *(b"https://a", b"http://127.0.0.1:11626", b"//a", b"ws://a", b"file://", b"@", b"a:80", b"/info%2f.."),
    *(b"/%00", b"\t", b"/info?", b"/#"),
)
AFTER = (
    *(b"", b"/", b"?", b"?a=b", b"#", b";", b";a", b"%00", b"%20", b"%0d%0aX:y", b"/.", b"/..", b"//", b"%2f"),
    *(b"\\", b"\x00", b"\t", b"?/info", b"/info", b"%3f", b"%", b"%zz", b"+", b"\xff", b"a" * 9000),
)
VERSIONS = (
    *(b"HTTP/1.1", b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.2", b"HTTP/9.9", b"http/1.1", b"HTTP/1"),
    *(b"", b"HTTP/1.1 x", b"HTTP/1.1\x00", b"RTSP/1.0", b"HTTP/01.1", b"HTTP/1.1\x0b"),
)
ENDS = (*(b"\r\n", b"\n", b"\r", b"\r\r\n", b"\x0b\r\n", b" \r\n", b"\r\n "),)
CODINGS = (
    *(b"chunked", b"Chunked", b"identity", b"gzip, chunked", b"chunked, identity", b"chunked;q=1"),
    *(b'"chunked"', b" chunked", b"x", b"\x0bchunked", b"chunked\x00", b"", b"chunked,", b"chunked, chunked"),
    *(b"xchunked", b"\tchunked "),
)
NAMES = (
    *(b"Transfer-Encoding", b"transfer-encoding", b"Transfer-Encoding ", b"Transfer_Encoding"),
    *(b" Transfer-Encoding", b"TE"),
)
LENGTH_NAMES = (
    *(b"Content-Length", b"content-length", b"Content-Length ", b"Content_Length", b"Content-Length\t"),
    b" Content-Length",
)
ODD_HEADERS = (
    *(b"Host: b", b"Host: 127.0.0.1:11626", b"Host:", b"Host : a", b":path: /stop", b":method: POST"),
    *(b":authority: x", b"X-Original-URL: /stop", b"X-Rewrite-URL: /stop", b"X-Envoy-Original-Path: /stop"),
    *(b"X-HTTP-Method-Override: POST", b"X-Envoy-Retry-On: 5xx", b"X-Envoy-Upstream-Rq-Timeout-Ms: 1"),
    *(b"X-Envoy-Fault-Delay-Request: 60000", b"Expect: 100-continue"),
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
    *(b"Connection: close, host", b"Connection: content-length", b"Upgrade: websocket\r\nConnection: Upgrade"),
    *(b"X: a\x00b", b"X: a\x7fb", b"X\x80: a", b"X Y: a", b": a", b"X", b"X: y\r\n folded"),
    *(b"X: a\rGET /stop HTTP/1.1", b"X: a\nGET /stop HTTP/1.1", b"X: " + b"a" * 9000),
    *(b"\r\n".join(b"X%d: y" % number for number in range(80)), b"Proxy-Connection: keep-alive"),
    b"Trailer: Content-Length",
)
CHUNKS = (
    *(b"8\r\nkey=AAAA\r\n0\r\n\r\n", b"8;a=b\r\nkey=AAAA\r\n0\r\n\r\n", b"8\nkey=AAAA\n0\n\n"),
    *(b"0x8\r\nkey=AAAA\r\n0\r\n\r\n", b"-8\r\nkey=AAAA\r\n0\r\n\r\n", b" 8\r\nkey=AAAA\r\n0\r\n\r\n"),
    *(b"8\r\nkey=AAAA0\r\n\r\n", b"10000000000000008\r\nkey=AAAA\r\n0\r\n\r\n"),
    *(b"8\r\nkey=AAAA\r\n0\r\nContent-Length: x\r\n\r\n", b"8\r\nkey=AAAA\r\n0\r\n:path: /stop\r\n\r\n"),
    b"00000000008\r\nkey=AAAA\r\n0\r\n\r\n",
)
OTHERS = (
    *(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n"),
    *(b"\r\n\r\n\x00\r\nQUIT\n!\x11\x00\x0c", b"SSH-2.0-x\r\n", b"*1\r\n$4\r\nPING\r\n", b"HELO x\r\n"),
    *(bytes(range(256)), write_opening(), b"\r\n" * 50),
)
TOKENS = (
    *(b"\r\n", b"\n", b"\r", b"\x00", b" ", b"\t", b":", b"/", b"..", b"%2e", b"?", b"#", b"stop"),
    *(b"Content-Length: x\r\n", b"0\r\n\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"GET /stop HTTP/1.1\r\nHost: a\r\n\r\n", b"\xff", b"HTTP/1.1", b"Host: a\r\n", b"info"),
)
