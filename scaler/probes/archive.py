"""A history archive's .well-known/stellar-history.json, as a NodeReport. A reference only: it serves no reads.

Source: stellar-core docs/history.md. `currentLedger` is the last checkpoint, up to 64 ledgers old.
"""

from scaler.probes.fields import find_words, get_ledger, parse_object
from scaler.probes.report import NodeReport


def parse_archive(body: bytes) -> NodeReport:
    """Parse a history archive state.

    Raises:
        ProbeError: when it is not one.
    """
    state = parse_object(body)
    return NodeReport(
        ledger=get_ledger(state, "currentLedger"), is_synced=True, network=find_words(state, "networkPassphrase")
    )
