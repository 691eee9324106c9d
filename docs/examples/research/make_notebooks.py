"""Writes the notebooks from the scripts: python docs/examples/research/make_notebooks.py

A line `# %%` begins a cell, and `# %% [markdown]` one of text.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = ("figure5.py", "figure6.py", "table1.py")


def notebook(script: str) -> str:
    """The notebook with the cells of `script`, without what they show."""
    _, *parts = re.split(r"^# %%(.*)\n", script, flags=re.M)
    cells = [_cell(kind.strip(), text) for kind, text in zip(parts[::2], parts[1::2], strict=True)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 4,
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _cell(kind: str, text: str) -> dict[str, object]:
    if kind == "[markdown]":
        lines = [line.removeprefix("# ") for line in text.strip().splitlines(keepends=True)]
        return {"cell_type": "markdown", "metadata": {}, "source": lines}
    lines = text.strip().splitlines(keepends=True)
    code = {"execution_count": None, "outputs": []}
    return {"cell_type": "code", "metadata": {}, "source": lines, **code}


if __name__ == "__main__":
    for name in SCRIPTS:
        path = HERE / name
        text = notebook(path.read_text(encoding="utf-8"))
        path.with_suffix(".ipynb").write_text(text, encoding="utf-8")
