"""The discovery protocol, request by request: who is owed what, in both variants."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.eds.eds_subscription import MOST_IN_ONE_ANSWER, Answer, Subscription


class Conversation:
    """One stream, and what the pools' versions are."""

    def __init__(self, **versions: str) -> None:
        self.versions = versions
        self.stream = Subscription()

    def want(self, *names: str, nonce: str = "") -> tuple[str, ...] | None:
        """Request all that is wanted; return the names that come back."""
        self.stream.take_whole_request(names, nonce, self.versions)
        return self.read()

    def change(self, *names: str, remove: Sequence[str] = (), **known: str) -> tuple[str, ...] | None:
        """Request by delta; return the names that come back."""
        self.stream.take_delta_request(names, remove, known, self.versions)
        return self.read()

    def set(self, name: str, version: str | None) -> tuple[str, ...] | None:
        """Change a pool; return the names that come back."""
        if version is None:
            del self.versions[name]
        else:
            self.versions[name] = version
        self.stream.note_change(name)
        return self.read()

    def read(self) -> tuple[str, ...] | None:
        answer = self.answer()
        return answer.names + tuple(f"-{name}" for name in answer.removed) if answer else None

    def answer(self) -> Answer | None:
        return self.stream.build_answer(self.versions.get)


def test_what_is_wanted_comes_at_once_and_then_what_changes() -> None:
    talk = Conversation(a="1", b="1", c="1")
    assert talk.want("a", "b") == ("a", "b")
    assert talk.want("a", "b", nonce="1") is None
    assert talk.set("b", "2") == ("b",)
    assert talk.set("c", "2") is None
    assert talk.want("a", "b", nonce="2") is None


def test_a_change_and_back_again_before_it_was_sent_is_no_change() -> None:
    talk = Conversation(a="1")
    talk.want("a")
    talk.versions["a"] = "2"
    talk.stream.note_change("a")
    assert talk.set("a", "1") is None


def test_a_pool_that_is_not_there_has_no_endpoints_until_it_comes() -> None:
    talk = Conversation()
    assert talk.want("a") == ("a",)
    assert talk.set("a", "1") == ("a",)
    assert talk.set("a", None) == ("a",)


def test_more_names_bring_what_is_new_and_fewer_bring_nothing() -> None:
    talk = Conversation(a="1", b="1")
    talk.want("a")
    assert talk.want("a", "b", nonce="1") == ("b",)
    assert talk.want("b", nonce="2") is None
    assert talk.set("a", "2") is None
    assert talk.want("a", "b", nonce="2") == ("a",)


def test_names_over_again_after_they_were_acknowledged_ask_for_them_again() -> None:
    talk = Conversation(a="1", b="1")
    talk.want("a", "b")
    assert talk.want("a", "b", nonce="1") is None
    assert talk.want("a", "b", nonce="1") == ("a", "b")


def test_an_answer_to_an_older_answer_counts_for_nothing() -> None:
    talk = Conversation(a="1", b="1")
    talk.want("a")
    talk.set("a", "2")
    assert talk.want("a", "b", nonce="1") is None
    assert talk.want("a", "b", nonce="7") is None
    assert talk.want("a", "b", nonce="2") == ("b",)


@pytest.mark.parametrize("names", [(), ("*",)], ids=["nothing", "a star"])
def test_whoever_begins_with_no_names_wants_all_that_there_is(names: tuple[str, ...]) -> None:
    for begin in (Conversation.want, Conversation.change):
        talk = Conversation(a="1", b="1")
        assert begin(talk, *names) == ("a", "b")
        assert talk.set("c", "1") == ("c",)
        assert talk.set("c", None) == ("-c",)


def test_whoever_wants_all_hears_even_that_there_is_nothing() -> None:
    for begin in (Conversation.want, Conversation.change):
        talk = Conversation()
        assert begin(talk) == ()
        assert talk.set("a", "1") == ("a",)


def test_whoever_wants_no_names_any_more_hears_no_more() -> None:
    talk = Conversation(a="1")
    talk.want("a")
    assert talk.want(nonce="1") is None
    assert talk.set("a", "2") is None


