"""Which version is this, and may it be released under a tag? Python's spelling in, the chart's out. Pure."""

import re
import tomllib
from collections.abc import Mapping

_VERSION = re.compile(r"(\d+\.\d+\.\d+)(?:\.dev(\d+)|(a|b|rc)(\d+))?")
_WORDS = {"a": "alpha", "b": "beta", "rc": "rc"}


class VersionError(ValueError):
    """A version or tag that cannot be released. The message says what is wrong and where."""


def read_version(pyproject: str) -> str:
    """Read the version from the text of pyproject.toml."""
    version: str = tomllib.loads(pyproject)["project"]["version"]
    return version


def to_chart_version(version: str) -> str:
    """Spell a version as charts do (SemVer): 0.2.0.dev0 is 0.2.0-dev.0, 0.2.0rc1 is 0.2.0-rc.1.

    Raises:
        VersionError: for any other spelling.
    """
    found = _VERSION.fullmatch(version)
    if found is None:
        raise VersionError(f"version {version!r} is not MAJOR.MINOR.PATCH, with .devN, aN, bN or rcN at most")
    base, dev, word, number = found.groups()
    if dev is not None:
        return f"{base}-dev.{dev}"
    return base if word is None else f"{base}-{_WORDS[word]}.{number}"


def check_tag(tag: str, version: str, chart: Mapping[str, str], changelog: str) -> None:
    """Check that a tag may release what is checked out.

    Raises:
        VersionError: when the tag is of another version, or that is not ready to be released.
    """
    if tag != f"v{version}":
        raise VersionError(f"tag {tag!r} is not v{version}, which pyproject.toml says")
    if ".dev" in version:
        raise VersionError(f"version {version} is a development version: set it to the release's first")
    expected = {"version": to_chart_version(version), "appVersion": version}
    if dict(chart) != expected:
        raise VersionError(f"charts/readpool/Chart.yaml has {dict(chart)}, not {expected}")
    if not find_notes(changelog, version):
        raise VersionError(f"CHANGELOG.md has no section '## [{version}]' or '## {version}'")


def find_notes(changelog: str, version: str) -> str:
    """Find what the changelog says of a version; empty where it has no section of it."""
    found = re.search(rf"^## \[?{re.escape(version)}\]?[^\n]*\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""
