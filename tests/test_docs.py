"""What the documents show must work."""

import re
from pathlib import Path

import click
import pytest

from sinddm_toolkit import registry
from sinddm_toolkit.cli.main import build_cli

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_plugin_of_the_guide_runs(command, tmp_path, pasted, tiny):
    text = (ROOT / "docs" / "writing-plugins.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.S)[1]
    (tmp_path / "dusk.py").write_text(code)
    words = ("--plugins-dir", tmp_path, "--image", "bg.png", "--seed", "1")
    assert command("run", "dusk", *words, "--out", "o.png", "--depth", "0.03")[0] == 0
    assert command("run", "dusk", *words, "--out", "same.png", "--depth", "0")[0] == 0
    from sinddm_toolkit.images import read_picture

    darker, same = (read_picture(name).pixels.mean() for name in ("o.png", "same.png"))
    assert darker < same - 5


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_commands_exist(path):
    text = path.read_text()
    for target in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (path.parent / target).exists(), target
    cli = build_cli()
    context = click.Context(cli)
    for line in re.findall(r"sinddm-tk ((?:[a-z]+)(?: [a-z][a-z-]*)?)([^\n`]*)", text):
        words = line[0].split()
        found = cli.get_command(context, words[0])
        assert found is not None, line
        if words[0] == "run" and words[1:] and words[1] not in ("dusk",):
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
