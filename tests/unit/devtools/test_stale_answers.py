"""What the tests on a cluster count is counted rightly: stale answers, and changes of class."""

from tests.e2e.cluster.slice_churn import count_changes
from tests.e2e.cluster.stale_answers import Staleness, collect_newest, count_stale
from tests.e2e.cluster.steady_readers import Request


def answered(sent_at: float, ledger: int, seconds: float = 0.1) -> Request:
    return Request(sent_at, seconds, "", ledger)


def told(**classes: str) -> dict[str, object]:
    weights = [{"replicaName": pod, "replicaClass": replica_class} for pod, replica_class in classes.items()]
    return {"status": {"replicaWeights": weights}}


def test_an_answer_is_stale_by_what_was_told_before_it_was_asked_for() -> None:
    told_first, late, stale, far = answered(1, 100), answered(2, 112, seconds=5), answered(3, 90), answered(8, 100)
    asked = [told_first, late, stale, far, Request(9, 0.1, "503: ")]
    newest = collect_newest(asked)
    assert [newest.before(at) for at in (1.0, 1.2, 6.9, 7.1)] == [0, 100, 100, 112]
    assert count_stale(asked, newest, 10, 0.0, 10.0) == Staleness(4, 2, 12)
    assert count_stale(asked, newest, 10, 4.0, 10.0) == Staleness(1, 1, 12)
    assert count_stale([], newest, 10, 0.0, 10.0) == Staleness(0, 0, 0)


def test_each_change_of_class_is_counted_and_nobody_who_comes_or_goes() -> None:
    seen = [
        {},
        told(a="fresh"),
        told(a="fresh", b="catchingUp"),
        told(a="lagging", b="fresh"),
        told(a="lagging", b="fresh"),
        told(b="lagging"),
        told(a="fresh", b="lagging"),
    ]
    assert count_changes(seen) == 3
