"""What is no ordinary file, from every place where one is named: pipes, devices, folders, loops."""

import os
from pathlib import Path

import pytest

# --- files that never end ---


@pytest.fixture
def endless(tmp_path, monkeypatch):
    """Makes pipes, which must not be opened: nobody writes into them."""
    pipes = []
    opened = Path.open

    def guarded(path, *arguments, **keywords):
        assert path not in pipes and not path.is_char_device(), f"{path} was opened"
        return opened(path, *arguments, **keywords)

    monkeypatch.setattr(Path, "open", guarded)

    def make(name):
        os.mkfifo(tmp_path / name)
        pipes.append(tmp_path / name)
        return tmp_path / name

    return make


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("p.png", ("run", "sample", "--image")),
        ("p.png", ("run", "inpaint", "--image", "bg.png", "--mask")),
        ("p.toml", ("run", "sample", "--image", "bg.png", "--preset")),
        ("p.toml", ("run", "--preset")),
        ("p.toml", ("presets", "validate")),
        ("p.toml", ("batch",)),
        ("p.jsonl", ("batch",)),
        ("p.csv", ("batch",)),
        ("p.png", ("replay",)),
    ],
)
def test_pipes_are_refused_at_once(name, words, endless, command, pasted):
    pipe = endless(name)
    code, _, err = command(*words, pipe)
    assert code == 2 and f"{pipe} is no ordinary file" in err, err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero"])
@pytest.mark.parametrize("option", ["--preset", "--image"])
def test_devices_are_refused_at_once(device, option, endless, command, pasted):
    code, _, err = command("run", "sample", "--image", "bg.png", option, device)
    assert (code, err) == (2, f"sinddm-tk: {device} is no ordinary file\n")


def test_a_folder_is_no_preset_and_no_batch(command, pasted):
    Path("folder.toml").mkdir()
    for words in (("run", "sample", "--preset", "./folder.toml"), ("batch", "folder.toml")):
        code, _, err = command(*words)
        assert (code, err) == (2, "sinddm-tk: folder.toml is a folder: give a file\n")


# --- links that lead nowhere ---


@pytest.fixture
def loops(pasted):
    """Links to themselves in the working folder."""
    for name in ("l.png", "l.toml", "l"):
        Path(name).symlink_to(name)


SAMPLE = ("run", "sample", "--image", "bg.png")
HARMONIZE = ("run", "harmonize", "--bg", "bg.png", "--composite", "c.png")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((*SAMPLE, "--out", "l.png"), "cannot write l.png: "),
        ((*SAMPLE, "--out", "l.png", "--overwrite"), "cannot write l.png: "),
        ((*SAMPLE, "--out", "l/a.png"), "l/a.png: there is no folder l"),
        ((*HARMONIZE, "--save-mask", "l.png"), "cannot write l.png: "),
        (("run", "sample", "--image", "l.png"), "cannot read l.png: "),
        (("run", "inpaint", "--image", "bg.png", "--mask", "l.png"), "cannot read l.png: "),
        (("replay", "l.png"), "cannot read l.png: "),
        ((*SAMPLE, "--preset", "./l.toml"), "l.toml cannot be read: "),
        (
            (*SAMPLE, "--preset", "./on-l.toml"),
            "on-l.toml, line 1: extends: l.toml cannot be read: ",
        ),
        (("batch", "l.toml"), "l.toml cannot be read: "),
        (("batch", "to-l.toml"), "l.png: "),
        (("batch", "good.toml", "--folder", "l"), "cannot make the folder "),
    ],
)
def test_a_link_to_itself_is_refused_in_one_line(words, told, loops, command):
    Path("on-l.toml").write_text('extends = "./l.toml"')
    row = '[[row]]\ntask = "sample"\nimage = "bg.png"\n'
    Path("to-l.toml").write_text(f'{row}out = "l.png"\n')
    Path("good.toml").write_text(row)
    before = sorted(path.name for path in Path().iterdir())
    code, _, err = command(*words)
    assert code == 2 and told in err, err
    assert "symbolic links" in err or "folder" in err
    assert sorted(path.name for path in Path().iterdir()) == before
    assert Path("l.png").is_symlink()


def test_a_preset_is_not_saved_through_a_link_to_itself(home, command):
    folder = home / "presets"
    folder.mkdir(parents=True)
    (folder / "look.toml").symlink_to("look.toml")
    code, _, err = command("presets", "save", "look", "sample", "--size", "2x1", "--overwrite")
    assert code == 2 and "cannot write" in err and "symbolic link" in err