def test_by_delta_names_come_and_go_one_by_one() -> None:
    talk = Conversation(a="1", b="1")
    assert talk.change("a") == ("a",)
    assert talk.change("b") == ("b",)
    assert talk.change(remove=["a"]) is None
    assert talk.set("a", "2") is None
    assert talk.set("b", "2") == ("b",)
    assert talk.change("a") == ("a",)


def test_by_delta_a_name_over_again_asks_for_it_again() -> None:
    talk = Conversation(a="1")
    talk.change("a")
    assert talk.change() is None
    assert talk.change("a") == ("a",)


def test_by_delta_whoever_comes_back_gets_only_what_changed_meanwhile() -> None:
    talk = Conversation(a="1", b="2", c="1")
    assert talk.change("a", "b", "c", "d", a="1", b="1", d="1") == ("b", "c", "d")
    assert talk.set("a", "2") == ("a",)


def test_by_delta_whoever_comes_back_and_wants_all_hears_what_is_gone() -> None:
    talk = Conversation(a="1", b="2")
    assert talk.change("*", a="1", b="1", gone="1") == ("b", "-gone")


def test_by_delta_all_and_some_can_be_given_up_apart() -> None:
    talk = Conversation(a="1", b="1")
    assert talk.change("*", "a") == ("a", "b")
    assert talk.change(remove=["*"]) is None
    assert talk.set("b", "2") is None
    assert talk.set("a", "2") == ("a",)


def test_many_pools_come_in_several_answers() -> None:
    talk = Conversation(**{f"p{i}": "1" for i in range(2 * MOST_IN_ONE_ANSWER + 1)})
    talk.stream.take_whole_request([], "", talk.versions)
    answers = []
    while talk.stream.is_behind:
        answers.append(talk.answer())
    assert [len(one.names) for one in answers if one] == [MOST_IN_ONE_ANSWER, MOST_IN_ONE_ANSWER, 1]
    assert [one.nonce for one in answers if one] == ["1", "2", "3"]


NAMES = ["a", "b", "c", "d"]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("subscribe"), st.sets(st.sampled_from(NAMES))),
        st.tuples(st.just("unsubscribe"), st.sets(st.sampled_from(NAMES))),
        st.tuples(st.just("change"), st.sampled_from(NAMES), st.sampled_from(["1", "2", None])),
        st.tuples(st.just("send")),
    ),
    max_size=30,
)


class Client:
    """The other side of a stream: what it wants, and what it has been sent of that."""

    def __init__(self, *, is_delta: bool) -> None:
        self.is_delta = is_delta
        self.versions: dict[str, str] = {}
        self.stream = Subscription()
        self.wanted: set[str] = set()
        self.has: dict[str, str | None] = {}
        self.nonce = ""
        self.subscribe({"z"})

    def subscribe(self, names: set[str]) -> None:
        added = names - self.wanted
        self.wanted |= added
        self._ask(added, set())

    def unsubscribe(self, names: set[str]) -> None:
        removed = names & self.wanted
        self.wanted -= removed
        self._ask(set(), removed)
        for name in removed:
            self.has.pop(name, None)

    def change(self, name: str, version: str | None) -> None:
        if version is None:
            self.versions.pop(name, None)
        else:
            self.versions[name] = version
        self.stream.note_change(name)

    def send(self) -> None:
        while self.stream.is_behind:
            if answer := self.stream.build_answer(self.versions.get):
                self.nonce = answer.nonce
                self.has |= {name: self.versions.get(name) for name in answer.names if name in self.wanted}
                self._acknowledge()

    def _acknowledge(self) -> None:
        if not self.is_delta:
            self.stream.take_whole_request(sorted(self.wanted), self.nonce, self.versions)

    def _ask(self, added: set[str], removed: set[str]) -> None:
        if self.is_delta:
            self.stream.take_delta_request(sorted(added), sorted(removed), {}, self.versions)
        else:
            self.stream.take_whole_request(sorted(self.wanted), self.nonce, self.versions)


@given(STEPS, st.booleans())
def test_in_the_end_a_client_has_what_it_wants_as_it_is(steps: list[tuple[str, ...]], is_delta: bool) -> None:
    client = Client(is_delta=is_delta)
    for step, *arguments in steps:
        getattr(client, step)(*arguments)
    client.send()
    assert client.has == {name: client.versions.get(name) for name in client.wanted}
