"""The commands `plugins list`, `show`, `install` and `uninstall`; what they install is tested in
test_installed_plugins."""

import json
import sys
from pathlib import Path

import pytest

from sinddm_toolkit import __version__, api
from sinddm_toolkit.host import packages
from tests.conftest import SHORT
from tests.host.plugin_files import plugin


def test_plugins_list(command, tmp_path, known):
    folder = plugin(tmp_path / "p", "broken", text="import no_such_module")
    code, out, _ = command("plugins", "list", "--json", "--plugins-dir", folder)
    assert code == 0
    records = {record["name"]: record for record in json.loads(out)}
    assert records["super-resolve"]["tasks"] == ["super-resolve"]
    assert records["super-resolve"]["hooks"] == ["register_tasks", "modify_x0", "plan_edit"]
    assert "no_such_module" in records["broken"]["error"]
    code, _, err = command("run", "broken", "--plugins-dir", folder)
    assert code == 1 and "ModuleNotFoundError" in err and len(err.splitlines()) == 1
    code, _, err = command("run", "its-task", "--plugins-dir", folder)
    assert code == 2 and "(broken plugins: broken; see `plugins list`)" in err
    assert command(*SHORT, "--out", "o.png", "--plugins-dir", folder)[0] == 0
    code, out, _ = command("plugins", "list", f"--plugins-dir={folder}", "--no-plugin", "regions")
    assert code == 0 and "broken: ModuleNotFoundError" in out and "tasks: sample" not in out


def test_those_with_a_hook(command):
    code, out, _ = command("plugins", "list", "--hook", "make_service", "--json")
    assert code == 0
    assert [one["name"] for one in json.loads(out)] == ["clip", "closed-form", "patches"]
    code, _, err = command("plugins", "list", "--hook", "modify_x")
    assert code == 2 and "modify_x0" in err


WHOLE = """
from pathlib import Path

def make_service(kind, name, about):
    \"\"\"Hats.\"\"\"
    if kind == "hat":
        return object()

make_service = hookimpl(make_service)

@hookimpl
def register_presets():
    return [Path(__file__).parent / "looks"]

@hookimpl
def register_commands(cli):
    cli.command("hat")(lambda: None)
"""


def test_all_is_shown_of_a_plugin(command, tmp_path):
    text = plugin(tmp_path / "p").joinpath("mine.py").read_text()
    folder = plugin(tmp_path / "p", text=f'"""Two words."""\nAPI_VERSION = 2\n{text}{WHOLE}')
    (folder / "looks").mkdir()
    (folder / "looks" / "night.toml").write_text('task = "mine"\n')
    where = ("--plugins-dir", folder)
    found = json.loads(command("plugins", "show", "mine", "--json", *where)[1])
    strength = found["tasks"][0]["options"][1]
    assert (strength["flag"], strength["default"], strength["required"]) == (
        "--strength",
        0.5,
        False,
    )
    kept = ("about", "contract", "services", "commands", "presets", "data", "license", "error")
    assert [found[key] for key in kept] == [
        *("Two words.", 2, "Hats.", ["hat"], ["night"], None, None, None)
    ]
    assert found["file"] == found["source"] == str(folder / "mine.py")
    api.data_folder("mine")
    code, out, _ = command("plugins", "show", "mine", *where)
    assert code == 0 and "  commands  sinddm-tk hat\n" in out
    assert f"  its data  {api.data_folder('mine')}\n" in out
    assert "  --image PICTURE  the picture  [required]\n" in out
    code, out, _ = command("plugins", "show", "clip")
    assert f"clip {__version__}  (sinddm-toolkit)\n" in out and "  license   MIT\n" in out
    code, _, err = command("plugins", "show", "clap")
    assert code == 2 and "did you mean clip?" in err


def test_where_one_broke_is_shown(command, tmp_path):
    text = "from sinddm_toolkit.api import Task\n\nTask.none_such\n"
    folder = plugin(tmp_path / "p", "broken", text=text)
    code, out, _ = command("plugins", "show", "broken", "--plugins-dir", folder)
    assert code == 0 and "AttributeError" in out
    assert f"  broken at  {folder / 'broken.py'}, line 3\n" in out


