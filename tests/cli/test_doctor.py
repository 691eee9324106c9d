"""The command `doctor`."""

import json
import subprocess
import sys


def test_doctor(command):
    code, out, _ = command("doctor", "--json")
    facts = json.loads(out)
    assert code == 0 and facts["store writable"] is True
    assert {"torch", "device", "precision", "CLIP weights", "model store"} <= set(facts)


def test_doctor_lists_plugins_from_elsewhere(command, tmp_path):
    installed = json.loads(command("doctor", "--json")[1])["plugins"]
    path = tmp_path / "mine.py"
    path.write_text('__version__ = "1.2"\n')
    (tmp_path / "worse.py").write_text("1 / 0")
    folder = ("--plugins-dir", tmp_path)
    facts = json.loads(command("doctor", "--json", *folder)[1])
    assert {"name": "mine", "package": str(path), "version": "1.2"} in facts["plugins"]
    assert len(facts["plugins"]) == len(installed) + 2 and facts["broken plugins"] == "worse"
    code, out, _ = command("doctor", *folder)
    assert code == 0 and f"mine 1.2 ({path}), worse ({tmp_path / 'worse.py'})" in out


def test_doctor_works_where_torch_does_not():
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "from sinddm_toolkit.cli.main import main; main(['doctor'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert lines["torch"].startswith("cannot be imported: ModuleNotFoundError: ")
    assert {"python", "pillow", "store", "plugins"} <= set(lines) and "device" not in lines
