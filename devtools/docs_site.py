"""Hooks of the documentation site: the navigation follows the files, and links out of docs/ lead to copies in the site.

mkdocs takes pages from docs/ alone, while our pages link to examples and to README, SECURITY and so on. What is linked
is copied below `repository/`, so that the site is whole without a network.
"""

import re
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
COPIED = "repository"
LINK = re.compile(r"(?P<before>\]\(|\]: )(?P<target>[^)\s#]+)(?P<after>#[^)\s]*)?(?=[)\s]|$)", re.MULTILINE)
_FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)

Nav = list[Any]


def expand_nav(nav: Nav, docs: Path) -> Nav:
    """Return the navigation without pages that do not exist, and with all pages of a folder for `FOLDER/`."""
    found: Nav = []
    for entry in nav:
        if isinstance(entry, str):
            found += _list_folder(docs, entry) if entry.endswith("/") else [entry] if _exists(docs, entry) else []
            continue
        for title, target in entry.items():
            inner: str | Nav
            if isinstance(target, str) and target.endswith("/"):
                inner = _list_folder(docs, target)
            elif isinstance(target, str):
                inner = target if _exists(docs, target) else []
            else:
                inner = expand_nav(target, docs)
            found += [{title: inner}] if inner else []
    return found


def list_listed(nav: Nav) -> list[str]:
    """List the pages of a navigation, in order."""
    pages = []
    for entry in nav:
        for target in [entry] if isinstance(entry, str) else entry.values():
            pages += [target] if isinstance(target, str) else list_listed(target)
    return pages


def list_copied(nav: Nav, docs: Path) -> list[str]:
    """List the files outside docs/ that its pages link to, or that are listed, by their path in the repository."""
    pages = {
        f"docs/{page.relative_to(docs).as_posix()}": page.read_text(encoding="utf-8") for page in docs.rglob("*.md")
    }
    wanted = {page.removeprefix(f"{COPIED}/") for page in list_listed(nav) if page.startswith(f"{COPIED}/")}
    while True:
        texts = pages | {name: (ROOT / name).read_text(encoding="utf-8") for name in wanted if name.endswith(".md")}
        linked = {target for name, text in texts.items() for target in _find_linked(name, text)}
        if linked <= wanted:
            return sorted(wanted)
        wanted |= linked


def rewrite_links(text: str, name: str) -> str:
    """Rewrite the links of a page for its place in the site; `name` is its path in the repository."""
    place = place_in_site(name)

    def rewrite(match: re.Match[str]) -> str:
        target = _resolve(name, match["target"])
        if target is None or not (ROOT / target).is_file():
            return match[0]
        return (
            f"{match['before']}{relpath(place_in_site(target), str(PurePosixPath(place).parent))}{match['after'] or ''}"
        )

    return _outside_fences(text, lambda part: LINK.sub(rewrite, part))


def place_in_site(name: str) -> str:
    """Return where a file of the repository is in the site."""
    return name.removeprefix("docs/") if name.startswith("docs/") else f"{COPIED}/{name}"


def on_config(config: Any) -> Any:
    """Make the navigation follow the files."""
    config.nav = expand_nav(config.nav, Path(config.docs_dir))
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add copies of the files outside docs/ that pages link to."""
    from mkdocs.structure.files import File  # noqa: PLC0415  # only mkdocs calls this, and tests have no mkdocs

    for name in list_copied(config.nav, Path(config.docs_dir)):
        content = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, place_in_site(name), content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_others: Any) -> str:
    """Rewrite the links of a page."""
    place = page.file.src_uri
    copied = place.startswith(f"{COPIED}/")
    return rewrite_links(markdown, place.removeprefix(f"{COPIED}/") if copied else f"docs/{place}")


def _exists(docs: Path, page: str) -> bool:
    return (ROOT / page.removeprefix(f"{COPIED}/") if page.startswith(f"{COPIED}/") else docs / page).is_file()


def _list_folder(docs: Path, folder: str) -> list[str]:
    pages = sorted(page.relative_to(docs).as_posix() for page in (docs / folder).glob("*.md"))
    return sorted(pages, key=lambda page: not page.endswith("/index.md"))


def _outside_fences(text: str, change: Any) -> str:
    parts, position = [], 0
    for fence in _FENCE.finditer(text):
        parts += [change(text[position : fence.start()]), fence[0]]
        position = fence.end()
    return "".join([*parts, change(text[position:])])


def _find_linked(name: str, text: str) -> set[str]:
    bare = _FENCE.sub("", text)
    targets = {_resolve(name, match["target"]) for match in LINK.finditer(bare)}
    return {target for target in targets if target and not target.startswith("docs/") and (ROOT / target).is_file()}


def _resolve(name: str, target: str) -> str | None:
    """Resolve a relative link of a file to a path in the repository; None for others."""
    if re.match(r"[a-z]+:|/|#", target):
        return None
    resolved = normpath(f"{PurePosixPath(name).parent}/{target}")
    return None if resolved.startswith("..") else resolved
