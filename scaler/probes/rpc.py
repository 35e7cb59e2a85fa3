"""Stellar RPC's answer to JSON-RPC getHealth, as a NodeReport.

Source: stellar-rpc cmd/stellar-rpc/internal/methods/get_health.go. An unhealthy one answers with an error and no
ledger: it is there, and not in step. It does not say which network it serves.
"""

from scaler.probes.fields import expect_object, get_ledger, get_object, get_words, parse_object
from scaler.probes.report import NodeReport


def parse_rpc(body: bytes) -> NodeReport:
    """Parse the answer to getHealth.

    Raises:
        ProbeError: when it is not one.
    """
    document = parse_object(body)
    if document.get("error") is not None:
        error = expect_object(document["error"], "error")
        return NodeReport(ledger=0, is_synced=False, state=f"unhealthy: {get_words(error, 'message')}"[:200])
    result = get_object(document, "result")
    state = get_words(result, "status")
    return NodeReport(ledger=get_ledger(result, "latestLedger"), is_synced=state == "healthy", state=state)
