"""The command as a whole: its help, and what is shown of a bug."""

import resource
import subprocess
import sys

import click
import pytest

from sinddm_toolkit.cli.root import build_cli

SAMPLE = ("run", "sample", "--image", "bg.png")


def test_help_is_quick_and_imports_no_torch():
    script = (
        "import sys; from sinddm_toolkit.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: print('torch' in sys.modules, file=sys.stderr)"
    )
    for words in (["--help"], ["run", "--help"], ["run", "sample", "--help"]):
        done = subprocess.run(
            [sys.executable, "-c", script, *words], capture_output=True, text=True, check=True
        )
        assert done.stderr.strip() == "False"
    # Processor time, beside that of what can't be done without: neither other programs nor a slow
    # machine, nor an old numpy, must make it fail.
    seconds = {"-c import numpy": [], "-m sinddm_toolkit.cli --help": []}
    for _ in range(4):
        for words, taken in seconds.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            line = [sys.executable, *words.split(maxsplit=1 if "-c" in words else -1)]
            subprocess.run(line, check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    needed, taken = map(min, seconds.values())
    assert taken < 4 * needed


def commands(group, *words):
    """The words of every command of a group, of the groups in it too, and of `group` itself."""
    yield words
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, *words, name)
        else:
            yield (*words, name)


def test_every_command_has_help(command):
    found = list(commands(build_cli()))
    assert {("run", "harmonize"), ("batch",), ("presets", "save"), ("clip", "fetch")} <= {*found}
    for words in found:
        code, out, err = command(*words, "--help")
        usage, _, told = out.partition("\n\n")
        assert (code, err) == (0, "") and usage.startswith("Usage: "), words
        assert not told.lstrip().startswith("Options:"), words  # what it is for comes first


def test_lists_of_commands_cut_no_summary_short(command, monkeypatch):
    for width in ("40", "80", "200"):
        monkeypatch.setenv("COLUMNS", width)
        for group in ([], ["run"], ["models"], ["plugins"], ["presets"], ["clip"]):
            code, out, _ = command(*group, "--help")
            assert code == 0
            _, _, commands = out.partition("\nCommands:\n")
            assert len(commands.splitlines()) > 1 and "..." not in commands
    assert "later edits of it take seconds\n" in command("--help")[1]


def test_a_bug_shows_its_traceback_with_debug_only(command, pasted, tiny, monkeypatch):
    monkeypatch.setattr("sinddm_toolkit.edits.subject.make_schedule", lambda *_: 1 / 0)
    code, _, err = command(*SAMPLE)
    assert code == 1 and "a bug of ours" in err and "Traceback" not in err
    from sinddm_toolkit.cli.main import main

    with pytest.raises(ZeroDivisionError):
        main([*SAMPLE, "--debug"])
