"""What a fleet of nodes can be told to do, whether its nodes are simulated or real stellar-core processes.

The demo and the tests are written against this alone. Two things offer it:
- `readpool.simulator.fleet.SimulatedFleet`, made by `await start_fleet(FleetSettings(...))`;
- `readpool.simulator.core_network.CoreNetwork`, made by `await start_core_network(binary, CoreNetworkSettings(...))`.
Both close themselves as asynchronous context managers. Faults that only a simulation has are methods of SimulatedFleet.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self


class StatefulFleet(Protocol):
    """A fleet that grows and shrinks as a StatefulSet does: by ordinals, the highest leaves first.

    A name that is not in the fleet is a KeyError that says which there are.
    """

    def names(self) -> tuple[str, ...]:
        """Name its nodes, NAME-0 first. A stopped or dead node is still one of them."""

    def addresses(self) -> Mapping[str, str]:
        """Map each name to its command port, `http://127.0.0.1:PORT`, which stays the same over restarts."""

    @property
    def network(self) -> str:
        """The passphrase of its network."""

    async def scale(self, count: int) -> None:
        """Make it `count` nodes: newcomers have nothing and must catch up, the highest ordinals end permanently.

        Returns when processes are started or ended, not when newcomers are fresh. An ordinal that returns is a new one.
        """

    async def stop(self, name: str) -> None:
        """Stop a node as SIGSTOP does: the kernel still accepts connections, no process answers. Twice is once."""

    async def resume(self, name: str) -> None:
        """Resume a stopped node, as SIGCONT does: it lags, then catches up. One not stopped is left alone."""

    async def restart(self, name: str) -> None:
        """End a node's process and start it again with its database kept. Returns when the new process is started."""

    async def die(self, name: str) -> None:
        """End a node's process; its database and its address are kept, its port refuses."""

    async def revive(self, name: str) -> None:
        """Start the process of a dead node with its database. One that runs is left alone."""

    async def halt(self) -> None:
        """Halt the whole network: every node answers, no ledger closes. No replica lags."""

    async def unhalt(self) -> None:
        """Make a halted network close ledgers again."""

    async def close(self) -> None:
        """End every node, leave nothing behind. Twice is once."""

    async def __aenter__(self) -> Self:
        """Return itself: it runs already."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()
