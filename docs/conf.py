"""The site of the documents: `sphinx-build -W -b html docs build/site`.

Every page is plain Markdown that reads as well where it stands. `index.md` lists them, and that
list is the site's navigation: a page that isn't in it is a warning, and `-W` makes it an error, as
it does a link to a page, a heading or a file that isn't there.
"""

from __future__ import annotations

import re
from importlib import metadata

from pygments.lexer import RegexLexer
from pygments.token import Generic, Name, Text
from sphinx.application import Sphinx

project = "SinDDM toolkit"
author = "SinDDM toolkit contributors"
copyright = author
version = release = metadata.version("sinddm-toolkit")

extensions = ["myst_parser", "sphinx_copybutton"]
exclude_patterns = ["images", "static", "examples/*/src", "examples/*/tests"]
nitpicky = True
suppress_warnings = ["misc.highlighting_failure"]  # Pygments knows no CSV
myst_heading_anchors = 4
copybutton_prompt_text = "$ "
"""Left out of what the button copies; of a session only the lines that begin with it are copied."""
highlight_language = "none"

smartquotes_action = "qe"
"""Quotes and ellipses; the two dashes of an option stay two."""

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_title = project
html_copy_source = False
html_show_sphinx = False
html_last_updated_fmt = None
linkcheck_ignore = [r"http://(127\.0\.0\.1|localhost)"]


class Lines(RegexLexer):
    """Lines of a shell, and what they print: options are told apart, and never cut in two."""

    tokens = {  # noqa: RUF012 (a lexer's)
        "root": [
            (r"^\$ ", Generic.Prompt),
            (r"(?<!\S)--?[a-z][\w-]*", Name.Attribute),
            (r"[^\S\n]+|\S+|\n", Text),
        ]
    }


SECTION = re.compile(r"^## (.+)\n(?:(?!## ).*\n?)*", re.M)
OUTSIDE = re.compile(r"\]\((\.\./[A-Z]+\.md)(?:#[^)]*)?\)")
PAGE = re.compile(r"^\* \[([^]]+)\]\((?!https?:)([^)#]+)\.md\)", re.M)


def add_navigation(app: Sphinx, docname: str, source: list[str]) -> None:
    """Give the index a table of contents for each of its sections: the pages that it lists."""
    if docname != "index":
        return
    for section in SECTION.finditer(source[0]):
        entries = [f"{title} <{page}>" for title, page in PAGE.findall(section[0])]
        if entries:
            block = ["```{toctree}", ":hidden:", f":caption: {section[1]}", "", *entries, "```"]
            source[0] += "\n" + "\n".join(block) + "\n"


def offer_what_is_no_page(app: Sphinx, docname: str, source: list[str]) -> None:
    """Make links to the repository's own Markdown, `../CONTRIBUTING.md` say, lead to the file."""
    if "/" not in docname:
        source[0] = OUTSIDE.sub(r"](path:\1)", source[0])


def setup(app: Sphinx) -> None:
    for language in ("console", "none"):  # fenced, and indented
        app.add_lexer(language, Lines)
    app.connect("source-read", add_navigation)
    app.connect("source-read", offer_what_is_no_page)
