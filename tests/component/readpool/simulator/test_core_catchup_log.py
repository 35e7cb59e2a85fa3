"""What catching up from an archive logs, and how it ends, against recorded stories."""

import re
from collections import Counter

import pytest

from readpool.simulator.core.archive import name_file, name_state
from readpool.simulator.core.catchup import CatchUpError
from readpool.simulator.core.model import GENESIS
from tests.core_archive import replay
from tests.core_catchup_node import (
    DIFFERS,
    LAST,
    LEDGERS,
    RECORDED,
    STATE,
    Node,
    by_kind,
    clean,
    compared,
    give_up,
    moved,
    story,
)


@pytest.fixture
def node(catching_up: Node) -> Node:
    """A node with a new database, and an archive to catch up from."""
    return catching_up


async def test_current_with_a_new_database_is_logged_as_recorded(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    await node.catch_up(None)
    recorded = story("(no trust given)")
    log = moved(recorded["log"], ("271", "311"), ("272", "312"), ("0000010f", "00000137"), ("00000117", "0000013f"))
    log.remove(f"[History INFO] Downloading history archive state: {STATE}")  # the start asks once more
    assert compared(clean(capsys.readouterr().err)) == compared(log)
    assert by_kind(node.asked)[-2:] == [("ledger", [name_file("ledger", LAST)]), ("bucket", ["bucket"] * 9)]
    assert Counter(name.split("/")[0] for name in node.asked) == Counter(
        name.split("/")[0] for name in recorded["asked"][1:]
    )
    node.check(LAST)


def earlier(line: str) -> str:
    """Subtract 240 from the numbers of ledgers from 270 on, so that fewer ledgers have to be made."""
    line = re.sub(r"\b(2[7-9]\d|30\d)\b", lambda found: str(int(found[0]) - 240), line)
    return re.sub(r"\b(000001[0-9a-f]{2})\b", lambda found: f"{int(found[0], 16) - 240:08x}", line)


async def test_current_with_a_database_is_logged_as_recorded(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    replay(node.store, LEDGERS[: 38 - 1])
    node.spoil(f'if [ "$3" = {STATE} ]; then cp "$1/{name_state(63)}" "$4"; exit 0; fi')  # the archive as it was at 63
    capsys.readouterr()
    await node.catch_up(None)
    log = [earlier(line) for line in story("database 25 ledgers behind, catchup")["log"]]
    log.remove(f"[History INFO] Downloading history archive state: {STATE}")
    assert compared(clean(capsys.readouterr().err)) == compared(log)


async def test_recent_16_is_logged_as_recorded(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    await node.catch_up(223, 16, LEDGERS[223 - 2].header.hash)
    log = RECORDED["recent16"]
    log.remove(f"[History INFO] Downloading history archive state: {STATE}")
    mine = [line for line in clean(capsys.readouterr().err) if "catchup-seq" not in line]
    assert compared(mine) == compared(log)


async def test_a_wrong_trusted_hash_fails_for_good(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    recorded = story("wrong --trusted-hash")
    with pytest.raises(CatchUpError):
        await node.catch_up(39, 0, recorded["argv"][-1])
    log = recorded["log"]
    log.remove(f"[History INFO] Downloading history archive state: {STATE}")
    assert compared(clean(capsys.readouterr().err)) == compared(log)
    assert node.store.header == GENESIS
    assert Counter(node.asked) == Counter(name for name in recorded["asked"] if name != STATE)
    assert node.pauses == []


@pytest.mark.parametrize(
    ("ledger", "words", "spoiled"),
    [
        pytest.param(100_000, "ahead of the archive", "", id="ahead-of-the-archive"),
        pytest.param(None, "archive away", "exit 1", id="archive-away"),
    ],
)
async def test_a_catch_up_without_a_state_file_never_ends(
    node: Node, capsys: pytest.CaptureFixture[str], ledger: int | None, words: str, spoiled: str
) -> None:
    recorded = story(words)
    node.spoil(spoiled)
    await give_up(node.catch_up(ledger), lambda: len(node.pauses) >= 5)
    assert set(node.asked) == set(recorded["asked"]) - ({STATE} if ledger else set())
    assert node.store.header == GENESIS
    assert node.pauses[:2] == [1, 2]
    log = [line for line in compared(clean(capsys.readouterr().err)) if "Process" not in line]
    begin = {f"[History INFO] Downloading history archive state: {STATE}"} if ledger else set()
    assert {*log, *begin} == {
        line for line in compared(recorded["log"]) if "Process" not in line and "Failed to obtain" not in line
    }


async def test_a_start_asks_an_archive_once_and_only_logs_a_failure(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await node.downloads.probe() is not None
    assert clean(capsys.readouterr().err)[-1].startswith("[History INFO] Archive information: [name: local, server: v")
    node.spoil("exit 1")
    assert await node.downloads.probe() is None
    assert compared(clean(capsys.readouterr().err)) == compared(RECORDED["archive_fails"])[:5]
    assert node.asked == [STATE, STATE]
    assert node.pauses == []


async def test_an_archive_that_fails_is_asked_for_the_state_file_again_and_again(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    node.spoil("exit 1")
    await give_up(node.catch_up(303), lambda: len(node.pauses) >= 7)
    assert set(node.asked) == {name_state(303)}
    recorded = moved(RECORDED["archive_fails"], ("359", "303"), ("00000167", "0000012f"))
    log = compared(clean(capsys.readouterr().err))
    expected = compared(recorded)[5:]
    assert len(expected) > 4
    assert log[: len(expected)] == expected


def test_every_line_that_differs_on_purpose_is_one_of_the_recordings() -> None:
    logs = [*RECORDED["recent16"], *(line for one in RECORDED["stories"] for line in one["log"])]
    assert [pattern for pattern in DIFFERS if not any(re.search(pattern, line) for line in logs)] == []
