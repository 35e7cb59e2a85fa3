import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.membership import Membership, advance_membership, name_nodes

TWO = {"core-0": "http://10.0.0.1:11626", "core-1": "http://10.0.0.2:11626"}
ONE = {"core-0": "http://10.0.0.1:11626"}


@pytest.mark.parametrize(
    ("answers", "members"),
    [
        pytest.param([TWO], TWO, id="what is found is believed at once"),
        pytest.param([TWO, ONE], ONE, id="one that is gone is gone at once"),
        pytest.param([TWO, {}], TWO, id="one empty answer changes nothing"),
        pytest.param([TWO, {}, {}], TWO, id="nor do two"),
        pytest.param([TWO, {}, {}, {}], {}, id="three that agree empty the fleet"),
        pytest.param([TWO, {}, {}, ONE, {}, {}], ONE, id="an answer with members starts the count again"),
        pytest.param([{}, {}, {}, {}, TWO], TWO, id="an empty fleet comes back at once"),
    ],
)
def test_members_follow_the_answers(answers: list[dict[str, str]], members: dict[str, str]) -> None:
    membership = Membership()
    for answer in answers:
        membership = advance_membership(membership, answer)
    assert membership.members == members


@given(st.lists(st.sampled_from([TWO, ONE, {}]), max_size=20))
def test_doubt_never_outlives_three_answers(answers: list[dict[str, str]]) -> None:
    membership = Membership()
    for answer in answers:
        membership = advance_membership(membership, answer)
        assert membership.is_doubted == (0 < membership.empty_lookups < 3)
        assert membership.empty_lookups <= 3
        assert not membership.members or membership.empty_lookups < 3


@pytest.mark.parametrize(
    ("urls", "names"),
    [
        (("http://10.0.0.1:11626", "http://10.0.0.2:11626"), ["10.0.0.1:11626", "10.0.0.2:11626"]),
        (("http://core.example/a", "http://core.example/b"), ["http://core.example/a", "http://core.example/b"]),
        (("http://10.0.0.1:11626", "https://10.0.0.1:11626"), ["http://10.0.0.1:11626", "https://10.0.0.1:11626"]),
        (("http://[fd00::1]:11626",), ["[fd00::1]:11626"]),
    ],
)
def test_fixed_nodes_are_named_by_what_tells_them_apart(urls: tuple[str, ...], names: list[str]) -> None:
    assert name_nodes(urls) == dict(zip(names, urls, strict=True))
