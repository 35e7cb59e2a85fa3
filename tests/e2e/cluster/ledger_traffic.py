"""Ledgers that are full of payments: work for whoever follows a network, as the public one gives it to them.

Accounts that the network's root founds pay each other, a hundred payments a transaction, each account one transaction a
ledger, which is what Core takes.
"""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import httpx
from stellar_sdk import Account, Asset, Keypair, Network, TransactionBuilder
from stellar_sdk.xdr import LedgerEntry, LedgerEntryType, LedgerKey, LedgerKeyAccount

from devtools.cluster.waiting import wait_for
from tests.e2e.cluster.core_configuration import COMMAND_PORT
from tests.e2e.cluster.core_network import CoreNetwork

PAYMENTS_EACH = 100
_FUNDS = "100000"
_FEE_STROOPS = 100
_LARGEST_LEDGER = 2000
"""Operations; a new network takes a hundred."""
_FOUNDED_SECONDS = 60.0
_AGAIN_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Command:
    """The command port of a validator, from here."""

    address: str

    def ask(self, path: str, **query: str | int) -> httpx.Response:
        """Ask it, each time over a connection of its own."""
        return httpx.get(f"http://{self.address}/{path}", params=query, timeout=30).raise_for_status()

    def send(self, envelope: str, is_over: threading.Event) -> None:
        """Hand in a transaction, again until there is room for it.

        Raises:
            ValueError: it is not one that the network takes; with what Core says.
        """
        while not is_over.is_set():
            said = self.ask("tx", blob=envelope).json()
            if said["status"] == "PENDING":
                return
            if said["status"] != "TRY_AGAIN_LATER":
                raise ValueError(f"a payment was not taken: {said}")
            is_over.wait(_AGAIN_SECONDS)


@contextlib.contextmanager
def fill_ledgers(network: CoreNetwork, reader: str, accounts: int) -> Iterator[None]:
    """Make so many accounts pay in each ledger during the block; `reader` (HOST:PORT) is asked for what they have.

    Raises:
        ValueError: at the end of the block, where a payment was not taken.
    """
    passphrase, is_over, errors = network.network.passphrase, threading.Event(), list[Exception]()
    with network.access.port_forward(network.namespace, f"pod/{network.validator_pod}", COMMAND_PORT) as address:
        validator = Command(address)
        senders = _found_accounts(validator, reader, passphrase, accounts)

        def pay() -> None:
            try:
                _keep_paying(validator, senders, passphrase, is_over)
            except Exception as error:  # noqa: BLE001 - told at the end of the block, in the test's own thread
                errors.append(error)

        thread = threading.Thread(target=pay)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()
    if errors:
        raise ValueError("the ledgers did not stay full") from errors[0]


def _found_accounts(validator: Command, reader: str, passphrase: str, accounts: int) -> list[tuple[Keypair, Account]]:
    """Create those accounts that are not there, and return all with the sequence numbers that they have."""
    validator.ask("upgrades", mode="set", upgradetime="1970-01-01T00:00:00Z", maxtxsetsize=_LARGEST_LEDGER)
    network_id = Network(passphrase).network_id()
    root = Keypair.from_raw_ed25519_seed(network_id)
    keys = [Keypair.from_raw_ed25519_seed(network_id[:-1] + bytes([index])) for index in range(accounts)]
    lacking = [key for key in keys if _read_sequence(reader, key) is None]
    if lacking:
        sequence = _read_sequence(reader, root)
        if sequence is None:
            raise LookupError(f"{root.public_key}, the root of {passphrase!r}, is not known at {reader}")
        building = _build_transaction(Account(root.public_key, sequence), passphrase)
        for key in lacking:
            building.append_create_account_op(key.public_key, _FUNDS)
        founding = building.build()
        founding.sign(root)
        validator.send(founding.to_xdr(), threading.Event())

    def find_senders() -> list[tuple[Keypair, Account]]:
        found = [(key, _read_sequence(reader, key)) for key in keys]
        there = [(key, Account(key.public_key, sequence)) for key, sequence in found if sequence is not None]
        return there if len(there) == accounts else []

    return wait_for("the accounts to be founded", find_senders, _FOUNDED_SECONDS)


def _keep_paying(
    validator: Command, senders: Sequence[tuple[Keypair, Account]], passphrase: str, is_over: threading.Event
) -> None:
    while not is_over.is_set():
        for (key, account), (payee, _) in zip(senders, [*senders[1:], senders[0]], strict=True):
            building = _build_transaction(account, passphrase)
            for _ in range(PAYMENTS_EACH):
                building.append_payment_op(payee.public_key, Asset.native(), "0.0000001")
            paying = building.build()
            paying.sign(key)
            validator.send(paying.to_xdr(), is_over)


def _build_transaction(source: Account, passphrase: str) -> TransactionBuilder:
    """Begin a transaction that is good at any time, with the source's next sequence number."""
    return TransactionBuilder(source, passphrase, _FEE_STROOPS).add_time_bounds(0, 0)


def _read_sequence(reader: str, key: Keypair) -> int | None:
    """Read an account's sequence number by a query server; None where it is not there."""
    asked = LedgerKey(LedgerEntryType.ACCOUNT, account=LedgerKeyAccount(key.xdr_account_id()))
    answer = httpx.post(f"http://{reader}/getledgerentryraw", data={"key": asked.to_xdr()}, timeout=30)
    entries = answer.raise_for_status().json().get("entries") or ()
    if not entries:
        return None
    account = LedgerEntry.from_xdr(entries[0]["le"]).data.account
    return int(account.seq_num.sequence_number.int64) if account else None
