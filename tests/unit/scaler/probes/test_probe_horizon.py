"""Horizon's answer to GET /: what it has ingested, and what its Core has."""

import json

import pytest

from scaler.probes import parse_horizon
from scaler.probes.report import NodeReport, ProbeError

NETWORK = "Public Global Stellar Network ; September 2015"
ROOT = {
    "_links": {"account": {"href": "https://horizon.stellar.org/accounts/{account_id}", "templated": True}},
    "horizon_version": "2.32.0-7a9b3e6",
    "core_version": "stellar-core 22.1.0",
    "ingest_latest_ledger": 55_000_001,
    "history_latest_ledger": 55_000_000,
    "history_latest_ledger_closed_at": "2026-11-23T23:20:35Z",
    "history_elder_ledger": 2,
    "core_latest_ledger": 55_000_002,
    "network_passphrase": NETWORK,
    "current_protocol_version": 22,
}
AT = 1_795_476_040.0
"""Five seconds after that ledger closed."""
"""The fields of protocols/horizon Root, in their order."""


def build(**changes: object) -> bytes:
    return json.dumps({**ROOT, **changes}).encode()


def test_it_is_at_what_it_serves_and_hears_what_its_core_has() -> None:
    assert parse_horizon(build()) == NodeReport(
        ledger=55_000_000,
        is_synced=True,
        state="ingested",
        network=NETWORK,
        heard_ledger=55_000_002,
        tells_start=False,
    )


def test_state_that_is_behind_history_is_what_counts() -> None:
    report = parse_horizon(build(ingest_latest_ledger=54_999_900), AT)
    assert (report.ledger, report.state) == (54_999_900, "state at 54999900, history at 55000000")
    assert report.age_seconds is None


def test_it_is_as_old_as_its_newest_ledger_by_the_servers_own_clock() -> None:
    assert parse_horizon(build(), AT).age_seconds == 5.0
    assert parse_horizon(build(history_latest_ledger_closed_at="2026-11-23T23:20:45Z"), AT).age_seconds == 0.0


@pytest.mark.parametrize("odd", ["0001-01-01T00:00:00Z", "2026-11-23T23:20:35", "yesterday", "Z", 7, None, {}])
def test_a_close_time_that_is_none_is_no_age(odd: object) -> None:
    assert parse_horizon(build(history_latest_ledger_closed_at=odd), AT).age_seconds is None


@pytest.mark.parametrize(("seconds", "is_synced"), [(5, True), (30, True), (31, False), (None, False)])
def test_until_its_core_has_answered_it_is_starting_unless_its_own_clock_says_better(
    seconds: int | None, *, is_synced: bool
) -> None:
    at = None if seconds is None else AT - 5 + seconds
    report = parse_horizon(build(core_latest_ledger=0), at)
    assert (report.is_synced, report.is_starting, report.ledger) == (is_synced, not is_synced, 55_000_000)


def test_one_that_has_ingested_nothing_is_not_in_step() -> None:
    report = parse_horizon(build(history_latest_ledger=0))
    assert (report.ledger, report.is_synced) == (0, False)


@pytest.mark.parametrize("core", [0, None])
def test_a_core_that_tells_nothing_is_not_heard(core: int | None) -> None:
    assert parse_horizon(build(core_latest_ledger=core)).heard_ledger is None


def test_it_needs_its_latest_ledger_only() -> None:
    assert parse_horizon(b'{"history_latest_ledger": 3}') == NodeReport(
        ledger=3, is_synced=True, state="ingested", tells_start=False
    )


@pytest.mark.parametrize("odd", [7, [], {}, True, None])
def test_words_that_are_none_are_left_out(odd: object) -> None:
    assert parse_horizon(build(network_passphrase=odd)).network is None


@pytest.mark.parametrize("field", ["history_latest_ledger", "ingest_latest_ledger", "core_latest_ledger"])
@pytest.mark.parametrize("value", ["55", -1, 2**32, 5.0, True, [], {}])
def test_a_ledger_that_is_none_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ProbeError, match=rf"{field} is .*, not a ledger number"):
        parse_horizon(build(**{field: value}))


def test_an_answer_of_another_kind_of_node_is_refused() -> None:
    with pytest.raises(ProbeError, match="history_latest_ledger is missing"):
        parse_horizon(b'{"info": {"ledger": {"num": 3}}}')
