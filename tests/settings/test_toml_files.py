"""TOML files: where in them a key stands, and what is none."""

from pathlib import Path

import pytest

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.settings.toml_files import TomlFile


def test_lines_of_keys_are_found():
    text = (
        "# a = 1\n\na = 1\nb = [\n  1,\n  2,\n]\n\n[t]\nc = '''\nx\n'''\n"
        "[[r]]\nk = 1\n[[r]]\n# k\nk = { m = 2 }\n"
    )
    file = TomlFile(Path("f"), text)
    keys = [("a",), ("b",), ("t",), ("t", "c"), ("r", 0, "k"), ("r", 1), ("r", 1, "k", "m")]
    assert [file.line(key) for key in keys] == [3, 4, 9, 10, 14, 15, 17]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a = ", "f.toml is not TOML: "),
        (b"a = 1\na = 2", "f.toml is not TOML: "),
        (b"[" * 100_000, "f.toml is not TOML: "),
        (b"a = '\xff'", "f.toml is no text in UTF-8"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_what_is_none_is_refused_in_one_line(content, said, tmp_path):
    (tmp_path / "f.toml").write_bytes(content)
    with pytest.raises(UserError) as refused:
        TomlFile.read(tmp_path / "f.toml")
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_files_that_are_not_there_are_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.toml: there is no such file"):
        TomlFile.read(tmp_path / "none.toml")


def test_a_mark_at_the_begin_of_a_file_is_no_part_of_it(tmp_path):
    """As editors of Windows write one."""
    (tmp_path / "f.toml").write_text("\ufeffa = 1\n")
    assert TomlFile.read(tmp_path / "f.toml").data == {"a": 1}
