"""Which Events are written: the first of each sentence, its repetitions counted, never a storm."""

from hypothesis import given
from hypothesis import strategies as st

from controller.events.event_series import BURST, MAX_SERIES, REPEAT_SECONDS, SERIES_SECONDS, EventSeries, Sentence


def tell(series: EventSeries, sentence: Sentence, now: float) -> str:
    """Record one Event as the recorder does: new, again (with a write or not), or dropped."""
    found = series.find(sentence, now)
    if found is not None:
        if not series.is_due(found, now):
            return "counted"
        found.written_at = now
        return "repeated"
    if not series.may_begin(sentence, now):
        return "dropped"
    series.begin(sentence, "name", now)
    return "new"


def test_the_same_sentence_is_one_event_whose_count_is_written_seldom() -> None:
    series, sentence = EventSeries(), Sentence("uid", "Reason", "message")
    assert tell(series, sentence, 0.0) == "new"
    assert [tell(series, sentence, float(at)) for at in range(1, int(REPEAT_SECONDS))] == ["counted"] * 59
    assert tell(series, sentence, REPEAT_SECONDS) == "repeated"
    found = series.find(sentence, REPEAT_SECONDS + 1)
    assert found is not None
    assert found.count == 62


def test_after_a_while_it_is_a_new_event() -> None:
    series, sentence = EventSeries(), Sentence("uid", "Reason", "message")
    tell(series, sentence, 0.0)
    assert tell(series, sentence, SERIES_SECONDS) == "new"


def test_a_reason_with_ever_new_sentences_gets_few_events() -> None:
    series = EventSeries()
    told = [tell(series, Sentence("uid", "Reason", str(number)), float(number)) for number in range(100)]
    assert told == ["new"] * BURST + ["dropped"] * (100 - BURST)
    assert tell(series, Sentence("uid", "Another", "0"), 100.0) == "new"
    assert tell(series, Sentence("another", "Reason", "0"), 100.0) == "new"


def test_an_event_that_is_gone_from_the_cluster_is_written_anew() -> None:
    series, sentence = EventSeries(), Sentence("uid", "Reason", "message")
    tell(series, sentence, 0.0)
    series.drop(sentence)
    assert tell(series, sentence, 1.0) == "new"


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.floats(0.0, 100.0)), max_size=200))
def test_no_pool_has_more_than_a_burst_of_a_reason_in_its_time(events: list[tuple[int, int, float]]) -> None:
    series, now, written = EventSeries(), 0.0, dict[int, list[float]]()
    for uid, message, pause in events:
        now += pause
        if tell(series, Sentence(str(uid), "Reason", str(message)), now) == "new":
            written.setdefault(uid, []).append(now)
    for times in written.values():
        assert all(sum(at - SERIES_SECONDS < other <= at for other in times) <= BURST for at in times)


def test_what_is_remembered_is_bounded() -> None:
    series = EventSeries()
    for number in range(MAX_SERIES + 50):
        tell(series, Sentence(str(number), "Reason", "message"), 0.0)
    assert tell(series, Sentence(str(MAX_SERIES), "Reason", "message"), 1.0) == "counted"
    assert tell(series, Sentence("0", "Reason", "message"), 1.0) == "new"
