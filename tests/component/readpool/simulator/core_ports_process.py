"""A process with both ports of a simulated Core, to be stopped and ended: says its two ports, then serves."""

import asyncio
import sys
import time

from readpool.simulator.core.command_port import CommandPort
from readpool.simulator.core.errors import ABORTED, CoreFailure
from readpool.simulator.core.failing import report
from readpool.simulator.core.ledger_state import genesis_entries
from readpool.simulator.core.model import GENESIS
from readpool.simulator.core.node_view import NodeFacts
from readpool.simulator.core.query_port import QueryPort
from readpool.simulator.core.settings import QuorumSet
from readpool.simulator.core.snapshots import Snapshots
from tests.component.readpool.simulator.core_ports import NETWORK, VALIDATOR, WATCHER, ScriptedNode


async def serve() -> None:
    """Serve until the process ends."""
    quorum = QuorumSet(1, (VALIDATOR,))
    facts = NodeFacts(
        "Joining SCP",
        NETWORK,
        time.time(),
        WATCHER,
        is_validator=False,
        header=GENESIS,
        age_seconds=0,
        quorum=quorum,
    )
    command_port = CommandPort(ScriptedNode(facts))
    await command_port.listen("127.0.0.1", 0)
    snapshots = Snapshots(1, genesis_entries(NETWORK))
    query_port = QueryPort(("127.0.0.1", 0), snapshots, lambda said: report(CoreFailure(said, ABORTED)))
    sys.stdout.write(f"{command_port.port} {query_port.port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
