import pytest
import torch

from sinddm_toolkit.engine.crops import Batches
from sinddm_toolkit.engine.networks import HALO
from sinddm_toolkit.engine.pyramid import build_pyramid, tensor_from_rgb
from sinddm_toolkit.engine.quality import QUALITIES
from sinddm_toolkit.engine.schedule import make_schedule
from tests.conftest import texture

CPU = torch.device("cpu")
QUALITY = QUALITIES["draft"]


@pytest.fixture(scope="module")
def subject():
    rgb = texture(90, 120).astype("float32") / 127.5 - 1
    pyramid = build_pyramid(tensor_from_rgb(rgb))
    return pyramid, make_schedule(pyramid.details, pyramid.factor)


def test_crops_reach_every_corner(subject):
    batches = Batches(*subject, QUALITY, torch.device("cpu"), 0)
    finest = subject[0].count - 1
    corners = {c for _ in range(100) for c in batches._corners(batches._scale(0, finest), (32, 32))}
    height, width = subject[0].sizes[finest]
    assert {(0, 0), (0, width - 32), (height - 32, 0), (height - 32, width - 32)} <= corners


def test_a_scale_is_cut_only_where_crops_are_cheaper():
    for size, seen in (((60, 90), (60, 90)), ((90, 120), (96, 96)), ((400, 60), (96, 92))):
        pyramid = build_pyramid(torch.zeros(1, 3, *size))
        batches = Batches(pyramid, make_schedule(pyramid.details, pyramid.factor), QUALITY, CPU, 0)
        drawn = [batches.draw(pyramid.count - 1, 5).sharp.shape[-2:] for _ in range(20)]
        assert tuple(map(max, *drawn)) == seen


@pytest.mark.parametrize("size", [(60, 90), (61, 91), (90, 121), (400, 60), (400, 61)])
def test_what_is_learnt_ends_within_a_cell_and_with_one(size):
    """As canvases do that are odd, whatever the picture is."""
    picture = torch.zeros(1, 3, *size)
    picture[..., -1, -1] = 1  # the last pixel
    pyramid = build_pyramid(picture)
    last = pyramid.scales[-1].amax()
    batches = Batches(pyramid, make_schedule(pyramid.details, pyramid.factor), QUALITY, CPU, 0)
    ends = []
    for _ in range(300):
        batch = batches.draw(pyramid.count - 1, 1)
        halo = HALO if batch.frame.halo else 0
        for place in (batch.sharp[:, 0] == last).nonzero().tolist():
            learnt = [k < n - halo for k, n in zip(place[1:], batch.sharp.shape[-2:], strict=True)]
            ends += [tuple(k % 2 for k in place[1:])] if all(learnt) else []
    assert len(ends) > 20
    for corner in ((0, 0), (0, 1), (1, 0), (1, 1)):
        assert ends.count(corner) > len(ends) / 16


def test_the_coarsest_scale_learns_all_timesteps_alike_the_others_early_ones_more(subject):
    batches = Batches(*subject, QUALITY, CPU, 0)
    drawn = {s: torch.cat([batches.draw(s, 40).t for _ in range(150)]) for s in (0, 1)}
    assert 0.4 < float((drawn[0] < 20).float().mean()) < 0.6
    assert float((drawn[1] < 20).float().mean()) > 0.62


@pytest.mark.parametrize("scale", [0, 2])
def test_of_several_pictures_each_is_seen_as_often_and_to_its_corners(scale):
    """The second is of another shape: what is cut from it is where it is itself."""
    places = torch.linspace(0.2, 1, 90 * 120)
    x, y = -places.view(1, 1, 90, 120), places.view(1, 1, 180, 60)
    pyramid = build_pyramid(x.expand(-1, 3, -1, -1), others=[y.expand(-1, 3, -1, -1)])
    batches = Batches(pyramid, make_schedule(pyramid.details, pyramid.factor), QUALITY, CPU, 0)
    drawn = [batches.draw(scale, 5).sharp for _ in range(100)]
    inside = [one[one != 0] for one in drawn]  # but for a halo
    of_second = [bool((one > 0).all()) for one in inside]
    assert all(
        second or bool((one < 0).all()) for one, second in zip(inside, of_second, strict=True)
    )
    assert 0.33 < of_second.count(True) / 100 < 0.67
    seen = torch.cat(inside)
    for source in pyramid.sources:
        least, most = source.scales[scale].aminmax()
        assert bool((seen == least).any()) and bool((seen == most).any())


def test_one_picture_draws_no_more_random_numbers_than_it_did(subject):
    """Or models that are stored could not be trained again."""
    batches = Batches(*subject, QUALITY, CPU, 3)
    t, expected = batches.draw(0, 40).t, torch.Generator().manual_seed(3)
    assert torch.equal(t, torch.randint(40, (QUALITY.batch,), generator=expected))
    spared = [int(torch.randint(2, (), generator=expected)) for _ in range(2)]
    assert torch.equal(batches.places.get_state(), expected.get_state()) and len(spared) == 2
