"""The fingerprints of rows: by them it is known whether a row has changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sinddm_toolkit.host import registry
from sinddm_toolkit.options.option import Option
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.pictures.files import content_of
from sinddm_toolkit.settings.layers import Layer, Settings

NOT_OF_THE_RESULT = ("out", "overwrite", "device")
"""Options of a run that change nothing of what a row gives."""


class Fingerprints:
    """Makes the fingerprints of many rows; a file that several of them name is hashed once."""

    def __init__(self) -> None:
        self._hashes: dict[tuple[str, int, int], str] = {}
        """By the path, time and size of a file."""

    def of(self, layer: Layer) -> tuple[str, str]:
        """Hash all settings with the content of their files → that, and one without the seed."""
        run = {k: s for k, s in layer.run.items() if k not in NOT_OF_THE_RESULT}
        seedless = {k: s for k, s in run.items() if k != "seed"}
        tasks = {
            name: self._contents(settings, registry.current().task(name).schema())
            for name, settings in layer.tasks.items()
        }
        parts = (self._contents(part, RunOptions.schema()) for part in (run, seedless))
        texts = [json.dumps([tasks, part], sort_keys=True) for part in parts]
        whole, same_but_seed = (hashlib.sha256(text.encode()).hexdigest() for text in texts)
        return whole, same_but_seed

    def _contents(self, settings: Settings, schema: Mapping[str, Option]) -> dict[str, Any]:
        return {
            name: schema[name].fingerprint(setting.value, self._content)
            for name, setting in settings.items()
        }

    def _content(self, path: str) -> str:
        """The SHA-256 of a file; if there is none, its path, as reading it will tell."""
        try:
            if not Path(path).is_file():
                return path
            facts = Path(path).stat()
            key = (path, facts.st_mtime_ns, facts.st_size)
            if key not in self._hashes:
                self._hashes[key] = content_of(Path(path))
            return self._hashes[key]
        except (OSError, ValueError):
            return path
