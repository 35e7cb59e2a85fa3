"""The `readpool` command: imports only the command that is asked for, so that help comes at once."""

import os
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click
from click.shell_completion import CompletionItem

from readpool.text import make_printable

# Name, module, attribute, and the line that help shows without importing any of them.
COMMANDS = {
    "scaler": ("scaler.__main__", "scaler", "Watch fleets and answer KEDA: run the scaler."),
    "controller": ("controller.__main__", "controller", "Reconcile ReadOnlyPools: run the controller."),
    "certificates": (
        "readpool.certificates.__main__",
        "certificates",
        "Issue and renew the CA, server and client certificates of an installation.",
    ),
    "pools": ("readpool.cli.pools.pools", "pools", "List a cluster's pools, with how far behind each replica is."),
    "explain": ("readpool.cli.pools.explain", "explain", "Explain why a pool has its size."),
    "top": ("readpool.cli.fleets.top", "top", "Show what a scaler sees, live."),
    "validate": (
        "readpool.cli.validation.validate",
        "validate",
        "Check manifests of pools and triggers, without a cluster.",
    ),
    "report": ("readpool.cli.report.report", "report", "Write a support bundle, without secrets."),
    "backtest": ("readpool.cli.backtest.command", "backtest", "Replay a pool's past to compare other settings."),
    "check": ("readpool.cli.fleets.check", "check", "Ask a scaler as KEDA does, and report whether it answers."),
    "demo": ("readpool.cli.demo.demo", "demo", "Show a pool that heals itself in 90 seconds: no cluster, no root."),
    "simulate": ("readpool.cli.simulate", "simulate", "Run a simulated Stellar Core, for tests and trials."),
    "completion": ("readpool.cli.completion", "completion", "Print the completion script of a shell."),
}
_PROGRAMS = frozenset({"scaler", "controller", "certificates"})


class LazyGroup(click.Group):
    """A group that imports a command only when it runs or is asked for its own help."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """List the commands, those that run a program first."""
        return list(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """Import the command of this name; None if there is none."""
        if name not in COMMANDS:
            return None
        if name not in _PROGRAMS:
            os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # a client's errors are ours to word; read at the import
        module, attribute, _ = COMMANDS[name]
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101  # COMMANDS is ours
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or refuse with the name that was probably meant."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            near = get_close_matches(args[0], COMMANDS, n=1)
            meant = f" Did you mean '{near[0]}'?" if near else ""
            raise click.UsageError(f"No such command '{args[0]}'.{meant}", context)
        return super().resolve_command(context, args)

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the names of commands from COMMANDS, importing none."""
        if incomplete.startswith("-"):
            return super().shell_complete(context, incomplete)
        return [
            CompletionItem(name, help=text) for name, (_, _, text) in COMMANDS.items() if name.startswith(incomplete)
        ]

    def invoke(self, context: click.Context) -> Any:
        """Run a command; its error message may hold the words of nodes, callers or the API server."""
        try:
            return super().invoke(context)
        except click.ClickException as error:
            if isinstance(error, click.UsageError):
                raise  # the words of the person who runs it
            lines = error.message.split("\n")
            said = "\n".join(make_printable(line) for line in lines)
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
  readpool explain readers           why does this pool have its size?
  readpool check scaler:9090         does it answer as KEDA asks?
  readpool simulate core version     a Stellar Core for tests, without Stellar Core""",
)
@click.version_option(_version(), prog_name="readpool")
def main() -> None:
    """Read-only pools of Stellar Core on Kubernetes that keep themselves fresh."""


if __name__ == "__main__":
    main(prog_name="readpool")
