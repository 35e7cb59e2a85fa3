"""The `readpool` command: imports only the command that was asked for, so that help comes at once."""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

# Name, module, attribute, and the line that help shows without importing any of them.
COMMANDS = {
    "scaler": ("scaler.__main__", "scaler", "Watch fleets and answer KEDA: the scaler itself."),
    "controller": ("controller.__main__", "controller", "Look after ReadOnlyPools: the controller itself."),
    "top": ("readpool.cli.fleets.top", "top", "Show in a terminal what a scaler sees."),
    "pools": ("readpool.cli.pools.pools", "pools", "List a cluster's pools, with how far behind each replica is."),
    "explain": ("readpool.cli.pools.explain", "explain", "Say why a pool is of its size."),
    "backtest": (
        "readpool.cli.backtest.command",
        "backtest",
        "Replay a pool's past for other settings, and recommend one.",
    ),
    "check": ("readpool.cli.fleets.check", "check", "Ask a scaler as KEDA does, and say whether it answers."),
    "demo": ("readpool.cli.demo.demo", "demo", "Play the whole story in 90 seconds: no cluster, no root."),
    "simulate": ("readpool.cli.simulate", "simulate", "Run a simulated Stellar Core, for tests and for a look."),
}


class LazyGroup(click.Group):
    """A group that imports a command only when it runs or is asked for its own help."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """List the commands, in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """Import the command of this name; None where there is none."""
        if name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[name]
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101  # COMMANDS is ours
        return command

    def invoke(self, context: click.Context) -> Any:
        """Run a command; what it fails with may be the words of nodes, callers or the API server."""
        try:
            return super().invoke(context)
        except click.ClickException as error:
            if isinstance(error, click.UsageError):
                raise  # the words of whoever runs it
            lines = error.message.split("\n")
            said = "\n".join("".join(each if each.isprintable() else "?" for each in line) for line in lines)
            raise click.ClickException(said) from error

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from COMMANDS, importing none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])


def _version() -> str:
    try:
        return version("readpool")
    except PackageNotFoundError:
        return "unknown (not installed)"


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  readpool demo                      see it work, on a simulated network
  readpool demo --core stellar-core  the same on real stellar-core processes
  readpool scaler --help             how to run the scaler
  readpool top                       what the scaler at localhost:9090 sees
  readpool pools -A                  the pools of a cluster
  readpool explain readers           why is this pool of its size?
  readpool check scaler:9090         does it answer as KEDA asks?
  readpool simulate core version     a Stellar Core for tests, without Stellar Core""",
)
@click.version_option(_version(), prog_name="readpool")
def main() -> None:
    """Read-only pools of Stellar Core on Kubernetes that keep themselves fresh."""


if __name__ == "__main__":
    main(prog_name="readpool")
