"""`readpool validate -f FILE`: are these pools and triggers right? Offline, in the words of API server and scaler."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from readpool.cli.terminal.output import Output, output_option, print_data
from readpool.cli.validation.checked import Checked, Rules, build_report, check_text, list_lines
from readpool.cli.validation.findings import Finding
from readpool.text import make_printable

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})


@click.command(
    context_settings={"max_content_width": 100},
    epilog="""\b
Examples:
  readpool validate -f pool.yaml
  readpool validate -f manifests/ -R
  kustomize build . | readpool validate -f -
  readpool validate -f pool.yaml -o json | jq -r '.items[].findings[].message'""",
)
@click.option(
    "-f",
    "--filename",
    "names",
    multiple=True,
    required=True,
    type=click.Path(allow_dash=True),
    metavar="FILE",
    help="File or folder of manifests, YAML or JSON; - is standard input. Repeatable.",
)
@click.option("-R", "--recursive", is_flag=True, help="With a folder: its subfolders too.")
@click.option(
    "-n", "--namespace", default="default", show_default=True, metavar="NS", help="Namespace of objects that name none."
)
@click.option(
    "--allow-static-nodes",
    is_flag=True,
    help="Accept nodes and references in triggers, as a scaler started with this flag does.",
)
@output_option((Output.TEXT, Output.JSON, Output.YAML))
def validate(
    *, names: tuple[str, ...], recursive: bool, namespace: str, allow_static_nodes: bool, output: Output
) -> None:
    """Check ReadOnlyPools and the triggers of ScaledObjects, without a cluster.

    Reports every field that the API server, the scaler or the controller would refuse, in their words, with file and
    line. Objects of other kinds and triggers of other scalers are not checked. What only the cluster knows is not
    checked either: fields that cannot change, names that are taken, Secrets and StorageClasses that do not exist.

    The exit code is 1 if anything would be refused, or a file cannot be read.
    """
    rules = Rules(namespace, allow_static_nodes)
    checked: list[Checked] = []
    others = 0
    for file, text in _read_files(names, recursive=recursive):
        if isinstance(text, Finding):
            checked.append(Checked(file, 0, "", "", [(0, text)]))
            continue
        found, rest = check_text(file, text, rules)
        checked += found
        others += rest
    if output.is_data:
        print_data(build_report(checked, others), output)
    else:
        for line in list_lines(checked, others):
            click.echo(make_printable(line))
    sys.exit(int(not all(one.is_valid for one in checked)))


def _read_files(names: tuple[str, ...], *, recursive: bool) -> Iterator[tuple[str, str | Finding]]:
    """Read files, each with its name; one that cannot be read gives a finding."""
    for name in names:
        if name == "-":
            yield "standard input", _decode(sys.stdin.buffer.read())
            continue
        path = Path(name)
        found = sorted(path.rglob("*") if recursive else path.glob("*")) if path.is_dir() else [path]
        for file in found:
            if file == path or (file.suffix in _SUFFIXES and file.is_file()):
                yield str(file), _read(file)


def _read(path: Path) -> str | Finding:
    try:
        return _decode(path.read_bytes())
    except OSError as error:
        return Finding("", f"cannot be read: {error.strerror or error}")


def _decode(content: bytes) -> str | Finding:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return Finding("", "is not UTF-8 text")
