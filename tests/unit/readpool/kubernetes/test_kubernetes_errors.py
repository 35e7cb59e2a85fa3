"""How an API server's answers that are no success are read, whatever they are."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.kubernetes.errors import parse_error

ENDING = {"causes": [{"reason": "NamespaceTerminating", "message": "namespace a is being terminated"}]}
DETAILS: dict[str, tuple[Any, bool]] = {
    "a namespace that is being deleted": (ENDING, True),
    "another cause": ({"causes": [{"reason": "FieldValueInvalid"}]}, False),
    "no causes": ({"name": "pool"}, False),
    "no details": (None, False),
    "causes of another form": ({"causes": ["NamespaceTerminating", {"reason": 7}, None]}, False),
    "details of another form": (["causes"], False),
}


@pytest.mark.parametrize(("details", "is_ending"), DETAILS.values(), ids=DETAILS.keys())
def test_a_namespace_that_is_being_deleted_is_told_from_a_right_that_is_missing(details: Any, is_ending: bool) -> None:
    status = {"kind": "Status", "reason": "Forbidden", "message": "no", "details": details}
    error = parse_error(403, json.dumps(status).encode(), None)
    assert (error.reason, error.is_of_ending_namespace, error.is_permanent) == ("Forbidden", is_ending, True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["kind", "details", "causes", "reason"]), inner),
)


@given(st.integers(400, 599), JSON.map(lambda found: json.dumps(found).encode()) | st.binary(), st.text() | st.none())
def test_any_answer_at_all_is_an_error_with_its_status(status: int, body: bytes, retry_after: str | None) -> None:
    error = parse_error(status, body, retry_after)
    assert error.status == status
    assert not error.is_of_ending_namespace
