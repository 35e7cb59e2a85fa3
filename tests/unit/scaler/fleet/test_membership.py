import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.fleet.membership import Membership, advance_membership, is_label, name_nodes

TWO = {"core-0": "http://10.0.0.1:11626", "core-1": "http://10.0.0.2:11626"}
ONE = {"core-0": "http://10.0.0.1:11626"}
MOVED = {"core-0": "http://10.0.0.1:11626", "core-1": "http://10.0.0.9:11626"}
BARE = {"10.0.0.1": "http://10.0.0.1:11626", "10.0.0.2": "http://10.0.0.2:11626"}
BARE_MOVED = {"10.0.0.9": "http://10.0.0.9:11626"}


@pytest.mark.parametrize(
    ("answers", "members"),
    [
        pytest.param([TWO], TWO, id="what is found is believed at once"),
        pytest.param([TWO, ONE], TWO, id="one that is left out stays"),
        pytest.param([TWO, ONE, ONE], TWO, id="twice as well"),
        pytest.param([TWO, ONE, ONE, ONE], ONE, id="one that three answers leave out is gone"),
        pytest.param([TWO, ONE, ONE, TWO, ONE, ONE], TWO, id="one that comes back is not counted on"),
        pytest.param([TWO, MOVED], MOVED, id="a pod of the same name takes the other's place at once"),
        pytest.param([TWO, BARE], TWO, id="a look-up without names renames nobody"),
        pytest.param([BARE, TWO], TWO, id="a name may come later"),
        pytest.param(
            [TWO, BARE_MOVED], {**ONE, **BARE_MOVED, "core-1": TWO["core-1"]}, id="who is new has no name yet"
        ),
        pytest.param([TWO, {}], TWO, id="one empty answer changes nothing"),
        pytest.param([TWO, {}, {}], TWO, id="nor do two"),
        pytest.param([TWO, {}, {}, {}], {}, id="three that agree empty the fleet"),
        pytest.param([TWO, {}, {}, ONE, {}, {}], ONE, id="who is found in between is not gone"),
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
        assert membership.is_uncertain == (0 < membership.empty_lookups < 3)
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


@given(st.lists(st.sampled_from([TWO, ONE, {}, BARE, MOVED, BARE_MOVED]), max_size=20))
def test_whoever_is_found_is_a_member_once_and_keeps_its_label(answers: list[dict[str, str]]) -> None:
    membership = Membership()
    for answer in answers:
        before, membership = membership, advance_membership(membership, answer)
        assert set(answer.values()) <= set(membership.members.values())
        assert len(set(membership.members.values())) == len(membership.members)
        after = {url: name for name, url in membership.members.items()}
        assert all(
            after.get(url, name) == name or name in answer
            for name, url in before.members.items()
            if is_label(name, url)
        )


def test_names_too_long_for_a_label_are_cut_and_still_tell_nodes_apart() -> None:
    urls = tuple(f"http://{'a' * 60}.example/{'b' * 1000}{end}" for end in "cd")
    names = name_nodes(tuple(f"{url}{path}" for url in urls for path in ("", "/x")))
    assert len(names) == 4
    assert all(len(name) <= 253 for name in names)
