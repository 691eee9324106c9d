"""Records to be spoilt, pictures that carry them, and what is said of those."""

import copy
import json
import os
from pathlib import Path

from sinddm_toolkit.pictures.reading import read_record
from sinddm_toolkit.pictures.writing import write_picture
from sinddm_toolkit.testing import drawn_picture

QUICK = ("--denoiser", "closed-form", "--sampling-steps", 1, "--max-pixels", 1500)
GONE = object()


def record_in(name):
    return json.loads(read_record(name))


def carry(record, name="x.png"):
    """A picture that carries `record`, or a text in place of one."""
    text = record if isinstance(record, str) else json.dumps(record)
    write_picture(Path(name), drawn_picture((16, 16)), overwrite=True, record=text)
    return name


def changed(record, place, value):
    """`record` with another value at `place`, or without that key."""
    made = copy.deepcopy(record)
    *way, last = (int(key) if key.isdigit() else key for key in place.split("."))
    at = made
    for key in way:
        at = at[key]
    if value is GONE:
        del at[last]
    else:
        at[last] = value
    return made


def everything_below(*folders):
    return {
        path: path.read_bytes() if path.is_file() else None
        for folder in folders
        for path in Path(folder).rglob("*")
    }


def refused(command, name):
    """The lines that replay and presets say of the record in `name`; they write nothing."""
    home = Path(os.environ["SINDDM_TK_HOME"])
    before = everything_below(".", home)
    said = []
    for words in (("replay", name, "--out", "new.png"), ("presets", "save", "look", name)):
        code, out, err = command(*words)
        lines = err.splitlines()
        assert code == 2 and not out and len(lines) == 1, (code, out, err)
        said.append(lines[0])
    assert everything_below(".", home) == before
    return said
