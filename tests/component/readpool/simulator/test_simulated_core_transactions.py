"""What becomes of transactions at the simulated Core's ports, as recorded of Core 22.4.1, and with stellar_sdk's."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

import pytest
from stellar_sdk import Account, Asset, Keypair, Network, TransactionBuilder
from stellar_sdk.xdr import LedgerEntry, LedgerEntryType, LedgerKey, LedgerKeyAccount

from readpool.simulator.core.ledger_state import LedgerState, genesis_entries
from readpool.simulator.core.model import ClosedLedger, Header, hash_transactions
from readpool.simulator.core.node_view import NodeFacts, Submission
from tests.component.readpool.simulator.core_ports import (
    NETWORK,
    Ports,
    ScriptedNode,
    exchange,
    facts_from,
    json_of,
    read_recorded,
    serving,
)

STORY: list[dict[str, Any]] = read_recorded("transactions.json")
FIRST_LEDGER = 1247
NETWORK_ID = Network(NETWORK).network_id()
ROOT = Keypair.from_raw_ed25519_seed(NETWORK_ID)
SENDERS = [Keypair.from_raw_ed25519_seed(NETWORK_ID[:-1] + bytes([index])) for index in range(5)]


class ClosingNode(ScriptedNode):
    """A validator that closes a ledger when it is told to."""

    def __init__(self, facts: NodeFacts, num: int) -> None:
        super().__init__(facts)
        header = Header(num, 1_796_036_000, "0" * 64, "0" * 64, 22)
        self.state = LedgerState(NETWORK, header, genesis_entries(NETWORK))

    def facts(self) -> NodeFacts:
        return replace(self.said, header=self.state.header)

    def submit(self, envelope: bytes) -> Submission:
        return self.state.submit(envelope)

    def close_ledger(self) -> None:
        before, transactions = self.state.header, self.state.pick()
        header = replace(before, num=before.num + 1, close_time=before.close_time + 1, previous_hash=before.hash)
        header = self.upgrades.vote(replace(header, transactions_hash=hash_transactions(transactions)))
        self.upgrades = self.upgrades.after(header)
        self.state.apply(ClosedLedger(header, transactions))


@pytest.fixture
def ports() -> Iterator[Ports]:
    node = ClosingNode(_recorded_facts(), FIRST_LEDGER)
    with serving(node, node.state.snapshots) as served:
        yield served


def _recorded_facts() -> NodeFacts:
    return facts_from(json_of(STORY[-1]["response"])["info"])


def test_transactions_fare_as_they_did_with_core(ports: Ports) -> None:
    asked = {one["case"]: one["request"] for one in STORY if "request" in one}
    for one in STORY:
        if "rows" in one:
            _close_ledgers(ports, one["rows"][-1][1] - FIRST_LEDGER)
        elif one["case"].startswith("/info"):
            _close_ledgers(ports, 3)
            assert ports.node.upgrades.describe() is None
            recorded = json_of(one["response"])["info"]["ledger"]
            said = json_of(_send(ports, one["request"]))["info"]["ledger"]
            assert said.keys() == recorded.keys()
            assert (said["num"], said["maxTxSetSize"]) == (recorded["num"], recorded["maxTxSetSize"])
        else:
            assert (one["case"], _send(ports, _expand(one["request"], asked))) == (one["case"], one["response"])


def test_new_account_begins_with_its_ledger_and_root_counts_on(ports: Ports) -> None:
    good = next(one["request"] for one in STORY if one["case"] == "good: two accounts")
    _send(ports, good)

    _close_ledgers(ports, 1)

    assert _account(ports, ROOT).seq_num.sequence_number.int64 == 1


def _close_ledgers(ports: Ports, count: int) -> None:
    assert isinstance(ports.node, ClosingNode)
    for _ in range(count):
        ports.node.close_ledger()


def test_ledgers_full_of_payments_are_applied_to_every_stroop(ports: Ports) -> None:
    _send(ports, "GET /upgrades?mode=set&upgradetime=1970-01-01T00:00:00Z&maxtxsetsize=2000 HTTP/1.0\r\n\r\n")
    founding = TransactionBuilder(Account(ROOT.public_key, 0), NETWORK, 100).add_time_bounds(0, 0)
    for sender in SENDERS:
        founding.append_create_account_op(sender.public_key, "100000")
    assert _submit(ports, founding, ROOT) == {"status": "PENDING"}
    _close_ledgers(ports, 2)
    first = (FIRST_LEDGER + 1) << 32

    for round_ in range(2):
        for index, sender in enumerate(SENDERS):
            assert _submit(ports, _pay(sender, first + round_, SENDERS[index - 1]), sender) == {"status": "PENDING"}
            again = _submit(ports, _pay(sender, first + round_ + 1, SENDERS[index - 1]), sender)
            assert again == {"status": "TRY_AGAIN_LATER"}
        _close_ledgers(ports, 1)

    for sender in SENDERS:
        account = _account(ports, sender)
        assert account.balance.int64 == 10**12 - 2 * 100 * 100
        assert account.seq_num.sequence_number.int64 == first + 2


def test_bad_operation_undoes_its_transaction_but_for_fee_and_sequence(ports: Ports) -> None:
    paying = TransactionBuilder(Account(ROOT.public_key, 0), NETWORK, 100).add_time_bounds(0, 0)
    paying.append_create_account_op(SENDERS[0].public_key, "5000").append_payment_op(
        SENDERS[1].public_key, Asset.native(), "1"
    )
    _submit(ports, paying, ROOT)

    _close_ledgers(ports, 1)

    root = _account(ports, ROOT)
    assert (root.balance.int64, root.seq_num.sequence_number.int64) == (10**18 - 200, 1)
    assert _entries(ports, SENDERS[0]) == []


def _pay(sender: Keypair, sequence: int, payee: Keypair) -> TransactionBuilder:
    building = TransactionBuilder(Account(sender.public_key, sequence), NETWORK, 100).add_time_bounds(0, 0)
    for _ in range(100):
        building.append_payment_op(payee.public_key, Asset.native(), "0.0000001")
    return building


def _submit(ports: Ports, building: TransactionBuilder, signer: Keypair) -> Any:
    envelope = building.build()
    envelope.sign(signer)
    return json_of(_send(ports, f"GET /tx?blob={quote(envelope.to_xdr(), safe='')} HTTP/1.0\r\n\r\n"))


def _account(ports: Ports, key: Keypair) -> Any:
    (entry,) = _entries(ports, key)
    parsed = LedgerEntry.from_xdr(entry)
    assert parsed.to_xdr() == entry
    return parsed.data.account


def _entries(ports: Ports, key: Keypair) -> list[str]:
    asked = LedgerKey(LedgerEntryType.ACCOUNT, account=LedgerKeyAccount(key.xdr_account_id())).to_xdr()
    body = f"key={quote(asked, safe='')}"
    answer = json_of(_send(ports, f"POST /getledgerentryraw HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n{body}"))
    return [one["le"] for one in answer.get("entries", ())]


def _send(ports: Ports, request: str) -> str:
    port = ports.query if request.startswith("POST /getledgerentryraw") else ports.command
    return exchange(port, [request.encode()]).answer.decode()


def _expand(request: str, asked: dict[str, str]) -> str:
    """Return a request; the one that is kept out of the recordings is another one, not encoded."""
    if not request.startswith("unencoded: "):
        return request
    path, blob = asked[request.removeprefix("unencoded: ")].split("=", 1)
    return f"{path}={unquote(blob)}"
