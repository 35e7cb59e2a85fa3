"""Whatever an API server, or a proxy before it, answers with 200 OK: what was asked for, or an ApiError."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.kubernetes.answers import parse_answer, parse_event, read_page, read_resources, read_stored
from readpool.kubernetes.errors import ApiError

POD = {"metadata": {"name": "core-0", "namespace": "n", "resourceVersion": "7"}}
REFUSED = {"kind": "Status", "status": "Failure", "reason": "Forbidden", "message": "log in first", "code": 403}
SUCCESS = {"kind": "Status", "status": "Success"}


def write(value: Any) -> bytes:
    return json.dumps(value).encode()


NO_ANSWERS: dict[str, bytes] = {
    "nothing": b"",
    "a page": b"<html>Log in</html>",
    "null": b"null",
    "a list": b"[]",
    "a word": b'"ok"',
    "bytes": b"\xff\xfe",
}


@pytest.mark.parametrize("body", NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
def test_what_is_no_object_is_a_failure(body: bytes) -> None:
    with pytest.raises(ApiError, match="BadAnswer"):
        parse_answer(body)


@pytest.mark.parametrize(("code", "status"), [(403, 403), (410, 410), (None, 500), ("403", 500), (200, 500)])
def test_a_status_of_a_failure_is_that_failure_whatever_it_came_with(code: Any, status: int) -> None:
    with pytest.raises(ApiError) as caught:
        parse_answer(write(REFUSED | {"code": code}))
    assert (caught.value.status, caught.value.reason, caught.value.message) == (status, "Forbidden", "log in first")


def test_a_deletion_is_answered_with_a_status_of_success() -> None:
    assert parse_answer(write(SUCCESS)) == SUCCESS


NO_OBJECTS: dict[str, Any] = {
    "a status": SUCCESS,
    "nothing": {},
    "metadata of another form": {"metadata": []},
    "no name": {"metadata": {"resourceVersion": "7"}},
    "no version": {"metadata": {"name": "core-0"}},
    "null": None,
}


@pytest.mark.parametrize("answer", NO_OBJECTS.values(), ids=NO_OBJECTS.keys())
def test_what_has_no_name_or_version_is_no_object(answer: Any) -> None:
    with pytest.raises(ApiError, match="has no name or version"):
        read_stored(answer)
    with pytest.raises(ApiError, match="has no name or version"):
        parse_event(write({"type": "MODIFIED", "object": answer}))
    with pytest.raises(ApiError, match="has no name or version"):
        read_page({"items": [POD, answer], "metadata": {"resourceVersion": "9"}})


@pytest.mark.parametrize("items", [None, []], ids=str)
def test_an_empty_list_may_be_null(items: Any) -> None:
    assert read_page({"items": items, "metadata": {"resourceVersion": "9"}}) == ([], "", "9")


NO_LISTS: dict[str, dict[str, Any]] = {
    "a status": SUCCESS,
    "an object": POD,
    "items of another form": {"items": {}, "metadata": {"resourceVersion": "9"}},
    "no items": {"metadata": {"resourceVersion": "9"}},
    "no version": {"items": [], "metadata": {}},
}


@pytest.mark.parametrize("answer", NO_LISTS.values(), ids=NO_LISTS.keys())
def test_what_is_no_list_says_nothing_of_what_there_is(answer: dict[str, Any]) -> None:
    with pytest.raises(ApiError, match="BadAnswer"):
        read_page(answer)


def test_what_a_group_serves_is_known_only_where_an_answer_lists_it() -> None:
    assert read_resources({"resources": [{"name": "pods"}, None, {"name": "pods/log"}]}) == {"pods", "pods/log"}
    assert read_resources({"resources": None}) == set()
    with pytest.raises(ApiError, match="lists no resources"):
        read_resources(SUCCESS)


def test_events_of_a_watch_are_read() -> None:
    assert parse_event(write({"type": "DELETED", "object": POD})) == ("DELETED", POD)
    mark = {"metadata": {"resourceVersion": "9"}}
    assert parse_event(write({"type": "BOOKMARK", "object": mark})) == ("BOOKMARK", mark)


NO_EVENTS: dict[str, Any] = {
    "a kind of change that is none": {"type": "NEWS", "object": POD},
    "a bookmark without a version": {"type": "BOOKMARK", "object": {"metadata": {}}},
    "a bookmark of nothing": {"type": "BOOKMARK", "object": None},
    "a list": [],
    "nothing": {},
}


@pytest.mark.parametrize("event", NO_EVENTS.values(), ids=NO_EVENTS.keys())
def test_what_is_no_event_ends_the_watch(event: Any) -> None:
    with pytest.raises(ApiError, match="BadAnswer"):
        parse_event(write(event))


@pytest.mark.parametrize(
    ("status", "code"),
    [(REFUSED | {"code": 410, "reason": "Expired"}, 410), ({}, 500), (None, 500), ([], 500)],
    ids=str,
)
def test_an_error_within_a_watch_has_its_status(status: Any, code: int) -> None:
    with pytest.raises(ApiError) as caught:
        parse_event(write({"type": "ERROR", "object": status}))
    assert caught.value.status == code
    assert caught.value.is_expired == (code == 410)


FIELDS = ["kind", "status", "code", "items", "metadata", "name", "resourceVersion", "continue", "type", "object"]
WORDS = ["Status", "Failure", "ERROR", "ADDED", "BOOKMARK", "7"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(WORDS),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(FIELDS), inner),
)


@pytest.mark.parametrize(
    "read",
    [parse_event, lambda body: read_page(parse_answer(body)), lambda body: read_stored(parse_answer(body))],
    ids=["event", "page", "object"],
)
@given(body=JSON.map(write) | st.binary())
def test_any_answer_at_all_is_read_or_is_an_error(read: Callable[[bytes], Any], body: bytes) -> None:
    with contextlib.suppress(ApiError):
        read(body)
