"""Paths as Windows has them, told by pure functions: no Windows is needed."""

import ntpath
import posixpath
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import pytest

from sinddm_toolkit.batching.state import beside
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.options.kinds import PictureKind
from sinddm_toolkit.pictures import files
from sinddm_toolkit.pictures.files import leads_away, way_to, wrong_on_windows
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.writing import check_file
from sinddm_toolkit.settings import presets


@pytest.mark.parametrize(
    ("path", "folder", "way"),
    [
        (r"C:\pictures\in\a.png", r"C:\pictures\out", "../in/a.png"),
        (r"c:\Pictures\a.png", r"C:\pictures", "a.png"),
        (r"C:\a.png", r"D:\out", None),
        (r"\\server\share\a.png", r"C:\out", None),
        (r"\\server\share\in\a.png", r"\\server\share\out", "../in/a.png"),
    ],
)
def test_ways_between_folders_of_windows(path, folder, way):
    assert way_to(PureWindowsPath(path), PureWindowsPath(folder), ntpath) == way


def test_a_backslash_is_a_letter_elsewhere():
    assert way_to(PurePosixPath("/a/b\\c.png"), PurePosixPath("/d"), posixpath) == "../a/b\\c.png"


def test_what_is_on_another_drive_is_told_by_its_name_or_its_whole_path(monkeypatch):
    def relpath(path, start):
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr("os.path.relpath", relpath)
    here = Path.cwd()
    picture = Picture(np.zeros((2, 2, 3), np.uint8), path=here / "a.png")
    assert PictureKind().record(picture, here / "out")["picture"] == "a.png"
    assert beside(here / "a.png", here / "out") == (here / "a.png").as_posix()


@pytest.mark.parametrize(
    "place",
    [r"C:\a.png", "C:a.png", "c:/a.png", r"\\server\share\a.png", "//server/share/a.png", "/a"],
)
def test_a_record_leads_to_no_other_drive_or_machine(place):
    assert leads_away(place, PureWindowsPath)


def test_a_record_may_lead_to_folders_beside_it():
    for place in ("a.png", "../in/a.png", r"..\in\a.png", "NUL"):
        assert not leads_away(place, PureWindowsPath)
    assert leads_away("/a.png", PurePosixPath) and not leads_away("C:a.png", PurePosixPath)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("NUL.png", "device"),
        ("con", "device"),
        ("Aux .tar.png", "device"),
        ("COM1.png", "device"),
        ("lpt².png", "device"),
        ("a.png.", "end with a dot"),
        ("a.png ", "end with a dot or a space"),
        ("a:b.png", "':'"),
        ("what?.png", "'?'"),
        ("a\tb.png", "'\\t'"),
    ],
)
def test_names_that_no_file_can_have_there(name, why, home, monkeypatch):
    assert why in wrong_on_windows(name)
    check_file(Path(name), overwrite=False)  # fine here
    monkeypatch.setattr(files, "ON_WINDOWS", True)
    with pytest.raises(UserError, match="Windows"):
        check_file(Path(name), overwrite=False)


def test_ordinary_names_are_fine(home, monkeypatch):
    monkeypatch.setattr(files, "ON_WINDOWS", True)
    for name in ("nullify.png", "COM10.png", "con-sample.png", ".hidden.png", "bild ä.png"):
        assert wrong_on_windows(name) is None
        check_file(Path(name), overwrite=False)


def test_no_preset_is_called_as_a_device():
    with pytest.raises(UserError, match="'con' is no name for a preset: Windows takes that for"):
        presets.save("con", {}, "", overwrite=False)
