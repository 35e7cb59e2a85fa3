"""Horizon's answer to GET /, as a NodeReport.

Source: go-stellar-sdk protocols/horizon Root. What it serves is what it has ingested (history_latest_ledger); the
Core that it reads from tells what the network has (core_latest_ledger, 0 where it is not known).
"""

from scaler.probes.fields import find_ledger, find_words, get_ledger, parse_object
from scaler.probes.report import NodeReport


def parse_horizon(body: bytes) -> NodeReport:
    """Parse the answer to GET /.

    Raises:
        ProbeError: when it is not one.
    """
    root = parse_object(body)
    ledger = get_ledger(root, "history_latest_ledger")
    return NodeReport(
        ledger=ledger,
        is_synced=ledger > 0,
        state=find_words(root, "horizon_version") or "",
        network=find_words(root, "network_passphrase"),
        heard_ledger=find_ledger(root, "core_latest_ledger") or None,
    )
