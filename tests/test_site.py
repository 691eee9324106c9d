"""The site of the documents is built without a warning, and nothing on it leads nowhere."""

import importlib.util
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[1]


class Page(HTMLParser):
    """What a page of the site leads to, shows, and can be led to at."""

    def __init__(self, path):
        super().__init__()
        self.targets, self.places, self.unnamed = [], {""}, []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.targets += [attrs[name] for name in ("href", "src") if attrs.get(name)]
        self.places.add(attrs.get("id") or "")
        if tag == "img" and not attrs.get("alt"):
            self.unnamed.append(attrs["src"])


@pytest.mark.slow
def test_the_site_is_whole(tmp_path):
    if not importlib.util.find_spec("sphinx"):
        pytest.skip("Sphinx is not there: pip install -e '.[docs]'")
    line = [sys.executable, "-m", "sphinx", "-W", "-q", "--keep-going", "-d", tmp_path / "state"]
    done = subprocess.run(
        [*line, "-b", "html", ROOT / "docs", tmp_path / "site"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    pages = {path.resolve(): Page(path) for path in (tmp_path / "site").rglob("*.html")}
    documents = [
        path.relative_to(ROOT / "docs").with_suffix(".html")
        for path in (ROOT / "docs").rglob("*.md")
    ]
    assert {(tmp_path / "site" / path).resolve() for path in documents} <= pages.keys()
    broken = []
    for path, page in pages.items():
        assert not page.unnamed, f"{path.name}: without a word for who can't see them"
        for target in page.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            linked = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            at = pages[linked].places if linked in pages else {""}
            if not linked.exists() or unquote(parts.fragment) not in at:
                broken.append(f"{path.name}: {target}")
    assert not broken, "\n".join(broken)


def test_the_front_page_lists_every_page_once():
    """The list is the site's navigation."""
    docs = ROOT / "docs"
    listed = re.findall(r"^\* \[[^]]+\]\(([^)]+)\)", (docs / "index.md").read_text(), re.M)
    assert len(set(listed)) == len(listed)
    assert {docs / name for name in listed} == {*docs.rglob("*.md")} - {docs / "index.md"}
