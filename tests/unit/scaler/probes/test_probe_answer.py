"""An HTTP answer as a probe sees it: when it was given, what a refusal says, and how long it wants to be left alone."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.probes.answer import HttpAnswer, StatusError, find_problem, find_problem_type, find_retry_seconds, take_body

DATE = b"Mon, 30 Nov 2026 10:20:08 GMT"


@pytest.mark.parametrize(
    ("date", "at"),
    [
        (DATE, 1796034008.0),
        (None, None),
        (b"", None),
        (b"yesterday", None),
        (b"Mon, 99 Nov 2026 10:20:08 GMT", None),
        (b"\xff" * 500, None),
    ],
)
def test_an_answer_is_dated_by_its_server(date: bytes | None, at: float | None) -> None:
    assert HttpAnswer(200, b"", date).at == at


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        (b"1", 1.0),
        (b" 120 ", 120.0),
        (b"86400", 600.0),
        (b"9" * 60, 600.0),
        (b"Mon, 30 Nov 2026 10:21:08 GMT", 60.0),
        (b"Mon, 30 Nov 2026 10:19:08 GMT", 0.0),
        (b"-5", None),
        (b"1.5", None),
        (b"soon", None),
        ("²".encode(), None),
        (b"", None),
        (None, None),
    ],
)
def test_how_long_to_wait_is_a_number_or_a_date_and_never_for_ever(
    retry_after: bytes | None, seconds: float | None
) -> None:
    assert find_retry_seconds(HttpAnswer(429, b"", DATE, retry_after)) == seconds


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"title": "Rate Limit Exceeded"}, "Rate Limit Exceeded"),
        ({"error": {"code": -32005, "message": "too many requests"}}, "too many requests"),
        ({"error": "quota"}, "quota"),
        ({"title": "a\x00\nb"}, "a  b"),
        ({"title": 7}, ""),
        ([], ""),
        ("text", ""),
    ],
)
def test_a_refusal_has_the_words_of_its_body(body: object, words: str) -> None:
    assert find_problem(json.dumps(body).encode()) == words
    with pytest.raises(StatusError) as caught:
        take_body(HttpAnswer(429, json.dumps(body).encode()))
    assert str(caught.value) == f"rate limited (status 429{': ' if words else ''}{words})"


@given(st.binary(max_size=300), st.integers(0, 999))
def test_any_refusal_is_said_in_words_fit_to_log(body: bytes, status: int) -> None:
    answer = HttpAnswer(status, body, body, body)
    assert find_problem_type(body).isprintable()
    if status == 200:
        assert take_body(answer) == body
        return
    with pytest.raises(StatusError) as caught:
        take_body(answer)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("depth", [100, 100_000])
def test_nesting_of_any_depth_has_no_words(depth: int) -> None:
    assert find_problem(b"[" * depth) == find_problem_type(b"[" * depth) == ""
