"""Is it still the same process that answers, and what of its last word holds? Pure; asked for each answer of a node.

Between the probes, which say what a node answered, and its standing, which remembers.
"""

from dataclasses import replace

from scaler.probes.report import NodeReport

REFUSED = "ConnectionRefused"
"""Reason of a failed poll: nothing listens. The process is not there, and comes back as a new one."""


def is_restarted(before: NodeReport | None, report: NodeReport, *, was_refused: bool) -> bool:
    """Return whether a node's process is another than the one that responded before.

    A kind that does not say when it started gives it away: nothing listened meanwhile (`was_refused`), it says that it
    starts, or it has gone back, as on a restored database.
    """
    if before is None:
        return False
    if not report.tells_start:
        has_gone_back = report.tells_ledger and before.tells_ledger and report.ledger < before.ledger
        return was_refused or has_gone_back or (report.is_starting and not before.is_starting)
    if before.started_on is None or report.started_on is None:
        return False
    return report.started_on != before.started_on


def keep_ledger(before: NodeReport | None, report: NodeReport) -> NodeReport:
    """Keep what a node said before where it says nothing of its ledger: it has lost none, nor closed one we know of."""
    if report.tells_ledger or before is None:
        return report
    return replace(report, ledger=before.ledger, network=report.network or before.network)
