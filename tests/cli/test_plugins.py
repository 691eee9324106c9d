"""The command `plugins list`."""

import json

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
