"""Where the toolkit keeps its data: models, and a person's presets and defaults."""

from __future__ import annotations

import os
from pathlib import Path

HOME_VARIABLE = "SINDDM_TK_HOME"


def home() -> Path:
    """The folder that SINDDM_TK_HOME names, else the platform's for such data."""
    if chosen := os.environ.get(HOME_VARIABLE):
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_data_dir("sinddm-toolkit", appauthor=False))