def test_a_folder_for_the_data_of_a_plugin(home):
    folder = api.data_folder("mine")
    assert folder == home / "plugins" / "mine" and folder.is_dir() and api.data_folder("mine")
    for name in ("..", "a/b", "A", "", "con", "c:"):
        with pytest.raises(ValueError, match="is no name"):
            api.data_folder(name)
    (home / "plugins" / "taken").write_text("")
    with pytest.raises(api.UserError, match="cannot make the folder"):
        api.data_folder("taken")


NO_PACKAGES = {
    "folder": "has no pyproject.toml",
    "file.py": "is no package",
    "./nothing": "there is no file",
    "gone.whl": "there is no file",
    "--index-url=x": "no name of a package",
    "a b": "no name of a package",
}


@pytest.mark.parametrize("name", NO_PACKAGES)
def test_what_is_no_package_is_refused_at_once(name, command, monkeypatch):
    monkeypatch.setattr(packages, "_carry_out", lambda *_: pytest.fail("it was carried out"))
    Path("folder").mkdir()
    Path("file.py").touch()
    code, _, err = command("plugins", "install", "--yes", "sinddm-good", "--", name)
    assert code == 2 and NO_PACKAGES[name] in err and len(err.splitlines()) == 1


def test_what_an_installer_is_given():
    Path("dusk").mkdir()
    Path("dusk", "pyproject.toml").touch()
    here = str(Path("dusk").resolve())
    for given, taken in {
        "dusk": here,  # and not the package of that name on an index
        "dusk[test]": f"{here}[test]",
        "sinddm-dusk >= 1": "sinddm-dusk>=1",
        "git+https://example.org/dusk": "git+https://example.org/dusk",
    }.items():
        assert packages.requirement(given) == taken
    with pytest.raises(api.UserError, match="only a folder"):
        packages.requirement("sinddm-dusk", editable=True)


def test_nothing_is_done_unasked_or_to_what_belongs_to_others(command, tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "_carry_out", lambda *_: pytest.fail("it was carried out"))
    code, _, err = command("plugins", "install", "sinddm-dusk")
    assert code == 2 and "Install sinddm-dusk into" in err and "--yes" in err
    folder = plugin(tmp_path / "p")
    for name, why in {
        "clip": "belongs to the toolkit",
        "mine": "is a file",
        "non": "no plugin",
    }.items():
        code, _, err = command("plugins", "uninstall", "-y", name, "--plugins-dir", folder)
        assert code == 2 and why in err


def test_the_installer_is_the_environments_own(command, tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    code, _, err = command("plugins", "install", "-y", "sinddm-dusk")
    assert code == 2 and "-m ensurepip" in err
    uv = tmp_path / ("uv.exe" if sys.platform == "win32" else "uv")
    uv.touch(mode=0o755)
    where = packages.environment()
    assert where.command == (str(uv), "pip") and where.target == ("--python", sys.executable)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert packages.environment().lasting(["a>1"]) is None
    Path(tmp_path, "uv-receipt.toml").touch()
    assert "`uv tool install sinddm-toolkit --with 'a>1'`" in packages.environment().lasting(
        ["a>1"]
    )
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path))
    monkeypatch.setattr(packages.sysconfig, "get_path", lambda _: str(tmp_path))
    Path(tmp_path, "EXTERNALLY-MANAGED").touch()
    code, _, err = command("plugins", "install", "-y", "sinddm-dusk")
    assert code == 2 and "managed by the system" in err and len(err.splitlines()) == 1


def test_a_file_that_another_plugin_hides_is_told_of(command, pasted, tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "sample.py").write_text(
        "from sinddm_toolkit.api import Picture, Task, hookimpl, option\n"
        "API_VERSION = 2\n\n\n"
        "class Sample(Task):\n"
        "    name = 'sample'\n    summary = 'mine'\n    learns_from = 'image'\n"
        "    image: Picture = option('a picture')\n\n\n"
        "@hookimpl\ndef register_tasks():\n    return [Sample]\n"
    )
    code, _, err = command("run", "sample", "--image", "gone.png", "--plugins-dir", tmp_path / "p")
    hidden, missing = err.splitlines()
    assert code == 2 and "gone.png" in missing
    assert f"plugin sample ({tmp_path / 'p' / 'sample.py'}) is left out: " in hidden
