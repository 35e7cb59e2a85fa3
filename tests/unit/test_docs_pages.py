"""The documentation holds together: pages are in the site, links lead somewhere, commands and their words are real."""

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from devtools.docs_site import expand_nav, list_listed, place_in_site, rewrite_links
from readpool.cli.__main__ import main
from tests.docs_pages import (
    DOCS,
    ROOT,
    list_anchors,
    list_commands,
    list_links,
    list_pages,
    make_anchor,
)

SCHEMA = json.loads((ROOT / "charts" / "readpool" / "values.schema.json").read_text(encoding="utf-8"))
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
PROGRAMS = {
    *(
        "readpool",
        "base64",
        "openssl",
        "sleep",
        "kubectl",
        "helm",
        "kind",
        "make",
        "git",
        "docker",
        "cosign",
        "sha256sum",
        "curl",
        "python",
        "pip",
        "uvx",
        "flux",
        "argocd",
        "gh",
    ),
    *(
        ".venv/bin/python",
        ".venv/bin/pytest",
        "grep",
        ".venv/bin/pre-commit",
        "hack/quickstart.sh",
        "export",
        "cd",
        "jq",
        "tar",
        "krew",
        "crane",
        "pipx",
    ),
}
KINDS = {
    *(
        "readonlypool",
        "readonlypools",
        "rop",
        "pod",
        "pods",
        "pvc",
        "crd",
        "namespace",
        "namespaces",
        "statefulset",
        "lease",
    ),
    *(
        "deploy",
        "deployment",
        "service",
        "svc",
        "events",
        "scaledobject",
        "scaledobjects",
        "hpa",
        "quota",
        "volumesnapshot",
    ),
    *(
        "nodes",
        "secret",
        "configmap",
        "endpointslices",
        "job",
        "all",
        "networkpolicy",
        "certificate",
        "certificaterequest",
    ),
}
"""What commands of kubectl in our pages may name."""


PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PINS = "devtools/cluster/pins/keda/go.mod"


class _Loader(yaml.SafeLoader):
    """A loader to which tags of Python are nothing."""


_Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)


def test_every_page_is_in_the_navigation() -> None:
    nav = expand_nav(yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), _Loader)["nav"], DOCS)  # noqa: S506 - a safe one
    listed = list_listed(nav)
    assert sorted({page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")} - set(listed)) == []
    assert len(listed) == len(set(listed)), "a page is listed twice"


@pytest.mark.parametrize("page", list_pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    lost = []
    for target, anchor in list_links(page):
        path = (page.parent / target).resolve() if target else page
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in list_anchors(path)):
            lost.append(f"{target}#{anchor}" if anchor else target)
    assert lost == []


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("The HPA's tolerance", "the-hpas-tolerance"),
        ("minReplicaCount, maxReplicaCount", "minreplicacount-maxreplicacount"),
        ("`spec` and [status](x.md)", "spec-and-status"),
    ],
)
def test_anchors_are_made_as_github_makes_them(heading: str, anchor: str) -> None:
    assert make_anchor(heading) == anchor


@pytest.mark.parametrize(
    ("page", "link", "rewritten"),
    [
        ("docs/routing.md", "[a](../examples/tenant.yaml)", "[a](repository/examples/tenant.yaml)"),
        ("docs/howto/ipv6.md", "[a](../../SECURITY.md#x)", "[a](../repository/SECURITY.md#x)"),
        ("SECURITY.md", "[a](docs/routing.md)", "[a](../routing.md)"),
        ("docs/routing.md", "[a](policy.md#x)", "[a](policy.md#x)"),
        ("docs/routing.md", "[a](https://keda.sh)", "[a](https://keda.sh)"),
        ("docs/routing.md", "```\n[a](../SECURITY.md)\n```\n", "```\n[a](../SECURITY.md)\n```\n"),
    ],
)
def test_links_out_of_the_pages_lead_to_copies_in_the_site(page: str, link: str, rewritten: str) -> None:
    assert rewrite_links(link, page) == rewritten
    assert place_in_site("SECURITY.md") == "repository/SECURITY.md"


