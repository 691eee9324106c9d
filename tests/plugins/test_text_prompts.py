from zlib import crc32

import pytest
import torch
from sinddm_toolkit.plugins.text.prompts import (
    HIGH_RESOLUTION,
    LOW_RESOLUTION,
    Prompt,
    direction,
    parse_all,
)
from sinddm_toolkit.plugins.text.style import styled

from sinddm_toolkit.errors import UserError


@pytest.mark.parametrize(
    ("written", "text", "weight"),
    [
        ("stars", "stars", 1.0),
        ("stars:2", "stars", 2.0),
        (" people : -0.5 ", "people", -0.5),
        ("dawn: the sea", "dawn: the sea", 1.0),
        ("a clock at 10:30:1", "a clock at 10:30", 1.0),
        ("{braces}", "{braces}", 1.0),
    ],
)
def test_prompts_are_text_with_a_weight(written, text, weight):
    assert Prompt.parse(written) == Prompt(text, weight)


@pytest.mark.parametrize(
    "written", ["", "  ", ":1", "stars:", "stars:0", "stars:nan", "stars:inf", "stars:1e9"]
)
def test_bad_prompts_are_refused(written):
    with pytest.raises(UserError, match="--text"):
        Prompt.parse(written)


def test_no_prompt_is_refused():
    with pytest.raises(UserError, match="say what"):
        parse_all([])


def test_templates_are_different_and_have_room_for_the_text():
    for templates, count in ((HIGH_RESOLUTION, 14), (LOW_RESOLUTION, 26)):
        assert len(set(templates)) == count
        assert all(template.count("{}") == 1 for template in templates)


def test_styles_are_named_once():
    assert styled("Van Gogh") == "Van Gogh style"
    assert styled("Van Gogh Style") == "Van Gogh Style"


class Letters:
    """Embeds a text as a fixed random unit vector of its own."""

    image_size, name = 8, "letters"

    def encode_text(self, texts):
        rows = [
            torch.randn(5, generator=torch.Generator().manual_seed(crc32(t.encode())))
            for t in texts
        ]
        return torch.nn.functional.normalize(torch.stack(rows), dim=1)


def test_one_direction_stands_for_all_cosines():
    encoder, templates = Letters(), ("{}", "a photo of {}")
    prompts = [Prompt("stars", 2.0), Prompt("people", -0.5)]
    picture = torch.nn.functional.normalize(torch.randn(5), dim=0)
    slow = 0.0
    for prompt in prompts:
        cosines = [
            float(encoder.encode_text([t.format(prompt.text)])[0] @ picture) for t in templates
        ]
        slow += prompt.weight / 2.5 * sum(cosines) / len(cosines)
    assert float(direction(encoder, prompts, templates) @ picture) == pytest.approx(slow, abs=1e-6)
