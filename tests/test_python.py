"""`sinddm_toolkit.run`, as a script calls it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sinddm_toolkit as st
from sinddm_toolkit.errors import UserError


def pixels(path):
    return np.asarray(Image.open(path))


def test_python_interface(pasted, tiny):
    background = np.asarray(Image.open("bg.png"))
    by_array = st.run("harmonize", bg=background, composite=Image.open("c.png"), seed=1)
    by_path = st.run("harmonize", bg="bg.png", composite=Path("c.png"), seed=1, out="o.png")
    assert by_array.outputs == [] and by_path.outputs == [Path("o.png")]
    assert by_array.image.tobytes() == by_path.image.tobytes()
    assert np.array_equal(pixels("o.png"), np.asarray(by_path.image))
    with pytest.raises(st.errors.UserError, match="did you mean composite"):
        st.run("harmonize", bg=background, composit=background)


def test_python_has_to_name_a_task():
    with pytest.raises(UserError, match="name a task, or a preset that has one"):
        st.run(image="bg.png")
    with pytest.raises(UserError, match="there is no task ''"):
        st.run("", image="bg.png")
    with pytest.raises(UserError, match="there is no task ''"):
        st.run("sample", image="bg.png", also={"": {}})
