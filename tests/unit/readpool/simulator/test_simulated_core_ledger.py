"""The simulated Core's ledger: keys and results as XDR, the queue, snapshots, upgrades and the forms of queries."""

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stellar_sdk import Keypair
from stellar_sdk.xdr import (
    Hash,
    LedgerEntryType,
    LedgerKey,
    LedgerKeyAccount,
    LedgerKeyData,
    LedgerKeyTtl,
    String64,
    TransactionResult,
)

from readpool.simulator.core.entries import account_key, check_key, data_key, decode_account
from readpool.simulator.core.http import BadRequestError
from readpool.simulator.core.ledger_state import LedgerState, genesis_entries
from readpool.simulator.core.model import GENESIS, ClosedLedger, Header
from readpool.simulator.core.query_keys import read_account_keys, read_form, read_keys
from readpool.simulator.core.snapshots import Snapshots
from readpool.simulator.core.transaction_queue import PENDING_LEDGERS, TransactionQueue
from readpool.simulator.core.transactions import (
    CREATE_ACCOUNT,
    TX_BAD_SEQ,
    TX_FAILED,
    Envelope,
    Operation,
    encode_operation_result,
    encode_result,
)
from readpool.simulator.core.upgrades import UpgradeError, Upgrades
from readpool.simulator.core.xdr import XdrError, decode_base64

ACCOUNT = Keypair.from_raw_ed25519_seed(bytes(32))
KEYS = {
    "account": LedgerKey(LedgerEntryType.ACCOUNT, account=LedgerKeyAccount(ACCOUNT.xdr_account_id())),
    "data": LedgerKey(LedgerEntryType.DATA, data=LedgerKeyData(ACCOUNT.xdr_account_id(), String64(b"name"))),
    "ttl": LedgerKey(LedgerEntryType.TTL, ttl=LedgerKeyTtl(Hash(bytes(32)))),
}
CONTRACT_KEYS = (
    "AAAABgAAAAHXkotywnA8z+r365/0701QSlWouXn8m0UOoshCtNHOYQAAABQAAAAB",
    "AAAABgAAAAHXkotywnA8z+r365/0701QSlWouXn8m0UOoshCtNHOYQAAABAAAAABAAAAAgAAAA8AAAAHQmFsYW5jZQAAAAASAAAAAAAAAACIYWJOgGuqflhLavn8iSC2KlO7b1fjRZT9J3NCuar2AwAAAAE=",
)
PREFIX, CHARACTERS = "key=", "AQgw/+%3D2BbFf=&ky;ledgrSq1 "


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_key_that_the_sdk_writes_is_taken_as_it_is(key: LedgerKey) -> None:
    assert check_key(key.to_xdr_bytes()) == key.to_xdr_bytes()


@pytest.mark.parametrize("key", CONTRACT_KEYS)
def test_key_of_a_contract_is_taken_however_deep_its_value(key: str) -> None:
    data = base64.b64decode(key)
    assert LedgerKey.from_xdr_bytes(data).to_xdr_bytes() == data
    assert check_key(data) == data


def test_keys_that_are_made_are_those_of_the_sdk() -> None:
    assert account_key(ACCOUNT.raw_public_key()) == KEYS["account"].to_xdr_bytes()
    assert data_key(ACCOUNT.raw_public_key(), b"name") == KEYS["data"].to_xdr_bytes()


@given(kind=st.integers(0, 11), rest=st.binary(max_size=64))
def test_any_bytes_are_a_key_or_are_refused_with_words(kind: int, rest: bytes) -> None:
    data = kind.to_bytes(4, "big") + rest
    try:
        said = check_key(data)
    except XdrError as error:
        said = str(error).encode()
    assert said
    is_account = kind == 0 and len(rest) == 36 and rest[:4] == bytes(4)
    assert (said == data) or not is_account


@given(data=st.binary(max_size=60))
def test_base64_is_read_with_and_without_padding(data: bytes) -> None:
    encoded = base64.b64encode(data)
    assert decode_base64(encoded) == decode_base64(encoded.rstrip(b"=")) == data


@given(
    accounts=st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=5),
    encode=st.sampled_from([str, lambda one: quote(one, safe=""), lambda one: one.rstrip("=")]),
)
def test_form_of_accounts_is_read_as_a_whole_as_it_is_value_by_value(accounts: list[bytes], encode: object) -> None:
    assert callable(encode)
    body = "&".join(f"key={encode(base64.b64encode(account_key(one)).decode())}" for one in accounts).encode()
    whole = read_account_keys(body)
    assert whole is None if b"+" in body else whole == [account_key(one) for one in accounts]


@given(
    text=st.lists(
        st.sampled_from([PREFIX, "&key=", "&", *CHARACTERS]) | st.text("AB/%3D=", min_size=50, max_size=58), max_size=12
    ).map("".join)
)
def test_form_that_is_read_as_a_whole_is_read_the_same_value_by_value(text: str) -> None:
    keys = read_account_keys(text.encode())
    if keys is not None:
        assert keys == read_keys(read_form(text.encode())[0])


