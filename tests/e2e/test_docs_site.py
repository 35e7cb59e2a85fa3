"""The documentation site builds strictly, and takes nothing from elsewhere: no script, style, font or picture."""

import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.docs_pages import DOCS, ROOT

pytestmark = pytest.mark.timeout(300)  # the first build makes an environment of its own
FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "srcset"}
FOLLOWED = frozenset({"canonical", "prev", "next", "alternate"})


class _Fetches(HTMLParser):
    """Collects what a browser fetches for a page by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Handle one tag."""
        given = dict(attrs)
        address = given.get(FETCHED.get(tag, ""))
        if address and not (tag == "link" and given.get("rel") in FOLLOWED):
            self.addresses.append(address)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        ["make", "docs", f"ARGS=--site-dir {folder}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, (built.stdout + built.stderr)[-4000:]
    return folder


def test_every_page_is_built_and_can_be_searched(site: Path) -> None:
    pages = {page.relative_to(DOCS).with_suffix(".html") for page in DOCS.rglob("*.md")}
    assert sorted(str(page) for page in pages if not (site / page).is_file()) == []
    assert "a malformed length crashes Core" in (site / "search" / "search_index.json").read_text(encoding="utf-8")


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    fetched = []
    for page in site.rglob("*.html"):
        parser = _Fetches()
        parser.feed(page.read_text(encoding="utf-8"))
        fetched += [(page.name, one) for one in parser.addresses if re.match(r"(https?:)?//", one)]
    assert fetched == []


def test_links_out_of_the_pages_lead_to_files_of_the_site(site: Path) -> None:
    assert 'href="repository/examples/envoy-eds.yaml"' in (site / "routing.html").read_text(encoding="utf-8")
    assert (site / "repository" / "examples" / "envoy-eds.yaml").is_file()
    assert (site / "repository" / "SECURITY.html").is_file()
