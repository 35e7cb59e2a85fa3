"""What a terminal gets to see: its width is kept to, NO_COLOR and TERM=dumb are honoured, data has no colours."""

import json
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import yaml

from readpool.v1 import observer_pb2 as pb
from tests.component.readpool.cli.playing_observer import PlayingObserver, serve
from tests.component.readpool.cli.terminal import run_in_terminal

COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|9[0-7]|38;5;[0-9]+)[0-9;]*m")
ESCAPE = "\x1b"


def build_snapshot() -> pb.Snapshot:
    snapshot = pb.Snapshot(
        fleet="stellar/core-nodes",
        namespace="stellar",
        at=1_800_000_000.0,
        tip=pb.Tip(ledger=1000, moved_at=1_799_999_998.0),
        decision=pb.Decision(desired_replicas=3, reason="Steady", message="All is well."),
        bounds=pb.Bounds(min_replicas=1, target_replicas=3, max_replicas=9),
        lag_threshold=10,
    )
    for ordinal, (replica_class, lag) in enumerate(
        ((pb.REPLICA_CLASS_FRESH, 1), (pb.REPLICA_CLASS_LAGGING, 40), (pb.REPLICA_CLASS_UNREACHABLE, 0))
    ):
        replica = snapshot.replicas.add(name=f"core-nodes-{ordinal}", ledger=1000 - lag, lag=lag, detail="words " * 60)
        setattr(replica, "class", replica_class)
    return snapshot


@pytest_asyncio.fixture
async def address() -> AsyncIterator[str]:
    async with serve(PlayingObserver([build_snapshot()])) as observer:
        yield observer.address


@pytest.mark.parametrize("width", [60, 120, 240])
async def test_a_table_keeps_to_the_width_of_its_terminal(address: str, width: int) -> None:
    code, screen = await run_in_terminal("top", "--once", "--scaler", address, width=width)
    assert code == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", screen).splitlines()
    assert max(map(len, lines)) <= width
    assert any("core-nodes-1" in line and "lagging" in line and " 40 " in f"{line} " for line in lines)
    assert COLOUR.search(screen)


async def test_no_color_is_honoured(address: str) -> None:
    _, screen = await run_in_terminal("top", "--once", "--scaler", address, NO_COLOR="1")
    assert "lagging" in screen
    assert not COLOUR.search(screen)


async def test_a_dumb_terminal_gets_text_alone_and_once(address: str) -> None:
    code, screen = await run_in_terminal("top", "--scaler", address, TERM="dumb")
    assert code == 0
    assert "core-nodes-2" in screen
    assert ESCAPE not in screen


async def test_wide_shows_every_column_however_narrow_the_terminal_is(address: str) -> None:
    _, screen = await run_in_terminal("top", "-o", "wide", "--scaler", address, width=60, NO_COLOR="1")
    (heading,) = [line for line in screen.splitlines() if "replica" in line and "class" in line]
    assert re.sub(r"\x1b\[[0-9;]*m", "", heading).split() == [
        *("replica", "class", "ledger", "behind", "lag", "rate", "fresh", "in", "state")
    ]


@pytest.mark.parametrize(("output", "load"), [("json", json.loads), ("yaml", yaml.safe_load)], ids=["json", "yaml"])
async def test_data_is_a_document_without_colours_even_in_a_terminal(
    address: str, output: str, load: type[object]
) -> None:
    _, screen = await run_in_terminal("top", "-o", output, "--scaler", address)
    document: object = load(screen)  # type: ignore[call-arg]
    assert isinstance(document, dict)
    assert (document["apiVersion"], document["kind"]) == ("cli.readpool/v1alpha1", "FleetList")
    (fleet,) = document["items"]
    assert fleet["name"] == "stellar/core-nodes"
    assert fleet["tip"] == {"ledger": 1000, "movedAt": "2027-01-15T07:59:58Z", "halted": False}
    assert fleet["desiredReplicas"] == 3
    fresh, lagging, unreachable = fleet["replicas"]
    assert (fresh["class"], fresh["lag"]) == ("fresh", 1)
    assert (lagging["class"], lagging["lag"]) == ("lagging", 40)
    assert (unreachable["class"], unreachable["lag"]) == ("unreachable", None)


async def test_names_are_names_alone(address: str) -> None:
    assert await run_in_terminal("top", "-o", "name", "--scaler", address) == (0, "stellar/core-nodes\n")


async def test_watching_in_a_dumb_terminal_is_refused() -> None:
    code, screen = await run_in_terminal("pools", "--watch", TERM="dumb")
    assert code == 2
    assert "--watch draws a table in a terminal" in screen
