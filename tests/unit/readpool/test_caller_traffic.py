"""Who sends too much: by all of its connections together, however they come and go."""

from readpool.caller_traffic import BURST_KIB, KIB_PER_SECOND, CallerTraffic, Received

KIB = 1024
BURST = BURST_KIB * KIB


def note(traffic: CallerTraffic, now: float, **counts: int) -> list[str]:
    """Note one connection of each of these callers."""
    return traffic.note({(caller, 1): Received(caller, count) for caller, count in counts.items()}, now)


def test_what_calls_need_is_not_too_much_for_however_long() -> None:
    traffic = CallerTraffic()
    for second in range(600):
        assert note(traffic, float(second), keda=round(second * KIB_PER_SECOND * KIB * 0.9)) == []


def test_a_flood_is_told_once_the_burst_is_used_up_and_others_are_not() -> None:
    traffic = CallerTraffic()
    assert note(traffic, 0.0, evil=BURST // 2, keda=KIB) == []
    assert note(traffic, 0.2, evil=2 * BURST, keda=2 * KIB) == ["evil"]
    assert note(traffic, 30.0, evil=2 * BURST + KIB, keda=3 * KIB) == []


def test_connections_of_one_caller_are_added_up() -> None:
    traffic = CallerTraffic()
    assert traffic.note({number: Received("evil", BURST // 8) for number in range(9)}, 0.0) == ["evil"]


def test_a_connection_in_the_place_of_one_that_has_ended_counts_from_its_start() -> None:
    traffic = CallerTraffic()
    assert note(traffic, 0.0, evil=BURST - KIB) == []
    assert note(traffic, 1.0, evil=BURST // 2) == ["evil"]
    assert traffic.note({}, 2.0) == []
