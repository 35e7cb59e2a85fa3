"""The pages of documentation as tests read them: links, anchors and code blocks of every markdown file of ours."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
BESIDE = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "charts/readpool/README.md")
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```\s*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?P<target>[^)\s#]*)(?:#(?P<anchor>[^)\s]*))?\)")
HEADING = re.compile(r"^#{1,6} +(?P<text>.+?) *#*$", re.MULTILINE)
HEREDOC = re.compile(r"<<EOF.*?^EOF$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code in a page: where it begins, and its text without the indentation of the fence."""

    page: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        """Where it is, as FILE:LINE."""
        return f"{self.page}:{self.line}"


def list_pages() -> list[Path]:
    """List all pages."""
    return [*sorted(DOCS.rglob("*.md")), *(ROOT / name for name in BESIDE)]


def list_blocks(*languages: str) -> Iterator[Block]:
    """List the blocks of these languages in all pages."""
    for path in list_pages():
        text = path.read_text(encoding="utf-8")
        for found in FENCE.finditer(text):
            if found["language"] in languages:
                line = text.count("\n", 0, found.start()) + 1
                indent = len(found["indent"])
                code = "\n".join(one[indent:] for one in found["text"].splitlines())
                yield Block(str(path.relative_to(ROOT)), line, found["language"], code)


def list_manifest_texts() -> Iterator[tuple[str, str]]:
    """List the manifests of all pages: blocks of YAML, and what a shell command is given to apply."""
    for block in list_blocks("yaml", "sh"):
        if block.language == "yaml":
            yield block.place, block.text
        else:
            yield from (
                (block.place, found[0].partition("\n")[2].removesuffix("EOF")) for found in HEREDOC.finditer(block.text)
            )


def list_commands() -> Iterator[tuple[str, str]]:
    """List the commands of all pages, each on one line, without comments and here-documents."""
    for block in list_blocks("sh"):
        text = HEREDOC.sub("", block.text.replace("\\\n", " "))
        for line in text.splitlines():
            command = re.sub(r"(^| +)#.*$", "", line).strip().removeprefix("$ ")
            if command:
                yield block.place, re.sub(r"\s+", " ", command)


def list_links(path: Path) -> Iterator[tuple[str, str]]:
    """List the links of a page to files of ours: target and anchor, each may be empty."""
    bare = re.sub(r"`[^`\n]*`", "", FENCE.sub("", path.read_text(encoding="utf-8")))
    for found in LINK.finditer(bare):
        if not re.match(r"[a-z]+:", found["target"]):
            yield found["target"], found["anchor"] or ""


def list_anchors(path: Path) -> set[str]:
    """List the anchors of a page's headings, as GitHub and the site make them."""
    bare = FENCE.sub("", path.read_text(encoding="utf-8"))
    return {make_anchor(found["text"]) for found in HEADING.finditer(bare)}


def make_anchor(heading: str) -> str:
    """Make the anchor of a heading."""
    shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
    return re.sub(r"[^\w\- ]", "", shown).strip().replace(" ", "-")
