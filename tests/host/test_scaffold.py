"""New packages of plugins: their names, and that nothing is overwritten."""

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
    assert written == {place.format(package="sinddm_other") for place in FILES}
