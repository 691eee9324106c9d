import pytest
import torch
from torch.nn import functional as F

from sinddm_toolkit.engine.networks import CELL, HALO, Frame, HalfResolutionDenoiser, PaperDenoiser

BOTH = pytest.mark.parametrize("network_class", [PaperDenoiser, HalfResolutionDenoiser])


def test_width_160_is_the_papers_network():
    assert sum(p.numel() for p in PaperDenoiser(160).parameters()) == 1_106_772


def test_receptive_field_is_33_pixels():
    network = PaperDenoiser(8).double()
    x = torch.randn(1, 3, 61, 61, dtype=torch.double, requires_grad=True)
    network(x, torch.tensor([3]), torch.tensor([1]))[0, :, 30, 30].sum().backward()
    seen = x.grad.abs().sum((0, 1)) > 0
    rows = torch.nonzero(seen.any(1)).flatten()
    columns = torch.nonzero(seen.any(0)).flatten()
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (14, 46, 14, 46)


def test_cells_see_as_far_as_the_halo():
    network = HalfResolutionDenoiser(8).double()
    x = torch.randn(1, 3, 80, 80, dtype=torch.double, requires_grad=True)
    network(x, torch.tensor([3]), torch.tensor([1]))[0, :, 40, 40].sum().backward()
    rows = torch.nonzero((x.grad.abs().sum((0, 1)) > 0).any(1)).flatten()
    assert (rows[0], rows[-1]) == (40 - HALO, 40 + HALO + CELL - 1)


@BOTH
@pytest.mark.parametrize("size", [(70, 90), (71, 89)])
@pytest.mark.parametrize(("top", "left"), [(0, 60), (20, 30), (30, 0), (0, 0), (30, 60)])
def test_a_crop_with_its_halo_equals_the_whole(top, left, size, network_class):
    network = network_class(8).double()
    x = torch.randn(2, 3, *size, dtype=torch.double)
    t, s = torch.tensor([3, 60]), torch.tensor([1, 1])
    whole = network(x, t, s)
    rows, columns = slice(top, top + 40 + 2 * HALO), slice(left, left + 30 + 2 * HALO)
    inside = F.pad(torch.ones(2, 1, *size), (HALO,) * 4)[..., rows, columns]
    crop = F.pad(x, (HALO,) * 4)[..., rows, columns]
    part = network(crop, t, s, Frame(halo=True, inside=inside))
    assert torch.allclose(part, whole[..., top : top + 40, left : left + 30], atol=1e-12)


@BOTH
def test_timestep_and_scale_matter(network_class):
    network = network_class(8)
    x = torch.randn(1, 3, 20, 20)
    one, two = torch.tensor([1]), torch.tensor([2])
    base = network(x, one, one)
    assert not torch.allclose(base, network(x, two, one))
    assert not torch.allclose(base, network(x, one, two))
