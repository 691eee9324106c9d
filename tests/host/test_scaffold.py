"""New packages of plugins: their names, and that nothing is overwritten."""

import tomllib
from datetime import date
from pathlib import Path

import pytest

from sinddm_toolkit.host.scaffold import FILES

UNUSABLE = [
    *("Bad", "1st", "a b", "a--b", "../a", "sample", "regions", "roi", "toolkit", ""),
    *("class", "none", "lambda", "task", "picture", "user-error", "run"),
]


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_name_that_cannot_be_used_is_refused(name, command):
    code, _, err = command("plugins", "new", name)
    assert code == 2 and len(err.strip().splitlines()) == 1
    assert "name" in err and not list(Path().iterdir())


def test_nothing_is_overwritten_and_nothing_half_written(command, monkeypatch):
    code, _, err = command("plugins", "new", "mine", "--folder", "nowhere")
    assert code == 2 and "there is no folder nowhere" in err
    Path("mine").mkdir()
    code, _, err = command("plugins", "new", "mine")
    assert code == 2 and "mine exists" in err
    assert not list(Path("mine").iterdir())

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", full)
        code, _, err = command("plugins", "new", "other")
    assert code == 2 and "cannot write other: No space left" in err
    assert [path.name for path in Path().iterdir()] == ["mine"]
    code, _, err = command("plugins", "new", "other")
    assert code == 0 and "pip install -e other" in err
    written = {str(p.relative_to("other")) for p in Path("other").rglob("*") if p.is_file()}
    assert written == {"LICENSE"} | {place.format(package="sinddm_other") for place in FILES}


def project(name):
    return tomllib.loads(Path(name, "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_who_publishes_it_and_on_what_terms(command, monkeypatch):
    """A name as odd as it may be stands in the metadata as it is."""
    words = ("--author", 'Ada \\"Löve <ada@example.org>', "--url", "https://example.org/a?b#c")
    assert command("plugins", "new", "mine", *words)[0] == 0
    about = project("mine")
    assert about["authors"] == [{"name": 'Ada \\"Löve', "email": "ada@example.org"}]
    assert about["urls"] == {"Repository": "https://example.org/a?b#c"}
    assert about["license"] == "MIT" and "sinddm-toolkit-plugin" in about["keywords"]
    assert f'(c) {date.today().year} Ada \\"Löve\n' in Path("mine", "LICENSE").read_text("utf-8")
    words = ("--license", "BSD-3-Clause", "--author", "Ada \\ Co")
    assert command("plugins", "new", "other", *words)[0] == 0
    assert project("other")["authors"] == [{"name": "Ada \\ Co"}]
    assert ", Ada \\ Co\n" in Path("other", "LICENSE").read_text("utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "git")
    Path("git").write_text("[user]\n\tname = Bob\n")
    assert command("plugins", "new", "as-git-says", "--license", "none")[0] == 0
    assert project("as-git-says")["authors"] == [{"name": "Bob"}]
    assert not Path("as-git-says", "LICENSE").exists() and "license" not in project("as-git-says")
    monkeypatch.setenv("PATH", "")
    assert command("plugins", "new", "nobodys")[0] == 0
    assert not {"authors", "urls"} & project("nobodys").keys()
    assert "the authors of sinddm-nobodys" in Path("nobodys", "LICENSE").read_text()
    for wrong in (("--author", "a\nb"), ("--author", "a <b>"), ("--url", "example.org")):
        code, _, err = command("plugins", "new", "wrong", *wrong)
        assert code == 2 and wrong[0] in err and len(err.splitlines()) == 1
    assert not Path("wrong").exists()
