"""What is remembered of writes that fail: a refusal for good is told at once, what may succeed yet the second time."""

import pytest

from controller.observed.failures import Failure, list_failing, list_refused, note_failure
from readpool.kubernetes.errors import ApiError, parse_error
from readpool.kubernetes.kinds import SERVICE, ObjectKey

KEY = ObjectKey(SERVICE, "default", "pool")
UNTYPED = (
    "failed to create typed patch object (default/pool; apps/v1, Kind=StatefulSet): .a: field not declared in schema"
)


def fail(*errors: ApiError) -> Failure | None:
    failure = None
    for second, error in enumerate(errors):
        failure = note_failure(failure, error, float(second))
    return failure


@pytest.mark.parametrize(
    ("error", "is_refused"),
    [
        *((ApiError(status, "Reason", "no"), True) for status in (400, 403, 405, 413, 415, 422)),
        *((ApiError(status, "Reason", "no"), False) for status in (0, 404, 409, 429, 500, 503, 504)),
        (ApiError(500, "InternalError", UNTYPED), True),
    ],
)
def test_what_would_be_refused_again_is_told_at_once_and_all_else_the_second_time(
    error: ApiError, is_refused: bool
) -> None:
    once, twice = fail(error), fail(error, error)
    assert once is not None
    assert twice is not None
    assert list_refused({KEY: once}) == ({KEY: error.message} if is_refused else {})
    assert list_failing({KEY: once}) == {}
    assert list_failing({KEY: twice}) == ({} if is_refused else {KEY: twice})
    assert (twice.count, twice.since) == (2, 0.0)


def test_an_answer_without_words_is_told_by_its_reason() -> None:
    assert fail(ApiError(0, "Timeout", "")) == Failure("Timeout", is_permanent=False, count=1, since=0.0)


@pytest.mark.parametrize(
    ("text", "seconds"), [("5", 5.0), ("86400", 120.0), ("9" * 400, None), ("soon", None), (None, None)]
)
def test_a_server_may_ask_to_be_left_alone_for_two_minutes_at_most(text: str | None, seconds: float | None) -> None:
    assert parse_error(503, b"", text).retry_after_seconds == seconds
