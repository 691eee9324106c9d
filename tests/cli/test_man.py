"""The page for `man`: that all is in it, and that troff takes every text as it is."""

import shutil
import subprocess

import click
import pytest

from sinddm_toolkit.cli.root import build_cli

NASTY = r"""
import sinddm_toolkit.api as st

class Nasty(st.Task):
    ".first dot\n\n'quote' and \\ and \\fBbold\\fR and \"more\" -- dashes"
    name = "nasty"
    summary = ".what it is"
    learns_from = "image"
    image: st.Picture = st.option("'of a picture\\nor two")

@st.hookimpl
def register_tasks():
    return [Nasty]
"""


def rendered(page):
    """The page as people see it, without its layout. Complaints fail, but for the date: there is
    none, so that the page changes with the commands alone."""
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not installed")
    lint = ["mandoc", "-Tlint", "-W", "warning"]
    told = subprocess.run(lint, input=page, capture_output=True, text=True).stdout
    assert [line for line in told.splitlines() if "missing date" not in line] == []
    shown = subprocess.run(
        ["mandoc", "-Tutf8"], input=page, capture_output=True, text=True, check=True
    ).stdout
    return "".join(bold(shown).split())


def bold(shown):
    """What is struck over, once."""
    while "\b" in shown:
        k = shown.index("\b")
        shown = shown[: k - 1] + shown[k + 1 :]
    return shown


def test_all_commands_and_options_are_in_it(command):
    code, out, err = command("man")
    assert (code, err) == (0, "")
    text = rendered(out)
    group = build_cli()
    run = group.commands["run"]
    names = [*group.commands, *run.list_commands(click.Context(run))]
    assert len(names) > 25 and all(name in text for name in names)
    assert {"--layout-sheet", "--train-seed", "--print-path"} <= {
        flag for flag in ("--layout-sheet", "--train-seed", "--print-path") if flag in text
    }
    assert text.count("--train-seedN") < 6  # once for all tasks, not with each
    for words in (["run", "sample"], ["config", "set"]):
        page = rendered(command("man", *words)[1])
        assert page.startswith("-".join(["SINDDM-TK", *words]).upper())
    assert command("man", "run", "sampel")[0] == 2


def test_troff_takes_every_text_as_it_is(command, tmp_path):
    (tmp_path / "nasty.py").write_text(NASTY)
    for words in (["man"], ["man", "run", "nasty"]):
        text = rendered(command(*words, "--plugins-dir", tmp_path)[1])
        assert ".firstdot" in text and r"'ofapicture\nortwo" in text
        assert r"'quote'and\and\fBbold\fRand" + '"more"--dashes' in text
    assert ".whatitis" in text
