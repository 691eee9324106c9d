"""Files that are written whole or not at all, whatever fails and whatever is there."""

import errno
import os
import stat

import numpy as np
import pytest

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.pictures import writing
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.reading import read_picture
from sinddm_toolkit.pictures.writing import encoded, write_picture
from tests.pictures.examples import (
    no_links,
    noise,
    refusal,
)


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_a_failed_write_leaves_nothing(failure, call, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def fail(*arguments):
        raise failure

    monkeypatch.setattr(os, call, fail)
    with pytest.raises((UserError, KeyboardInterrupt)) as caught:
        write_picture(path, Picture(noise(3)), overwrite=True)
    if caught.type is UserError:
        assert str(caught.value) == f"cannot write {path}: No space left"
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_not_replaced(links, tmp_path, monkeypatch):
    path = tmp_path / "a.png"

    def slow(*arguments):
        path.write_bytes(b"someone else's")
        return encoded(*arguments)

    monkeypatch.setattr(writing, "encoded", slow)
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    message = refusal(write_picture, path, Picture(noise(3)))
    assert message == f"{path} exists: give --overwrite or another --out"
    assert path.read_bytes() == b"someone else's"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("fails", [True, False])
def test_folders_that_know_no_links(fails, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", no_links)
    if fails:
        monkeypatch.setattr(os, "replace", no_links)
        assert "not permitted" in refusal(write_picture, tmp_path / "a.png", Picture(noise(3)))
        assert list(tmp_path.iterdir()) == []
    else:
        write_picture(tmp_path / "a.png", Picture(noise(3)))
        assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
        assert np.array_equal(read_picture(tmp_path / "a.png").pixels, noise(3))


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "real.png").touch()
    (tmp_path / "link.png").symlink_to(tmp_path / "there" / "real.png")
    write_picture(tmp_path / "link.png", Picture(noise(3)), overwrite=True)
    assert (tmp_path / "link.png").is_symlink()
    assert np.array_equal(read_picture(tmp_path / "there" / "real.png").pixels, noise(3))


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_written_files_have_the_usual_permissions(mask, tmp_path):
    old = os.umask(mask)
    try:
        write_picture(tmp_path / "a.png", Picture(noise(3)))
        write_picture(tmp_path / "a.png", Picture(noise(3)), overwrite=True)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o666 & ~mask
