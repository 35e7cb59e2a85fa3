import errno
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.polling.fetch import HttpQuestion, _explain_os_error, build_failure, build_question
from scaler.polling.http_exchange import ExchangeError


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "ConnectionRefused"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "ConnectionReset"),
        (BrokenPipeError(errno.EPIPE, "broken"), "ConnectionReset"),
        (OSError(errno.EHOSTUNREACH, "no route"), "NoRoute"),
        (OSError(errno.ENETUNREACH, "no network"), "NoRoute"),
        (PermissionError(errno.EPERM, "not permitted"), "NoRoute"),
        (ssl.SSLError(1, "bad"), "TlsFailed"),
        (OSError("anything"), "ConnectionFailed"),
    ],
)
def test_each_error_of_the_system_has_its_reason(error: OSError, reason: str) -> None:
    explained = _explain_os_error(error)
    assert isinstance(explained, ExchangeError)
    assert explained.reason == reason


@pytest.mark.parametrize(
    ("url", "host", "port", "is_tls"),
    [
        ("http://10.0.0.1:11626/info", "10.0.0.1", 11626, False),
        ("http://10.0.0.1", "10.0.0.1", 80, False),
        ("https://core.example/info?a=b", "core.example", 443, True),
        ("http://[fd00::1]:11626/info", "fd00::1", 11626, False),
    ],
)
def test_a_url_is_taken_apart(url: str, host: str, port: int, *, is_tls: bool) -> None:
    question = build_question("GET", url, None, {})
    assert (question.host, question.port, question.is_tls) == (host, port, is_tls)


def test_a_question_with_a_body_says_its_length() -> None:
    question = build_question("POST", "http://10.0.0.1/", b"{}", {"Content-Type": "application/json"})
    assert question.payload.endswith(b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://10.0.0.1/info",
        "file:///etc/passwd",
        "10.0.0.1:11626",
        "http://",
        "http://user:password@10.0.0.1/",
        "http://10.0.0.1:0/",
        "http://10.0.0.1:99999/",
        "http://10.0.0.1:port/",
        "http://[fd00::1/",
        "http://10.0.0.1/\r\nX-Smuggled: 1",
        "http://10.0.0.1/\tinfo",
        "http://10.0.0.1/a b",
        "http://bücher.example/",
    ],
)
def test_a_url_that_cannot_be_asked_is_refused(url: str) -> None:
    with pytest.raises(ExchangeError) as caught:
        build_question("GET", url, None, {})
    assert caught.value.reason == "BadAddress"


@given(st.text())
def test_any_url_is_taken_apart_or_refused_and_smuggles_nothing(text: str) -> None:
    try:
        question = build_question("GET", "http://" + text, None, {})
    except ExchangeError:
        return
    assert isinstance(question, HttpQuestion)
    assert question.payload.count(b"\r\n") == 5
    assert question.payload.count(b"\n") == 5


@given(st.text())
def test_a_failures_message_is_printable_and_bounded(text: str) -> None:
    message = build_failure("BadAnswer", text).message
    assert message.isprintable()
    assert len(message) <= 200
