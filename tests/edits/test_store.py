"""The folder of models: what is in it, and who may write there."""

import subprocess
import sys

import pytest

from sinddm_toolkit.edits.store import ModelStore, default_store
from sinddm_toolkit.errors import UserError


def test_store_lists_finds_and_removes(sinddm_model):
    store, key = default_store(), sinddm_model.config.key
    assert store.keys() == [key]
    assert store.find(key[:4]) == key
    with pytest.raises(UserError, match="no model"):
        store.find("zz")
    with pytest.raises(UserError, match="empty"):
        store.find("")
    store.remove(key)
    assert store.keys() == []


def test_a_locked_model_is_waited_for(tmp_path):
    """Another process holds the lock until it has written what this one then reads."""
    script = (
        "import sys; from pathlib import Path\n"
        "from sinddm_toolkit.edits.store import ModelStore\n"
        "folder = Path(sys.argv[1])\n"
        "with ModelStore(folder).locked('k'):\n"
        "    print('held', flush=True); sys.stdin.readline(); (folder / 'done').touch()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout.readline() == "held\n"
    waited = []

    def let_go():
        waited.append(True)
        other.stdin.write("\n")
        other.stdin.flush()

    with ModelStore(tmp_path).locked("k", let_go):
        assert (tmp_path / "done").exists()
    assert waited == [True]
    assert other.wait() == 0
