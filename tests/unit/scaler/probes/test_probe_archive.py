"""A history archive's state: the last checkpoint, as a reference."""

import json

import pytest

from scaler.probes import parse_archive
from scaler.probes.report import NodeReport, ProbeError

STATE = {
    "version": 1,
    "server": "stellar-core 22.1.0 (v22.1.0)",
    "currentLedger": 55_000_063,
    "networkPassphrase": "Public Global Stellar Network ; September 2015",
    "currentBuckets": [{"curr": "0" * 64, "next": {"state": 0}, "snap": "0" * 64}],
}


def test_its_word_is_the_last_checkpoint() -> None:
    assert parse_archive(json.dumps(STATE).encode()) == NodeReport(
        ledger=55_000_063, is_synced=True, network="Public Global Stellar Network ; September 2015"
    )


@pytest.mark.parametrize("passphrase", [None, 7, ["x"]])
def test_old_archives_say_no_network(passphrase: object) -> None:
    body = json.dumps({"version": 1, "currentLedger": 63, "networkPassphrase": passphrase}).encode()
    assert parse_archive(body) == NodeReport(ledger=63, is_synced=True)


@pytest.mark.parametrize("value", [None, "63", 63.0, -1, 2**32, True, [63], {"num": 63}])
def test_a_current_ledger_that_is_none_is_refused_by_name(value: object) -> None:
    with pytest.raises(ProbeError, match=r"currentLedger is .*, not a ledger number"):
        parse_archive(json.dumps({**STATE, "currentLedger": value}).encode())


@pytest.mark.parametrize("body", [b"", b"<html>404</html>", b"null", b"63", b'"63"', b"[63]"])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(ProbeError, match="the answer is"):
        parse_archive(body)
