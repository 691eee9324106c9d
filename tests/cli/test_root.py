"""The command as a whole: its help, and what is shown of a bug."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest

from sinddm_toolkit.cli.root import build_cli
from sinddm_toolkit.errors import PluginError

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


def test_each_summary_fits_a_line_of_80_columns(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for group in ([], ["run"], ["config"]):
        _, _, commands = command(*group, "--help")[1].partition("\nCommands:\n")
        for line in commands.partition("\n\n")[0].splitlines():
            assert line[2] != " ", line  # none goes on in a second one


def test_help_tells_which_plugin_brings_a_task(command, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import sinddm_toolkit.api as st\n__version__ = '3.2'\n"
        "class Mine(st.Task):\n"
        "    name = 'mine'\n    summary = 'what mine does'\n    learns_from = 'image'\n"
        "    image: st.Picture = st.option('the picture')\n"
        "@st.hookimpl\ndef register_tasks():\n    return [Mine]\n"
    )
    folder = ("--plugins-dir", tmp_path)
    out = " ".join(command("run", "--help", *folder)[1].split())
    bundled, _, other = out.partition(f"Of {tmp_path / 'mine.py'} 3.2: ")
    assert other == "mine what mine does" and " sample random pictures" in bundled
    out = "".join(command("run", "mine", "--help", *folder)[1].split())
    assert f"Thistaskisbroughtby{tmp_path / 'mine.py'}3.2." in out
    assert "is brought by" not in command("run", "sample", "--help")[1]


@pytest.mark.parametrize("words", [(), ("run",), ("config",)])
def test_a_group_alone_shows_its_help(words, command):
    _, out, err = command(*words)  # click 8.1 takes that for what was asked for
    assert out + err == command(*words, "--help")[1]


ERRORS = {
    ("sample", "--image", "gone.png"): ("UserError", 2, "gone.png: there is no such file"),
    ("sample", "--imag", "bg.png"): ("UsageError", 2, "No such option --imag: did you mean"),
    ("sampel",): ("UserError", 2, "there is no task 'sampel', did you mean sample?"),
}


@pytest.mark.parametrize("words", ERRORS)
def test_json_tells_errors_too(words, command):
    kind, status, told = ERRORS[words]
    code, out, err = command("run", *words, "--json")
    error = json.loads(out)["error"]
    assert code == error["exit_code"] == status and error["kind"] == kind
    assert error["message"].startswith(told) and told in err and error["details"] == []


def test_json_tells_bugs_interruptions_and_refused_rows(command, pasted, monkeypatch):
    with Path("rows.csv").open("w") as file:
        file.write("task,image\nsample,gone.png\nsample,bg.png\n")
    error = json.loads(command("batch", "rows.csv", "--json")[1])["error"]
    assert error["kind"] == "UserError" and error["message"].startswith("1 of 2 rows are refused")
    assert "gone.png" in error["details"][0]

    def fails(error):
        def make(*_):
            raise error

        monkeypatch.setattr("sinddm_toolkit.edits.subject.make_schedule", make)
        return json.loads(command(*SAMPLE, "--json")[1])["error"]

    assert fails(ValueError("x")).items() >= {"kind": "Bug", "exit_code": 1}.items()
    assert fails(PluginError("x"))["kind"] == "PluginError"
    told = {"kind": "Interrupted", "exit_code": 130, "message": "interrupted: x", "details": []}
    assert fails(KeyboardInterrupt("x")) == told


def test_a_bug_shows_its_traceback_with_debug_only(command, pasted, tiny, monkeypatch):
    monkeypatch.setattr("sinddm_toolkit.edits.subject.make_schedule", lambda *_: 1 / 0)
    code, _, err = command(*SAMPLE)
    assert code == 1 and "a bug of ours" in err and "Traceback" not in err
    from sinddm_toolkit.cli.main import main

    with pytest.raises(ZeroDivisionError):
        main([*SAMPLE, "--debug"])
