"""`readpool completion SHELL`: prints the script that completes commands and flags of `readpool` in a shell."""

import click
from click.shell_completion import get_completion_class

COMPLETE_VARIABLE = "_READPOOL_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  source <(readpool completion bash)      now, in this shell; in ~/.bashrc for every shell
  readpool completion zsh > "${fpath[1]}/_readpool"
  readpool completion fish > ~/.config/fish/completions/readpool.fish""",
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell, for commands, flags and their values.

    It needs Bash 4.4 or later, Zsh or Fish, and `readpool` on the PATH.
    """
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101  # click has all of SHELLS
    click.echo(kind(context.find_root().command, {}, "readpool", COMPLETE_VARIABLE).source())
