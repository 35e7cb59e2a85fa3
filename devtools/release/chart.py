"""The chart as it is released: its version, and the image that it installs by digest, filled in. Pure.

What is installed is then what was signed, whatever a tag points at later.
"""

import json
import re
from collections.abc import Mapping

import yaml

from devtools.release.archive import pack
from devtools.release.values_table import build_values_table
from devtools.release.versions import to_chart_version

_SOURCE = "https://github.com/readpool/readpool"
_KINDS = frozenset({"added", "changed", "deprecated", "removed", "fixed", "security"})
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class ChartError(ValueError):
    """A chart that cannot be released so. The message says why."""


def package_chart(
    files: Mapping[str, bytes],
    version: str,
    made_at: int,
    *,
    repository: str = "",
    digest: str = "",
    gate_digest: str = "",
    notes: str = "",
) -> tuple[str, bytes]:
    """Package a chart as `helm package` lays it out; return the file's name and its content.

    Args:
        files: of the chart, path in its folder to content.
        version: of readpool, as in pyproject.toml.
        made_at: Unix seconds that all entries get.
        repository: of the image; what values.yaml has where it is empty.
        digest: of the image, sha256:…; none where it is empty.
        gate_digest: of the image of Envoy, likewise.
        notes: what the changelog says of the version, for Artifact Hub; none where it is empty.
    """
    for given in filter(None, (digest, gate_digest)):
        if not _DIGEST.fullmatch(given):
            raise ChartError(f"digest {given!r} is not sha256: and 64 hexadecimal digits")
    filled = dict(files)
    filled["Chart.yaml"] = _set(files["Chart.yaml"], "version", to_chart_version(version))
    filled["Chart.yaml"] = _set(filled["Chart.yaml"], "appVersion", f'"{version}"')
    if notes:
        filled["Chart.yaml"] = _annotate(filled["Chart.yaml"], "artifacthub.io/changes", build_changes(notes))
    table = build_values_table(yaml.safe_load(files["values.yaml"]), json.loads(files["values.schema.json"]))
    links = files["README.md"].decode().replace("](../../", f"]({_SOURCE}/blob/main/")
    filled["README.md"] = f"{links.rstrip()}\n\n{table}".encode()
    for field, value in (("repository", repository), ("digest", f'"{digest}"' if digest else "")):
        if value:
            filled["values.yaml"] = _set(filled["values.yaml"], field, value, indent="  ")
    if gate_digest:
        before, gate, after = filled["values.yaml"].partition(b"\ngate:\n")
        filled["values.yaml"] = before + gate + _set(after, "digest", f'"{gate_digest}"', indent="    ")
    name = f"readpool-{to_chart_version(version)}.tgz"
    return name, pack({f"readpool/{path}": content for path, content in filled.items()}, made_at)


def build_changes(notes: str) -> list[dict[str, str]]:
    """Build the changes of a version as Artifact Hub shows them, from the changelog's section of it.

    Each point is one change, of the kind that its heading says. Links into the repository become their words alone.
    """
    changes, kind = [], ""
    for part in re.split(r"(?m)^(?=### |- )", notes):
        if part.startswith("### "):
            kind = part.removeprefix("### ").strip().lower()
        elif part.startswith("- "):
            words = " ".join(part.removeprefix("- ").split())
            changes.append({"kind": kind, "description": re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", words)})
    if strange := {one["kind"] for one in changes} - _KINDS:
        raise ChartError(f"the changelog has the heading {min(strange)!r}; allowed are {', '.join(sorted(_KINDS))}")
    return changes


def _annotate(chart: bytes, name: str, value: object) -> bytes:
    """Add an annotation to a Chart.yaml whose annotations stand at its end."""
    lines = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000).splitlines()
    text = "\n".join([chart.decode().rstrip(), f"  {name}: |", *(f"    {line}" for line in lines), ""])
    if yaml.safe_load(yaml.safe_load(text)["annotations"].get(name, "")) != value:
        raise ChartError("the annotations of Chart.yaml must be its last field")
    return text.encode()


def _set(content: bytes, field: str, value: str, indent: str = "") -> bytes:
    """Set the first field of this name at this depth; everything else, comments too, stays as it is written."""
    text, count = re.subn(rf"(?m)^{indent}{field}: .*$", f"{indent}{field}: {value}", content.decode(), count=1)
    if count != 1:
        raise ChartError(f"the chart has no field {field}")
    return text.encode()
