"""The page's files: all are served, and the example on the page is one that the scaler understands."""

import html
import re
from html.parser import HTMLParser
from typing import Any

import pytest
import yaml

from readpool.replica_class import ReplicaClass
from scaler.telemetry.page_feed import Health
from scaler.telemetry.page_files import PageFile, read_page_files
from scaler.triggers.fleet_spec import ServiceSource
from scaler.triggers.trigger import parse_trigger


@pytest.fixture
def files() -> dict[str, PageFile]:
    return {file.path: file for file in read_page_files()}


def _read(file: PageFile) -> str:
    return file.body.decode("utf-8")


def _read_example(files: dict[str, PageFile]) -> dict[str, Any]:
    found = re.search(r'<pre id="example"[^>]*>(.*?)</pre>', _read(files["/"]), re.DOTALL)
    assert found is not None
    example = yaml.safe_load(html.unescape(found[1]))
    assert isinstance(example, dict)
    return example


class _Links(HTMLParser):
    """Collects what the page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        source = dict(attrs).get("href" if tag == "link" else "src")
        if tag in {"link", "script", "img"} and source:
            self.loads.append(source)


def test_what_the_page_and_its_modules_load_is_there(files: dict[str, PageFile]) -> None:
    links = _Links()
    links.feed(_read(files["/"]))
    modules = [file for file in files.values() if file.content_type == "text/javascript"]
    imports = [name for module in modules for name in re.findall(r'from "\./([^"]+)"', _read(module))]
    assert {f"/{name}" for name in links.loads + imports} == set(files) - {"/"}


def test_nothing_of_the_page_is_loaded_from_elsewhere(files: dict[str, PageFile]) -> None:
    linked = "https://github.com/readpool/readpool/blob/main/docs/policy.md"  # to be followed by people
    namespaces = ("http://www.w3.org/2000/svg", linked)
    for file in files.values():
        addresses = set(re.findall(r"\b(?:https?:)?//[a-z0-9.-]+\.[a-z]+[^\s\"']*", _read(file)))
        assert addresses <= set(namespaces), file.path


def test_no_text_is_ever_made_into_markup(files: dict[str, PageFile]) -> None:
    for file in files.values():
        forbidden = re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", _read(file)
        )
        assert forbidden == [], file.path


def test_the_example_is_understood_by_the_scaler(files: dict[str, PageFile]) -> None:
    example = _read_example(files)
    spec = example["spec"]
    (trigger,) = spec["triggers"]
    parsed = parse_trigger(example["metadata"]["namespace"], trigger["metadata"], allow_static_nodes=False)
    assert parsed.fleet.source == ServiceSource("core-nodes", 11626)
    assert trigger["type"] == "external"
    assert parsed.fleet.bounds.minimum == spec["minReplicaCount"]
    assert parsed.fleet.bounds.maximum == spec["maxReplicaCount"]


def test_the_words_of_the_page_are_those_of_the_scaler(files: dict[str, PageFile]) -> None:

    words = _read(files["/words.js"])
    for name in [*(each.value for each in ReplicaClass), *(each.name.lower() for each in Health)]:
        assert re.search(rf"^  {name}: {{ word: ", words, re.MULTILINE), name