def test_escape_that_is_none_makes_a_form_bad() -> None:
    with pytest.raises(BadRequestError):
        read_form(b"key=%zz")


def test_results_are_those_that_the_sdk_reads() -> None:
    failed = encode_result(300, TX_FAILED, (encode_operation_result(CREATE_ACCOUNT, -4), b"\xff\xff\xff\xfe"))
    for result in (encode_result(200, TX_BAD_SEQ), failed):
        assert TransactionResult.from_xdr_bytes(result).to_xdr_bytes() == result


def test_genesis_is_the_root_account_with_everything() -> None:
    ((key, entry),) = genesis_entries("Rec A").items()
    assert base64.b64encode(key) == b"AAAAAAAAAACIYWJOgGuqflhLavn8iSC2KlO7b1fjRZT9J3NCuar2Aw=="
    assert decode_account(entry).balance == 10**18


def test_ledger_that_does_not_follow_is_refused() -> None:
    state = LedgerState.genesis("Rec A")
    with pytest.raises(ValueError, match="ledger 3 does not follow ledger 1"):
        state.apply(ClosedLedger(Header(3, 0, GENESIS.hash, "0" * 64)))


@given(
    ledgers=st.lists(
        st.dictionaries(st.sampled_from([b"a", b"b", b"c"]), st.none() | st.binary(max_size=1)), max_size=12
    )
)
def test_snapshots_know_each_of_the_last_ledgers_and_no_other(ledgers: list[dict[bytes, bytes | None]]) -> None:
    snapshots, truth = Snapshots(1, {b"a": b"0"}, kept=3), {1: {b"a": b"0"}}
    for num, changes in enumerate(ledgers, start=2):
        snapshots.put(num, changes)
        truth[num] = {key: entry for key, entry in (truth[num - 1] | changes).items() if entry is not None}

    last = len(ledgers) + 1
    assert snapshots.entries() == truth[last]
    assert snapshots.find([b"a", b"b", b"c"]) == (last, truth[last])
    assert all(snapshots.get(key) == truth[last].get(key) for key in (b"a", b"b", b"c"))
    for num in range(last + 2):
        expected = (num, truth[num]) if max(last - 3, 1) <= num <= last else None
        assert snapshots.find([b"a", b"b", b"c"], num) == expected


def _envelope(source: bytes, sequence: int = 1, fee: int = 100) -> Envelope:
    hashed = source + bytes([sequence])
    return Envelope(source, fee, sequence, 0, 0, (Operation(0, None),), (), hashed, hashed)


def _queue() -> TransactionQueue:
    return TransactionQueue(lambda _envelope: None, bytes(32))


def test_best_fee_goes_first_and_no_more_than_a_ledger_takes() -> None:
    queue = _queue()
    for source, fee in ((b"a", 100), (b"b", 300), (b"c", 200)):
        queue.submit(_envelope(source, fee=fee), 2)
    assert queue.pick(2) == (b"b\1", b"c\1")


def test_transaction_that_no_ledger_takes_is_dropped_and_not_taken_again_soon() -> None:
    queue = _queue()
    queue.submit(_envelope(b"a"), 100)
    for _ in range(PENDING_LEDGERS):
        queue.close_ledger(())
    assert queue.pick(100) == ()
    assert queue.submit(_envelope(b"a"), 100).status == "TRY_AGAIN_LATER"
    assert queue.submit(_envelope(b"a", 2), 100).status == "PENDING"


def test_full_queue_has_senders_try_again() -> None:
    queue = _queue()
    taken = [queue.submit(_envelope(bytes([source])), 2).status for source in range(5)]
    assert taken == ["PENDING"] * 4 + ["TRY_AGAIN_LATER"]


def test_armed_upgrades_are_described_voted_and_gone() -> None:
    armed = Upgrades.parse({"upgradetime": "1970-01-01T00:00:00Z", "protocolversion": "22", "maxtxsetsize": "2000"})
    assert armed.describe() == (
        "Armed with network upgrades: upgradetime=1970-01-01T00:00:00Z, protocolversion=22, maxtxsetsize=2000"
    )
    voted = armed.vote(GENESIS)
    assert (voted.protocol, voted.max_tx_set_size, voted.base_fee) == (22, 2000, 100)
    assert armed.after(voted).describe() is None


def test_upgrade_that_is_not_due_waits() -> None:
    armed = Upgrades.parse({"upgradetime": "2000-01-01T00:00:00Z", "protocolversion": "22"})
    assert armed.vote(GENESIS) == GENESIS
    assert armed.after(GENESIS) == armed


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"protocolversion": "23"}, "supported is up to 22, passed is 23"),
        ({"maxtxsetsize": "x"}, "Failed to parse 'maxtxsetsize' argument"),
        ({"basefee": "4294967296"}, "Failed to parse 'basefee' argument"),
        ({"upgradetime": "soon"}, "could not parse upgradetime"),
    ],
)
def test_upgrade_that_makes_no_sense_is_refused(query: dict[str, str], words: str) -> None:
    with pytest.raises(UpgradeError, match=words):
        Upgrades.parse({"upgradetime": "1970-01-01T00:00:00Z"} | query)
