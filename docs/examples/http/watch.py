"""Edits every picture that is put into a folder: what it becomes goes into another folder.

python watch.py ADDRESS FROM TO '{"task": "super-resolve", "factor": 2}'

The picture is given as the option `image`, or as what a word behind that says. The token is in the
variable SINDDM_TK_TOKEN. A picture whose result is there already, and newer, is left alone.
"""

import glob
import json
import os
import sys
import time
from pathlib import Path

from client import Studio

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".heic", ".avif"}


class Watch:
    """Knows what it has seen."""

    def __init__(self, studio, source, target, edit, option="image", tell=print):
        self.studio, self.edit, self.option, self.tell = studio, edit, option, tell
        self.source, self.target = Path(source), Path(target)
        self.seen, self.tried = {}, {}

    def look(self):
        """Edit what is new since the last look, and had come whole by then."""
        for path in sorted(self.source.iterdir()):
            if path.suffix.lower() not in SUFFIXES:
                continue
            facts = (path.stat().st_size, path.stat().st_mtime)
            is_whole, self.seen[path] = self.seen.get(path) == facts, facts
            if is_whole and self.tried.get(path) != facts and not self.is_made(path, facts[1]):
                self.tried[path] = facts
                self.make(path)

    def is_made(self, path, written):
        made = self.target.glob(f"{glob.escape(path.stem)}.*")
        return any(one.stat().st_mtime >= written for one in made)

    def make(self, path):
        try:
            results = self.studio.edit(self.edit, {self.option: path}, tell=lambda line: None)
        except RuntimeError as error:
            return self.tell(f"{path.name}: {error}")
        for k, (name, data) in enumerate(results.items(), 1):
            number = "" if k == 1 else f".{k}"
            made = self.target / f"{path.stem}{number}{Path(name).suffix}"
            made.write_bytes(data)
            self.tell(f"{path.name}: wrote {made}")


def main():
    address, source, target, edit, *option = sys.argv[1:]
    studio = Studio(address, os.environ["SINDDM_TK_TOKEN"])
    watch = Watch(studio, source, target, json.loads(edit), *option)
    while True:
        watch.look()
        time.sleep(1)


if __name__ == "__main__":
    main()
