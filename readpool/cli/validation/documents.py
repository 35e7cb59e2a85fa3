"""Takes YAML and JSON apart into objects, with the line of every field: what `readpool validate` reads. Pure.

YAML as Kubernetes reads it: a key twice in a mapping is an error, and dates are text. Aliases are followed, to a bound.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

MOST_NODES = 200_000
"""Values of one document with its aliases followed: far more than an API server takes."""
_PATH_PART = re.compile(r"[^.\[\]]+")


class UnreadableError(ValueError):
    """A text that is neither YAML nor JSON; `line` counts from 1, 0 if it is not known."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


class _Loader(yaml.SafeLoader):
    """YAML without dates: Kubernetes has none."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True)
class Document:
    """One object of a file.

    Attributes:
        value: the object, or whatever stands there instead of one.
        duplicates: keys given twice in one mapping, with their lines.
    """

    value: Any
    node: yaml.Node | None = field(default=None, compare=False)
    duplicates: Sequence[tuple[str, int]] = ()

    def find_line(self, path: str) -> int:
        """Find the line of a field such as spec.triggers[0].type, or of its closest parent; 0 if none is known."""
        return 0 if self.node is None else _find_line(self.node, _PATH_PART.findall(path))


def read_documents(text: str) -> list[Document]:
    """Read all objects of a text; those of a List are given one by one, and empty documents not at all.

    Raises:
        UnreadableError: it is neither YAML nor JSON, or a document is too large with its aliases followed.
    """
    try:
        documents = list(_read_yaml(text))
    except UnreadableError:
        if not text.lstrip().startswith(("{", "[")):
            raise
        documents = [_read_json(text)]  # JSON may have tabs, which YAML refuses
    return [one for document in documents if document.value is not None for one in _open_list(document)]


def _read_yaml(text: str) -> Iterator[Document]:
    try:
        loader = _Loader(text)
        while loader.check_node():
            node = loader.get_node()
            if node is None:
                continue
            if _measure(node, {}, set()) > MOST_NODES:
                raise UnreadableError(f"a document has more than {MOST_NODES:,} values", node.start_mark.line + 1)
            duplicates = tuple(_find_duplicates(node, set()))
            yield Document(loader.construct_document(node), node, duplicates)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UnreadableError(error.problem or str(error), mark.line + 1 if mark else 0) from None
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, UnreadableError):
            raise
        raise UnreadableError(" ".join(str(error).split())) from None
    except RecursionError:
        raise UnreadableError("a document is nested too deeply") from None


def _read_json(text: str) -> Document:
    try:
        return Document(json.loads(text))
    except json.JSONDecodeError as error:
        raise UnreadableError(error.msg, error.lineno) from None
    except RecursionError:
        raise UnreadableError("a document is nested too deeply") from None


def _measure(node: yaml.Node, known: dict[int, int], within: set[int]) -> int:
    """Count the values below a node, each alias as what it stands for."""
    if id(node) in within:
        raise UnreadableError("an alias stands within its own anchor", node.start_mark.line + 1)
    if id(node) not in known:
        within.add(id(node))
        known[id(node)] = 1 + sum(_measure(each, known, within) for each in _list_children(node))
        within.remove(id(node))
    return known[id(node)]


def _list_children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        yield from (part for pair in node.value for part in pair)
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _find_duplicates(node: yaml.Node, seen: set[int]) -> Iterator[tuple[str, int]]:
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        first: set[str] = set()
        for key in keys:
            if key.value in first:
                yield key.value, key.start_mark.line + 1
            first.add(key.value)
    for child in _list_children(node):
        yield from _find_duplicates(child, seen)


def _find_line(node: yaml.Node, path: Sequence[str]) -> int:
    line = int(node.start_mark.line) + 1
    if not path:
        return line
    if isinstance(node, yaml.SequenceNode) and path[0].isdigit() and int(path[0]) < len(node.value):
        return _find_line(node.value[int(path[0])], path[1:])
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == path[0]:
                return _find_line(value, path[1:]) if path[1:] else int(key.start_mark.line) + 1
    return line


def _open_list(document: Document) -> Iterator[Document]:
    value = document.value
    if not isinstance(value, Mapping) or not str(value.get("kind", "")).endswith("List"):
        yield document
        return
    items = value.get("items")
    nodes = _find_items(document.node) if document.node is not None else []
    for place, item in enumerate(items if isinstance(items, list) else []):
        yield Document(item, nodes[place] if place < len(nodes) else None, document.duplicates if place == 0 else ())


def _find_items(node: yaml.Node) -> list[yaml.Node]:
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if isinstance(key, yaml.ScalarNode) and key.value == "items" and isinstance(value, yaml.SequenceNode):
            return list(value.value)
    return []
