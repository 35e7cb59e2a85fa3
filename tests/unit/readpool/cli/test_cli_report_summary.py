"""The first page of a report: what it says comes from the cluster, and goes to a terminal by cat or less."""

from readpool.cli.report.bundle import Unread
from readpool.cli.report.summary import build_summary
from tests.unit.pool_statuses import build_condition, build_pool_manifest

HOSTILE = "x\x1b]0;title\x07\x1b[2J\u202e\x9b31m\n# forged"


def test_no_word_of_the_cluster_drives_a_terminal_or_begins_a_line() -> None:
    crashed = build_condition("Ready", "False", "TooFewReady") | {"message": HOSTILE}
    page = build_summary(
        0.0,
        "1.0",
        {"gitVersion": HOSTILE},
        [build_pool_manifest(conditions=[crashed])],
        [],
        [Unread(HOSTILE, HOSTILE)],
        [HOSTILE],
    )
    assert [one for one in page if not one.isprintable() and one != "\n"] == []
    assert "\n# forged" not in page
