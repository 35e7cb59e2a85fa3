"""`python -m devtools.release PART`: make one part of a release in dist/. The targets of make call it.

All times in what is made are SOURCE_DATE_EPOCH's, else those of the last commit: two runs make the same files.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import click
import yaml
from packaging.requirements import Requirement

from devtools.release.chart import ChartError, package_chart
from devtools.release.definition import build_definition, build_json_schema
from devtools.release.krew.plugin import BINARY, build_archive, build_manifest
from devtools.release.sbom import build_sbom
from devtools.release.versions import VersionError, check_tag, find_notes, read_version

ROOT = Path(__file__).resolve().parents[2]
_FIRST_DAY = 315_532_800
"""1980-01-01: a zip file, which a wheel is, knows no earlier time."""


_PUBLISHED = (".whl", ".zip", ".gz", ".tgz", ".yaml", ".json")


def find_time() -> int:
    """Find the time that everything gets, in Unix seconds."""
    told = os.environ.get("SOURCE_DATE_EPOCH", "")
    if told:
        return max(_FIRST_DAY, int(told))
    command = ["git", "log", "-1", "--format=%ct"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    return int(shown) if shown else _FIRST_DAY


def _version() -> str:
    return read_version((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _write(folder: Path, name: str, content: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    click.echo(f"{folder / name}  sha256:{hashlib.sha256(content).hexdigest()}")


@click.group(help="Make one part of a release.")
@click.option("--dist", type=click.Path(path_type=Path), default=ROOT / "dist", help="Where to. [dist]")
@click.pass_context
def main(context: click.Context, dist: Path) -> None:
    """Make one part of a release in `dist`."""
    context.obj = dist


@main.command("check", help="Check that TAG may release what is checked out, and print its notes.")
@click.argument("tag")
def check(tag: str) -> None:
    """Check a tag."""
    chart = yaml.safe_load((ROOT / "charts/readpool/Chart.yaml").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    check_tag(tag, _version(), {key: chart[key] for key in ("version", "appVersion")}, changelog)
    click.echo(find_notes(changelog, _version()))


@main.command("python", help="Make sdist and wheel.")
@click.pass_obj
def make_python(dist: Path) -> None:
    """Make sdist and wheel by hatchling, without a build environment of its own: the lock has it."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(find_time())}
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(dist)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


@main.command("chart", help="Make the chart's package; REPOSITORY and DIGEST name the image that it installs.")
@click.option("--repository", default="", help="Of the image. [that of values.yaml]")
@click.option("--digest", default="", help="Of the image, sha256:…. [none]")
@click.option("--gate-digest", default="", help="Of the image of Envoy, sha256:…. [none]")
@click.pass_obj
def make_chart(dist: Path, repository: str, digest: str, gate_digest: str) -> None:
    """Make the chart's package."""
    folder = ROOT / "charts/readpool"
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    named = {"repository": repository, "digest": digest, "gate_digest": gate_digest}
    notes = find_notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), _version())
    _write(dist, *package_chart(files, _version(), find_time(), notes=notes, **named))


@main.command("gate-image", help="Print the image of Envoy that the chart names, by its tag.")
def print_gate_image() -> None:
    """Print it as a registry wants it."""
    image = yaml.safe_load((ROOT / "charts/readpool/values.yaml").read_text(encoding="utf-8"))["gate"]["image"]
    click.echo(f"{image['registry'] or 'docker.io'}/{image['repository']}:{image['tag']}")


@main.command("definition", help="Make the definition of ReadOnlyPool: for kubectl, and as JSON schema.")
@click.pass_obj
def make_definition(dist: Path) -> None:
    """Make the definition's files."""
    _write(dist, "readonlypools.stellar.org.yaml", build_definition().encode())
    _write(dist, "readonlypool.schema.json", build_json_schema().encode())


@main.command("sbom", help="Make the bill of materials of what the image adds to its base.")
@click.pass_obj
def make_sbom(dist: Path) -> None:
    """Make the bill of materials."""
    needed = [Requirement(one).name for one in metadata.requires("readpool") or ()]
    lock = (ROOT / "lock/runtime.txt").read_text(encoding="utf-8")
    made = build_sbom(lock, _version(), find_time(), _find_license, needed)
    _write(dist, f"readpool-{_version()}.cdx.json", made.encode())


def _find_license(name: str) -> str:
    try:
        return str(metadata.metadata(name)["License-Expression"] or "")
    except metadata.PackageNotFoundError:
        return ""  # of another platform


@main.command("krew", help="Make the kubectl plugin's archive and its krew manifest.")
@click.pass_obj
def make_krew(dist: Path) -> None:
    """Make the plugin's archive and manifest."""
    folder = Path(__file__).parent / "krew"
    launcher = (folder / BINARY).read_text(encoding="utf-8")
    name, archive = build_archive(launcher, (ROOT / "LICENSE").read_bytes(), _version(), find_time())
    _write(dist, name, archive)
    template = (folder / "readpool.yaml").read_text(encoding="utf-8")
    _write(dist, "readpool.yaml", build_manifest(template, _version(), archive).encode())


@main.command("checksums", help="Write SHA256SUMS of all that is in dist.")
@click.pass_obj
def make_checksums(dist: Path) -> None:
    """Write the checksums as sha256sum does."""
    files = sorted(path for path in dist.iterdir() if path.suffix in _PUBLISHED and ".sigstore." not in path.name)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    _write(dist, "SHA256SUMS", "".join(lines).encode())


def _run(command: Callable[[], object]) -> None:
    try:
        command()
    except (VersionError, ChartError) as error:
        sys.exit(f"release: {error}")


if __name__ == "__main__":
    _run(main)
