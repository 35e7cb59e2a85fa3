"""Who sends too much: by all of its connections together, however they come and go."""

from collections.abc import Hashable

from readpool.caller_traffic import (
    ARRIVALS_PER_SECOND,
    BURST_KIB,
    KIB_PER_SECOND,
    MOST_ARRIVALS,
    MOST_CONNECTIONS,
    CallerTraffic,
    Received,
)

KIB = 1024
BURST = BURST_KIB * KIB


def note(traffic: CallerTraffic, now: float, **counts: int) -> list[str]:
    """Note one connection of each of these callers."""
    return traffic.note({(caller, 1): Received(caller, count) for caller, count in counts.items()}, now)


def see(caller: str, *connections: Hashable) -> dict[Hashable, Received]:
    """Build what is seen of connections that a caller has made and said little over."""
    return {connection: Received(caller, 100) for connection in connections}


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


def test_connections_that_come_and_go_are_a_flood_and_those_of_clients_are_not() -> None:
    traffic, looks = CallerTraffic(), 0
    for look in range(1000):
        now = look / 5
        evil = see("evil", *((look, number) for number in range(64)))
        told = traffic.note({**evil, ("keda", look // 300): Received("keda", look)}, now)
        assert "keda" not in told
        looks += not told
    assert looks < 2 * MOST_ARRIVALS / 64


def test_clients_that_come_again_for_long_are_no_flood() -> None:
    traffic = CallerTraffic()
    for look in range(10_000):
        fresh = see("envoys", *((look, number) for number in range(int(ARRIVALS_PER_SECOND / 5))))
        assert traffic.note(fresh, look / 5) == []


def test_connections_that_stay_are_too_many_at_some_time() -> None:
    traffic, told = CallerTraffic(), list[str]()
    for second in range(0, 300, 10):
        count = min(10 * second, MOST_CONNECTIONS + 5)
        told = traffic.note(see("mute", *range(count)), float(second))
        assert told == [] or count > MOST_CONNECTIONS
    assert told == ["mute"]
