"""What `readpool validate` found in files: objects with their findings, as lines for people or a document. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from readpool.cli.terminal.output import build_document
from readpool.cli.validation.documents import Document, UnreadableError, read_documents
from readpool.cli.validation.findings import Finding, Level
from readpool.cli.validation.pool_checks import check_pool, is_pool
from readpool.cli.validation.trigger_checks import check_scaled_object, is_ours, is_scaled_object


@dataclass(frozen=True, slots=True)
class Checked:
    """One object of a file, or a file that cannot be read, and what was found.

    Attributes:
        line: where it begins, 0 if that is not known.
        kind: empty for what is no object.
        findings: each with its line.
    """

    file: str
    line: int
    kind: str
    name: str
    findings: Sequence[tuple[int, Finding]] = ()

    @property
    def is_valid(self) -> bool:
        """Whether nothing in it would be refused."""
        return all(finding.level is not Level.ERROR for _, finding in self.findings)

    @property
    def title(self) -> str:
        """What it is called in messages."""
        return f"{self.kind} {self.name}".strip()


@dataclass(frozen=True, slots=True)
class Rules:
    """What the check goes by: the namespace of objects that name none, and what the scaler is started with."""

    namespace: str = "default"
    allow_static_nodes: bool = False


def check_text(file: str, text: str, rules: Rules) -> tuple[list[Checked], int]:
    """Check all of our objects in a text; return them and how many others it has."""
    try:
        documents = read_documents(text)
    except UnreadableError as error:
        return [Checked(file, error.line, "", "", [(error.line, Finding("", str(error)))])], 0
    checked = [one for document in documents if (one := _check(file, document, rules)) is not None]
    return checked, len(documents) - len(checked)


def _check(file: str, document: Document, rules: Rules) -> Checked | None:
    value = document.value
    if not isinstance(value, Mapping):
        problem = Finding("", "not a Kubernetes object: it must be a mapping with apiVersion, kind and metadata")
        return _build(file, document, "", "", [problem])
    kind, name = str(value.get("kind", "")), _say_name(value, rules)
    if is_pool(value):
        return _build(file, document, kind, name, check_pool(value))
    if is_scaled_object(value) and _has_ours(value):
        found = check_scaled_object(value, namespace=rules.namespace, allow_static_nodes=rules.allow_static_nodes)
        return _build(file, document, kind, name, found)
    return None


def _has_ours(manifest: Mapping[str, Any]) -> bool:
    spec = manifest.get("spec")
    triggers = spec.get("triggers") if isinstance(spec, Mapping) else None
    return not isinstance(triggers, list) or not triggers or any(map(is_ours, triggers))


def _build(file: str, document: Document, kind: str, name: str, findings: Sequence[Finding]) -> Checked:
    told = [(line, Finding("", f'key "{key}" already set in map')) for key, line in document.duplicates]
    told += [(document.find_line(finding.field), finding) for finding in findings]
    return Checked(file, document.find_line(""), kind, name, sorted(told, key=lambda one: one[0]))


def _say_name(manifest: Mapping[str, Any], rules: Rules) -> str:
    metadata = manifest.get("metadata")
    known = metadata if isinstance(metadata, Mapping) else {}
    return f"{known.get('namespace') or rules.namespace}/{known.get('name') or '(no name)'}"


def list_lines(checked: Sequence[Checked], others: int) -> Iterator[str]:
    """List the findings as compilers do, FILE:LINE: level: sentence, and what they come to."""
    for one in checked:
        for line, finding in one.findings:
            where = f"{one.file}:{line}" if line else one.file
            subject = f"{one.title}: " if one.title else ""
            yield f"{where}: {finding.level}: {subject}{finding.message}"
        if one.is_valid:
            yield f"{one.file}:{one.line}: {one.title} is valid" if one.line else f"{one.file}: {one.title} is valid"
    valid = sum(one.is_valid for one in checked)
    left = f"; {others} {'object' if others == 1 else 'objects'} of other kinds not checked" if others else ""
    yield f"{valid} valid, {len(checked) - valid} invalid{left}."


def build_report(checked: Sequence[Checked], others: int) -> dict[str, Any]:
    """Build the document for programs."""
    items = [
        {
            "file": one.file,
            "line": one.line or None,
            "kind": one.kind,
            "name": one.name,
            "valid": one.is_valid,
            "findings": [
                {"level": str(found.level), "field": found.field, "line": line or None, "message": found.message}
                for line, found in one.findings
            ],
        }
        for one in checked
    ]
    valid = all(one.is_valid for one in checked)
    return build_document("ValidationReport", valid=valid, notChecked=others, items=items)
