"""What the documents show must work."""

import re
from pathlib import Path

import click
import pytest

from sinddm_toolkit import registry
from sinddm_toolkit.cli.main import build_cli

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_commands_exist(path):
    text = path.read_text()
    for target in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (path.parent / target).exists(), target
    if path.name == "writing-plugins.md" or "examples" in path.parts:
        return  # of plugins that are not there; tests of their own run them
    cli = build_cli()
    context = click.Context(cli)
    for line in re.findall(r"sinddm-tk ((?:[a-z]+)(?: [a-z][a-z-]*)?)([^\n`]*)", text):
        words = line[0].split()
        found = cli.get_command(context, words[0])
        assert found is not None, line
        if words[0] == "run" and words[1:]:
            assert words[1] in registry.current().tasks
            together = [words[1], *re.findall(r" \+ ([a-z-]+)", line[1])]
            known = {
                param
                for name in together
                for opt in cli.get_command(context, "run").get_command(context, name).params
                for param in opt.opts
            }
            for flag in re.findall(r"(--[a-z-]+)", line[1]):
                assert flag in known | {"--plugins-dir", "--no-plugin", "--debug"}, flag
