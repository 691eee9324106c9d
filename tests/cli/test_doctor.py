"""The command `doctor`."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from sinddm_toolkit.cli.requirements import required


def test_doctor(command):
    code, out, _ = command("doctor", "--json")
    facts = json.loads(out)
    assert code == 0 and facts["store writable"] is True
    assert {"torch", "device", "precision", "CLIP weights", "model store"} <= set(facts)


def test_doctor_tells_what_is_wrong_with_the_config(command, home):
    home.mkdir()
    file = home / "config.toml"
    for text, told in (
        ('quality = "paper"\n', f"{file} (sets quality)"),
        ("quality = 3\n", f"broken: {file}, line 1: quality: 3 is not allowed"),
        ('plugins-dir = ["gone"]\n', f"broken: {file}: plugins-dir: there is no folder"),
    ):
        file.write_text(text)
        code, out, _ = command("doctor", "--json")
        assert code == 0 and json.loads(out)["config"].startswith(told)


def test_doctor_lists_plugins_from_elsewhere(command, tmp_path):
    installed = json.loads(command("doctor", "--json")[1])["plugins"]
    path = tmp_path / "mine.py"
    path.write_text('__version__ = "1.2"\n')
    (tmp_path / "worse.py").write_text("1 / 0")
    folder = ("--plugins-dir", tmp_path)
    facts = json.loads(command("doctor", "--json", *folder)[1])
    mine = {"name": "mine", "package": str(path), "version": "1.2", "error": None}
    assert mine in facts["plugins"] and len(facts["plugins"]) == len(installed) + 2
    why = "ZeroDivisionError: division by zero"
    assert facts["plugins"][-1]["error"] == why and facts["broken plugins"] == f"worse ({why})"
    code, out, _ = command("doctor", *folder)
    assert code == 0 and f"mine 1.2 ({path}), worse ({tmp_path / 'worse.py'}) broken" in out


@pytest.mark.parametrize(
    ("module", "package"),
    [("torch", "torch"), pytest.param("numpy", "numpy", marks=pytest.mark.slow)],
)
def test_doctor_tells_what_can_not_be_imported(module, package):
    """With numpy, or pluggy, there is no command line at all."""

    def done(*words):
        script = f"import sys; sys.modules[{module!r}] = None\nfrom sinddm_toolkit.cli.main "
        script += f"import main; main({words})"
        return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    doctor = done("doctor")
    lines = dict(line.split(maxsplit=1) for line in doctor.stdout.splitlines())
    assert lines[package].startswith("cannot be imported: ModuleNotFoundError: ")
    assert {"python", "click"} <= set(lines) and lines["click"][0].isdigit()
    if module == "numpy":
        assert doctor.returncode == 1
        other = done("run", "sample")
        assert other.returncode == 1 and "installation is broken" in other.stderr
        assert len(other.stderr.splitlines()) == 1
    else:
        assert doctor.returncode == 0 and {"store", "plugins"} <= set(lines)
        assert ("device" in lines) == (module != "torch")


def test_all_that_is_required_is_looked_at():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    names = {re.split("[^A-Za-z0-9_.-]", one)[0] for one in project["dependencies"]}
    assert names == set(required())
    assert not [name for name in required().values() if find_spec(name) is None]
