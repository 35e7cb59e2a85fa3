"""`readpool simulate`: what stands in for Stellar's own programs where there are none of them."""

import sys

import click

_CORE_HELP = """Run a simulated Stellar Core: `readpool simulate core ARGS` is `stellar-core ARGS`.

It is one process that is configured, started, read and ended as Stellar Core 22.4.1 is: new-db, run, catchup, new-hist,
its ports, its life cycle, its archives. It closes ledgers with payments in them, and is no Stellar Core: it checks no
contracts, and its peers are simulated ones alone. Its build string says so.
"""


_CORE_EXAMPLES = """\b
Examples: a network of two nodes, a validator that closes ledgers and a watcher that follows it
(docs/simulator.md has both configurations):
  for node in validator watcher; do (cd $node && readpool simulate core --conf node.cfg new-db); done
  (cd validator && readpool simulate core --conf node.cfg run) &
  (cd watcher && readpool simulate core --conf node.cfg run) &      curl localhost:11636/info

\b
  readpool simulate core help          what other commands there are, as Core lists them
  readpool simulate core run --help    the options of one"""


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  readpool simulate core version    its build says that it is simulated
  readpool simulate core --help     a network of two nodes in three commands""",
)
def simulate() -> None:
    """Run what stands in for Stellar Core where there is none: on a laptop, in tests, in a cluster of your own."""


@simulate.command(
    help=_CORE_HELP,
    short_help="Run a simulated Stellar Core.",
    epilog=_CORE_EXAMPLES,
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="ARGS…")
@click.pass_context
def core(context: click.Context, words: tuple[str, ...]) -> None:
    """Pass the arguments to the simulated Core; a plain call for help is answered here."""
    if not words or words[0] in {"-h", "--help"}:
        click.echo(context.get_help())
        return
    from readpool.simulator.core.command_line import main  # noqa: PLC0415  # help needs none of it

    sys.exit(main(words))
