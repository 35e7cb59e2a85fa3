"""Catching up from an archive by real child processes: what is asked for, tries, hanging and wrong answers."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from readpool.simulator.core.archive import name_bucket, name_file, name_state
from readpool.simulator.core.bucket_levels import list_buckets
from readpool.simulator.core.catchup import CatchUpError
from readpool.simulator.core.catchup_plan import COMPLETE
from readpool.simulator.core.download import Downloads
from readpool.simulator.core.errors import CoreFailure
from readpool.simulator.core.get_command import Commands
from readpool.simulator.core.header_check import check_header
from readpool.simulator.core.settings import HistoryArchive
from readpool.simulator.core.store import Store
from tests.core_archive import replay
from tests.core_catchup_node import LEDGERS, RECORDED, Node, by_kind, give_up, has_ended, recorded_names, until


@pytest.fixture
def node(catching_up: Node) -> Node:
    """A node with a new database, and an archive to catch up from."""
    return catching_up


TMP = str(Path("buckets", "tmp"))
COMPARED = ("start-recent0-noquery", "start-recent0-query", "start-recent16", "start-default", "start-complete")
STARTS = [one for one in RECORDED["catch_ups"] if one["recording"] in COMPARED]


@pytest.mark.parametrize("recorded", STARTS, ids=[one["recording"] for one in STARTS])
async def test_a_newcomer_asks_for_the_recorded_files_and_is_at_its_target(
    node: Node, recorded: dict[str, Any]
) -> None:
    await node.catch_up(recorded["to"], recorded["count"], LEDGERS[recorded["to"] - 2].header.hash)
    assert by_kind(node.asked) == by_kind(recorded_names(recorded))
    node.check(recorded["to"])
    assert node.statuses[-1] == f"Catching up to ledger {recorded['to']}: Succeeded: catchup-seq"
    assert node.list_unfinished() == []


async def test_targets_lie_where_they_were_recorded(node: Node) -> None:
    await node.catch_up(23)
    random16 = "[0-9a-f]{16}"
    for line in node.read_asked():
        name, target = line.removeprefix("get ").split(" -> ")
        if name.startswith("history/"):
            assert re.fullmatch(f"{TMP}/history-{random16}/{random16}-stellar-history.json", target)
        else:
            assert re.fullmatch(f"{TMP}/catchup-{random16}/{re.escape(name)}.tmp", target)


async def test_who_has_a_database_replays_and_never_takes_buckets(node: Node) -> None:
    replay(node.store, LEDGERS[: 38 - 1])
    await node.catch_up(63)
    assert node.applied == list(range(39, 64))
    assert {name.split("/")[0] for name in node.asked} == {"history", "ledger", "transactions"}
    node.check(63)
    again = Store.open  # what was replayed is what is there after a restart
    node.store.close()
    node.store = again(node.settings)
    node.check(63)


async def test_who_has_the_newest_checkpoint_already_has_nothing_to_do(node: Node) -> None:
    replay(node.store, LEDGERS[: 20 - 1])
    await node.catch_up(15)
    assert node.asked == [name_state(15)]
    node.check(20)


async def test_a_catch_up_goes_on_at_the_next_try_once_the_archive_heals(node: Node) -> None:
    node.spoil("exit 1")
    node.heals_after = 5
    await node.catch_up(303)
    assert node.asked[:6] == [name_state(303)] * 6
    assert node.asked[6] == name_file("ledger", 303)
    node.check(303)


@pytest.mark.parametrize(
    ("kind", "last_closed"),
    [("bucket", 1), ("transactions", 182), ("ledger", 182)],
    ids=["buckets", "transactions", "ledgers"],
)
async def test_each_file_that_is_missing_is_tried_by_itself_until_it_is_there(
    node: Node, kind: str, last_closed: int
) -> None:
    replay(node.store, LEDGERS[: last_closed - 1])
    node.spoil(f'case "$3" in {kind}/*) exit 1;; esac')
    node.heals_after = 12
    await node.catch_up(207)
    tries = Counter(name for name in node.asked if name.startswith(kind))
    assert len(tries) == (8 if kind == "bucket" else 4)
    assert min(tries.values()) >= 2
    node.check(207)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param('echo nonsense > "$4"; exit 0', id="nonsense"),
        pytest.param('head -c 40 "$1/$3" > "$4"; exit 0', id="cut"),
        pytest.param('gzip -c "$2/errors" > "$4"; exit 0', id="another-content"),
        pytest.param("exit 0", id="nothing"),
    ],
)
async def test_a_bucket_that_is_wrong_is_got_again(node: Node, script: str) -> None:
    (node.folder / "errors").write_text("")
    node.spoil(f'case "$3" in bucket/*) {script};; esac')
    node.heals_after = 9
    await node.catch_up(303)
    assert len(node.pauses) >= 9
    node.check(303)


async def test_at_most_16_files_are_got_at_once(node: Node) -> None:
    node.spoil('touch "$2/on-$$"; ls "$2" | grep -c on- >> "$2/counts"; sleep 0.05; rm "$2/on-$$"')
    await node.catch_up(159, COMPLETE)
    counts = [int(line) for line in (node.folder / "counts").read_text().splitlines()]
    assert 2 <= max(counts) <= 16
    node.check(159)


async def test_transactions_are_asked_for_at_most_16_checkpoints_ahead(node: Node) -> None:
    node.spoil(f'case "$3" in {name_file("transactions", 7)}) exit 1;; esac')
    await give_up(
        node.catch_up(303, COMPLETE),
        lambda: len(node.pauses) >= 3 and len({name for name in node.asked if name.startswith("trans")}) >= 16,
    )
    transactions = {name for name in node.asked if name.startswith("transactions")}
    assert transactions == {name_file("transactions", num) for num in range(7, 16 * 8, 8)}
    assert node.applied == []


async def test_a_get_that_hangs_is_waited_for_and_ends_with_the_catch_up(node: Node) -> None:
    node.spoil('sleep 600 & echo $! > "$2/child"; wait')
    await give_up(node.catch_up(303), lambda: node.find_child() is not None)
    child = node.find_child()
    assert child is not None
    assert node.asked == [name_state(303)]
    await until(lambda: has_ended(child))


async def test_two_archives_are_drawn_from_for_each_file_and_again_at_each_try(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = HistoryArchive("archive-1", get="false {0} {1}")
    good = HistoryArchive("archive-2", get=f"cp {node.archive}/{{0}} {{1}}")
    node.settings = replace(node.settings, archives=(bad, good))
    node.downloads = Downloads(node.settings, Commands(), node.pause, node.draw)
    await node.catch_up(127, COMPLETE)
    log = capsys.readouterr().err
    drawn = Counter(re.findall(r"Selected archive (archive-\d) to download", log))
    assert drawn["archive-1"] > 10
    assert drawn["archive-2"] == 1 + 16 + 16
    assert len(node.pauses) == drawn["archive-1"]
    assert "Could not download file: archive archive-1 maybe missing file" in log
    node.check(127)


async def test_an_archive_of_another_network_is_refused(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    node.settings = replace(node.settings, passphrase="Rec Z")  # noqa: S106  # public
    with pytest.raises(CatchUpError):
        await node.catch_up(303)
    assert "does not match that of this application" in capsys.readouterr().err


async def test_braces_that_are_wrong_abort(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = HistoryArchive("local", get="cp DIR/history/{0} {1")
    downloads = Downloads(replace(node.settings, archives=(wrong,)), Commands())
    with pytest.raises(CoreFailure) as failure:
        await downloads.probe()
    assert failure.value.lines[0] == 'std::runtime_error("failed to format command string")'
    assert failure.value.exit_code == 134
    assert 'Failed to format string "cp DIR/history/{0} {1":invalid format string' in capsys.readouterr().err


async def test_a_get_whose_program_is_not_there_fails_like_any_other(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = HistoryArchive("local", get="/nosuch/program {0} {1}")
    downloads = Downloads(replace(node.settings, archives=(absent,)), Commands())
    assert await downloads.probe() is None
    assert "maybe missing file .well-known/stellar-history.json" in capsys.readouterr().err


async def test_the_header_check_asks_for_one_ledger_file(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    await check_header(node.downloads, LEDGERS[81 - 2].header, 8)
    assert node.asked == [name_file("ledger", 87)]
    assert "[History INFO] Local ledger header 81 matches archive local" in capsys.readouterr().err
    target = (node.folder / "asked").read_text().split(" -> ")[1]
    assert re.match(rf"{TMP}/check-single-ledger-header-81-[0-9a-f]{{16}}/ledger/", target)


async def test_buckets_that_are_there_already_are_not_got_again(node: Node) -> None:
    await node.catch_up(303)
    levels = node.store.levels
    kept = {name: node.store.folder.locate(name).read_bytes() for name in list_buckets(levels)[:3]}
    node.store.begin({})
    for name, content in kept.items():
        node.store.folder.put(name, content)
    (node.folder / "asked").unlink()
    await node.catch_up(303)
    buckets = [name for name in node.asked if name.startswith("bucket")]
    assert sorted(buckets) == sorted(map(name_bucket, set(list_buckets(levels)) - set(kept)))
    node.check(303)