@pytest.mark.parametrize(("place", "command"), sorted(set(list_commands())))
def test_every_command_has_words_that_exist(place: str, command: str) -> None:
    assert place
    for part in re.split(r" (?:\||&&|;) ", command):
        words = shlex.split(part, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        if words and words[0].startswith("--set"):  # the rest of a command that stands above
            check_helm(["charts/readpool", *words])
        elif words:
            assert words[0].strip("()") in PROGRAMS, f"{place}: add {words[0]!r} to the programs that pages may use"
            _CHECKS.get(words[0], lambda _words: None)(words[1:])


def check_readpool(words: list[str]) -> None:
    """Check the command and the flags of a call of readpool."""
    command: click.Command = main
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        assert words[0] in command.commands or command.get_command(click.Context(command), words[0]), words[0]
        found = command.get_command(click.Context(command), words[0])
        assert found
        command, words = found, words[1:]
        if command.context_settings.get("ignore_unknown_options"):
            return
    known = {option for param in command.params for option in (*param.opts, *param.secondary_opts)} | {"--help", "-h"}
    given = {word.partition("=")[0] for word in words if re.match(r"--?[a-zA-Z]", word)}
    assert given <= known, f"{sorted(given - known)} not among the flags of {command.name}"


def check_kubectl(words: list[str]) -> None:
    """Check the kinds that a call of kubectl names, and what it runs in a pod."""
    if "--" in words:
        inner = words[words.index("--") + 1 :]
        _CHECKS.get(inner[0], lambda _words: None)(inner[1:])
    if words and words[0] in {"get", "delete", "describe", "wait", "explain", "patch", "annotate"}:
        named = [word for word in words[1:] if not word.startswith("-")][:1]
        kinds = {re.split(r"[./]", kind)[0] for kind in named[0].split(",")} if named else set()
        assert kinds <= KINDS, f"{sorted(kinds - KINDS)}: add it to the kinds that pages may name"


def check_helm(words: list[str]) -> None:
    """Check that the values that are set are values of the chart."""
    if not any(word.startswith("charts/readpool") for word in words):
        return
    given = [words[at + 1] for at, word in enumerate(words[:-1]) if word == "--set"]
    for setting in [one for text in given for one in re.split(r",(?![^{]*\})", text)]:
        schema: Any = SCHEMA
        for name in re.split(r"\.|(?=\[)", setting.partition("=")[0]):
            schema = schema["items"] if name.startswith("[") else schema["properties"].get(name)
            assert schema is not None, f"the chart has no value {setting!r}"


def check_make(words: list[str]) -> None:
    """Check the targets."""
    targets = {word for word in words if re.fullmatch(r"[a-z0-9-]+", word) and not word.startswith("-")}
    assert targets <= TARGETS, sorted(targets - TARGETS)


_CHECKS = {"readpool": check_readpool, "kubectl": check_kubectl, "helm": check_helm, "make": check_make}


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("readpool top --onec", "--onec"),
        ("readpool tpo", "tpo"),
        ("helm install readpool charts/readpool --set scaler.replicsa=3", "replicsa"),
        ("kubectl get readonlypol -A", "readonlypol"),
        ("kubectl exec deploy/x -- readpool top --onec", "--onec"),
        ("make dmeo", "dmeo"),
    ],
)
def test_a_command_that_does_not_exist_is_found(command: str, wrong: str) -> None:
    with pytest.raises(AssertionError, match=wrong):
        test_every_command_has_words_that_exist("here", command)


def test_the_commands_of_the_quick_start_are_its_scripts() -> None:
    page, script = ((ROOT / name).read_text(encoding="utf-8") for name in ("docs/quickstart.md", "hack/quickstart.sh"))
    listed = re.findall(r"<!-- commands: begin.*?```sh\n(.*?)```", page, re.DOTALL)
    commands = [re.sub(r" +#.*", "", line) for block in listed for line in block.splitlines()]
    assert len(commands) == 6
    assert [one for one in commands if f"run '{one}'" not in script and f'run "{one}"' not in script] == []
    pinned = re.search(r"kedacore/keda/v2 v(\S+)", (ROOT / PINS).read_text(encoding="utf-8"))
    assert pinned, PINS
    assert f"--version {pinned[1]} " in commands[1], "the KEDA that the tests run"


@pytest.mark.parametrize("program", ["scaler", "controller"])
def test_the_architecture_has_a_row_for_each_room(program: str) -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(rf"^\| `{program}/(\w+)`", text, re.MULTILINE)
    rooms = {path.parent.name for path in (ROOT / program).glob("*/__init__.py")}
    assert sorted(rows) == sorted(rooms)
    contracts = PYPROJECT["tool"]["importlinter"]["contracts"]
    pure = {module for one in contracts if one["name"].startswith("Pure modules") for module in one["source_modules"]}
    marked = re.findall(rf"^\| `{program}/(\w+)` ●", text, re.MULTILINE)
    assert sorted(marked) == sorted(room for room in rooms if f"{program}.{room}" in pure), "● marks the pure ones"


def test_the_glossary_has_each_word_once_and_in_order() -> None:
    words = re.findall(r"^\| \*\*(.+?)\*\* \|", (DOCS / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(words) >= 40
    assert words == sorted(set(words), key=str.lower)
